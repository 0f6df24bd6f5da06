"""Buttons and a menu for waiting messages: send one now, or drop some. Each asks the gate."""

import asyncio
from collections.abc import Sequence
from typing import Any

import discord
import structlog

from bot.access.gate import Right
from bot.reply.notices import HELD
from bot.rest.live_message import answer_press
from bot.user_messages import queue
from pool.conversation import Conversation
from pool.exchange import Exchange

from .bot_client import Interaction
from .components import Button, Menu, view_of

SNIPPET = 60
"""Characters of each message to show."""

SLICE = 50
"""Messages to drop in one step."""

NOTHING_WAITING = "Nothing is waiting."

log = structlog.stdlib.get_logger("bot")


class QueueButton(
    Button, template=r"threadline:(?P<action>now|unqueue):(?P<thread_id>[0-9]{1,20}):(?P<first>[0-9]{1,20})"
):
    """Send the first of the waiting messages now, or drop them all.

    The id names the first message: a second press must not stop the turn that the first press has begun.
    """

    action: str
    thread_id: int
    first: int
    """The first message of the queue."""

    async def handle(self, interaction: Interaction) -> None:
        """Act, if messages still wait and the person may."""
        client = interaction.client
        right = Right.STOP if self.action == "now" else Right.TALK
        if not await client.admission.admit_button(interaction, self.thread_id, right):
            return
        conversation = client.pool.conversation(self.thread_id)
        if conversation is None or not conversation.queue:
            await interaction.response.edit_message(content=f"-# {NOTHING_WAITING}", view=None)
        elif self.action == "now":
            await interaction.response.send_message(send_now(conversation, self.first, interaction), ephemeral=True)
        else:
            told, rest = _drop(interaction, conversation, conversation.queue)
            await interaction.response.send_message(told, ephemeral=True)
            await _drop_rest(conversation, rest)


class DropMenu(Menu, template=r"threadline:drop_some:(?P<thread_id>[0-9]{1,20})"):
    """Drop some of the waiting messages."""

    thread_id: int

    async def handle(self, interaction: Interaction) -> None:
        """Drop the chosen messages that still wait, if the person may."""
        client = interaction.client
        if not await client.admission.admit_button(interaction, self.thread_id, Right.TALK):
            return
        conversation = client.pool.conversation(self.thread_id)
        chosen = {int(value) for value in self.item.values if value.isdecimal()}
        waiting = conversation.queue if conversation is not None else ()
        found = [exchange for exchange in waiting if not chosen.isdisjoint(exchange.message_ids)]
        told, _ = (
            _drop(interaction, conversation, found) if conversation is not None and found else (NOTHING_WAITING, ())
        )
        await interaction.response.edit_message(content=told, view=None)


def queue_view(thread_id: int, first: int) -> discord.ui.View:
    """Return the buttons of the notice that messages wait; `first` is the first of them."""
    now = discord.ui.Button[discord.ui.View](label="Send now", style=discord.ButtonStyle.primary)
    drop = discord.ui.Button[discord.ui.View](label="Drop", style=discord.ButtonStyle.secondary)
    return view_of(
        QueueButton(now, action="now", thread_id=thread_id, first=first),
        QueueButton(drop, action="unqueue", thread_id=thread_id, first=first),
    )


def drop_menu(thread_id: int, options: list[discord.SelectOption]) -> discord.ui.View:
    """Return the menu of waiting messages; the values of `options` are their ids."""
    menu = discord.ui.Select[discord.ui.View](placeholder="Drop …", max_values=len(options), options=options)
    return view_of(DropMenu(menu, thread_id=thread_id))


def send_now(conversation: Conversation | None, message_id: int, interaction: discord.Interaction[Any]) -> str:
    """Send a waiting message before all others; return the answer."""
    waiting = conversation.queue if conversation is not None else ()
    exchange = next((each for each in waiting if message_id in each.message_ids), None)
    if conversation is None or exchange is None:
        return "This message is not waiting."
    conversation.send_now(exchange, interaction.user.id)
    return "It is next; what is running is stopped for it."


def _drop(
    interaction: Interaction,
    conversation: Conversation,
    exchanges: Sequence[Exchange],
) -> tuple[str, Sequence[Exchange]]:
    """Drop the exchanges that the person may drop; return the answer, and the rest for `_drop_rest`.

    The first call drops `SLICE` of them: Discord waits 3 s for an answer.
    """
    dropped = [exchange for exchange in exchanges if may_drop(interaction, exchange)]
    for exchange in dropped[:SLICE]:
        conversation.withdraw(exchange, "dropped")
    log.info("dropped by a person", thread_id=conversation.thread_id, user_id=interaction.user.id, count=len(dropped))
    if not dropped:
        return "What waits was written by others; only they and approvers may drop it.", ()
    ids = ", ".join(str(message_id) for exchange in dropped for message_id in exchange.message_ids)
    what, audit = f"{queue.waiting(len(dropped))} dropped: {ids}", interaction.client.audit
    audit.record("stopped", what, user_id=interaction.user.id, thread_id=conversation.thread_id)
    left = len(exchanges) - len(dropped)
    return f"{len(dropped)} dropped." + (f" {left} by others stay." if left else ""), dropped[SLICE:]


async def drop_held(interaction: Interaction, conversation: Conversation) -> None:
    """Drop the held messages if the person may drop all of them, otherwise their own."""
    if not all(may_drop(interaction, each) for each in conversation.queue):
        told, rest = _drop(interaction, conversation, conversation.queue)
        await interaction.response.send_message(told, ephemeral=True)
        await _drop_rest(conversation, rest)
        return
    client, by, what = interaction.client, interaction.user.id, queue.waiting(conversation.waiting)
    told = f"-# {what} dropped by <@{by}>."
    post = client.notices.end_by_press(conversation.thread_id, HELD, told)
    conversation.drop()
    client.audit.record("stopped", f"{what} dropped", user_id=by, thread_id=conversation.thread_id)
    await answer_press(interaction, told, post)


async def _drop_rest(conversation: Conversation, exchanges: Sequence[Exchange]) -> None:
    """Drop the rest in steps. An exchange that has started stays."""
    for number, exchange in enumerate(exchanges):
        if number % SLICE == 0:
            await asyncio.sleep(0)
        if conversation.find_unsent(exchange.message_ids[-1]) is exchange:
            conversation.withdraw(exchange, "dropped")


def may_drop(interaction: Interaction, exchange: Exchange) -> bool:
    """Whether the person may drop a waiting message: their own, or as an approver any."""
    refusal = interaction.client.admission.refusal(interaction, Right.STOP, asker_id=exchange.author_id)
    return refusal is None


def snippet(exchange: Exchange) -> str:
    """Return the beginning of a waiting message."""
    text = " ".join(exchange.summary.split()) or "(no text)"
    return text if len(text) <= SNIPPET else f"{text[: SNIPPET - 1]}…"
