"""Buttons and a menu for waiting messages: send one now, or drop some. Each asks the gate."""

import asyncio
from collections.abc import Sequence

import discord
import structlog

from bot.access.gate import Right
from bot.reply.notices import HELD
from bot.rest.live_message import answer_press
from bot.user_messages import queue, steering
from pool.conversation import Conversation
from pool.exchange import Exchange

from .bot_client import Interaction
from .components import Button, Menu, view_of

SNIPPET = 60
"""Characters of each message to show."""

SLICE = 50
"""Messages to drop in one step."""

log = structlog.stdlib.get_logger("bot")


class QueueButton(
    Button, template=r"threadline:(?P<action>now|into|unqueue):(?P<thread_id>[0-9]{1,20}):(?P<first>[0-9]{1,20})"
):
    """Send the first of the waiting messages now, in place of the running turn or into it, or drop them all.

    The id names the first message: a second press must not stop the turn that the first press has begun. A press for
    the turn never stops it.
    """

    action: str
    thread_id: int
    first: int
    """The first message of the queue."""

    async def handle(self, interaction: Interaction) -> None:
        """Act, if messages still wait and the person may."""
        client = interaction.client
        right = Right.TALK if self.action == "unqueue" else Right.STOP
        if not await client.admission.admit_button(interaction, self.thread_id, right):
            return
        conversation = client.pool.conversation(self.thread_id)
        if conversation is None or not conversation.queue:
            await interaction.response.edit_message(content=f"-# {queue.EMPTY}", view=None)
        elif self.action == "unqueue":
            await _drop_own(interaction, conversation)
        elif (exchange := find_waiting(conversation, self.first)) is None:
            await interaction.response.send_message(queue.NOT_WAITING, ephemeral=True)
        elif self.action == "now":
            conversation.send_now(exchange, interaction.user.id)
            await interaction.response.defer()  # The turn above ends, and says who has stopped it.
        elif send_into_turn(conversation, exchange):
            await interaction.response.defer()  # The reply above says where it was taken in.
        else:
            await interaction.response.send_message(steering.NOT_TAKEN, ephemeral=True)


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
        told, _ = _drop(interaction, conversation, found) if conversation is not None and found else (queue.EMPTY, ())
        await interaction.response.edit_message(content=told, view=None)


def queue_view(thread_id: int, first: int, *, into_turn: bool) -> discord.ui.View:
    """Return the buttons of the notice that messages wait; `first` is the first of them.

    `into_turn`: the running turn would take it in.
    """
    label, action = (steering.SEND_NOW_BUTTON, "into") if into_turn else (queue.INTERRUPT_BUTTON, "now")
    now = discord.ui.Button[discord.ui.View](label=label, style=discord.ButtonStyle.primary)
    drop = discord.ui.Button[discord.ui.View](label=queue.DROP_BUTTON, style=discord.ButtonStyle.secondary)
    return view_of(
        QueueButton(now, action=action, thread_id=thread_id, first=first),
        QueueButton(drop, action="unqueue", thread_id=thread_id, first=first),
    )


def drop_menu(thread_id: int, options: list[discord.SelectOption]) -> discord.ui.View:
    """Return the menu of waiting messages; the values of `options` are their ids."""
    menu = discord.ui.Select[discord.ui.View](
        placeholder=queue.DROP_PLACEHOLDER, max_values=len(options), options=options
    )
    return view_of(DropMenu(menu, thread_id=thread_id))


def find_waiting(conversation: Conversation, message_id: int) -> Exchange | None:
    """Return the exchange of a waiting message; None where it is not waiting."""
    return next((each for each in conversation.queue if message_id in each.message_ids), None)


def send_into_turn(conversation: Conversation, exchange: Exchange) -> bool:
    """Send a waiting exchange into the running turn; return False where the turn cannot take it in."""
    possible = conversation.can_steer and exchange.can_join
    if possible:
        conversation.send_into_turn(exchange)
    return possible


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
        return queue.OTHERS_MESSAGES, ()
    ids = ", ".join(str(message_id) for exchange in dropped for message_id in exchange.message_ids)
    what, audit = f"{queue.messages(len(dropped))} dropped: {ids}", interaction.client.audit
    audit.record("stopped", what, user_id=interaction.user.id, thread_id=conversation.thread_id)
    left = len(exchanges) - len(dropped)
    return queue.dropped(len(dropped), left), dropped[SLICE:]


async def _drop_own(interaction: Interaction, conversation: Conversation) -> None:
    """Drop the waiting messages that the person may drop. Only where some stay the answer says so: else all is seen."""
    everything = all(may_drop(interaction, each) for each in conversation.queue)
    told, rest = _drop(interaction, conversation, conversation.queue)
    if everything:
        await interaction.response.defer()
    else:
        await interaction.response.send_message(told, ephemeral=True)
    await _drop_rest(conversation, rest)


async def drop_held(interaction: Interaction, conversation: Conversation) -> None:
    """Drop the held messages if the person may drop all of them, otherwise their own."""
    if not all(may_drop(interaction, each) for each in conversation.queue):
        await _drop_own(interaction, conversation)
        return
    client, by, count = interaction.client, interaction.user.id, conversation.waiting
    told = queue.all_dropped(count, by)
    post = client.notices.end_by_press(conversation.thread_id, HELD, told)
    conversation.drop()
    client.audit.record("stopped", f"{queue.messages(count)} dropped", user_id=by, thread_id=conversation.thread_id)
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
    text = " ".join(exchange.summary.split()) or queue.NO_TEXT
    return text if len(text) <= SNIPPET else f"{text[: SNIPPET - 1]}…"
