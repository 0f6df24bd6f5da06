"""What people do about messages that wait: see them, drop them, send one at once. Each asks the gate."""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import discord
import structlog
from discord import app_commands

from bot import user_messages as words
from bot.access.gate import Right
from bot.conversation.exchange import Exchange
from bot.interactions.components import view_of
from bot.reply.notices import HELD
from bot.rest.live_message import answer_press
from bot.text.markdown import LIMIT, escape
from pool.conversation import Conversation
from pool.exchange import Exchange as PooledExchange

if TYPE_CHECKING:
    from bot.gateway.client import ThreadlineClient

__all__ = ["DropMenu", "QueueButton", "drop_held", "queue_commands", "queue_view", "steer"]

SHOWN = 25
"""Messages that `/queue` lists (Discord, Select Menu Structure: 25 options)."""

SNIPPET = 60
"""Characters shown of each."""

MORE = 30
"""Characters kept for the count of those that are not listed."""

SLICE = 50
"""Messages that are dropped at once, before others have their turn."""

NOTHING = "Nothing is waiting."

log = structlog.stdlib.get_logger("bot")


class QueueButton(
    discord.ui.DynamicItem[discord.ui.Button[discord.ui.View]],
    template=r"threadline:(?P<action>now|unqueue):(?P<thread>[0-9]{1,20}):(?P<first>[0-9]{1,20})",
):
    """Send the first of the messages that wait at once, or drop them.

    The id names that first one: a second press in haste must not stop the turn that the first press has begun.
    """

    def __init__(self, action: str, thread_id: int, first: int) -> None:
        """`action` is now or unqueue, `first` the message that waits before all others."""
        now = action == "now"
        label, style = ("Send now", discord.ButtonStyle.primary) if now else ("Drop", discord.ButtonStyle.secondary)
        custom_id = f"threadline:{action}:{thread_id}:{first}"
        super().__init__(discord.ui.Button(label=label, style=style, custom_id=custom_id))
        self.action = action
        self.thread_id = thread_id
        self.first = first

    @classmethod
    async def from_custom_id(
        cls, _interaction: discord.Interaction[Any], _item: discord.ui.Item[Any], match: Any, /
    ) -> "QueueButton":
        """Make the item that handles a press."""
        return cls(match["action"], int(match["thread"]), int(match["first"]))

    async def callback(self, interaction: discord.Interaction["ThreadlineClient"]) -> None:  # type: ignore[override]
        """Do it, if anything still waits and the person may."""
        client = interaction.client
        right = Right.STOP if self.action == "now" else Right.TALK
        if not await client.admission.admit_button(interaction, self.thread_id, right):
            return
        conversation = client.pool.conversation(self.thread_id)
        if conversation is None or not conversation.queue:
            await interaction.response.edit_message(content=f"-# {NOTHING}", view=None)
        elif self.action == "now":
            await interaction.response.send_message(_jump(conversation, self.first, interaction), ephemeral=True)
        else:
            told, rest = _drop(interaction, conversation, conversation.queue)
            await interaction.response.send_message(told, ephemeral=True)
            await _drop_rest(conversation, rest)


class DropMenu(
    discord.ui.DynamicItem[discord.ui.Select[discord.ui.View]], template=r"threadline:drop_some:(?P<thread>[0-9]{1,20})"
):
    """Drop some of the messages that wait."""

    def __init__(self, thread_id: int, waiting: Sequence[tuple[int, str]] = ()) -> None:
        """`waiting` are the messages to choose from: ids and what is shown of them."""
        options = [discord.SelectOption(label=text, value=str(message_id)) for message_id, text in waiting]
        menu: discord.ui.Select[discord.ui.View] = discord.ui.Select(
            custom_id=f"threadline:drop_some:{thread_id}",
            placeholder="Drop …",
            max_values=max(1, len(options)),
            options=options,
        )
        super().__init__(menu)
        self.thread_id = thread_id

    @classmethod
    async def from_custom_id(
        cls, _interaction: discord.Interaction[Any], item: discord.ui.Item[Any], match: Any, /
    ) -> "DropMenu":
        """Make the item that handles a choice."""
        made = cls(int(match["thread"]))
        if isinstance(item, discord.ui.Select):
            made.item = item
        return made

    async def callback(self, interaction: discord.Interaction["ThreadlineClient"]) -> None:  # type: ignore[override]
        """Drop what was chosen, of what still waits and the person may drop."""
        client = interaction.client
        if not await client.admission.admit_button(interaction, self.thread_id, Right.TALK):
            return
        conversation = client.pool.conversation(self.thread_id)
        chosen = {int(value) for value in self.item.values if value.isdecimal()}
        waiting = conversation.queue if conversation is not None else ()
        found = [exchange for exchange in waiting if not chosen.isdisjoint(exchange.message_ids)]
        told, _ = _drop(interaction, conversation, found) if conversation is not None and found else (NOTHING, ())
        await interaction.response.edit_message(content=told, view=None)


def queue_view(thread_id: int, first: int) -> discord.ui.View:
    """Make the buttons of the notice that messages wait, of which `first` is the first."""
    return view_of(QueueButton("now", thread_id, first), QueueButton("unqueue", thread_id, first))


def queue_commands() -> list[app_commands.Command[Any, Any, Any] | app_commands.ContextMenu]:
    """Make the command, and the menu entry of a message."""
    listing: app_commands.Command[Any, Any, Any] = app_commands.Command(
        name="queue", description="What waits in this thread, with a menu to drop some of it.", callback=_queue
    )
    return [listing, app_commands.ContextMenu(name="Send now", callback=_send_now)]


async def _queue(interaction: discord.Interaction["ThreadlineClient"]) -> None:
    """List what waits in this thread, with a menu to drop some of it."""
    client, thread_id = interaction.client, interaction.channel_id or 0
    conversation = client.pool.conversation(thread_id)
    waiting = conversation.queue if conversation is not None else ()
    if not waiting:
        await interaction.response.send_message(NOTHING, ephemeral=True)
        return
    first = enumerate(waiting[:SHOWN], 1)
    lines = [f"{number}. <@{each.author_id}> {escape(_snippet(each))}" for number, each in first]
    while len("\n".join(lines)) > LIMIT - MORE:
        lines.pop()
    more = [f"… and {len(waiting) - len(lines)} more"] if len(lines) < len(waiting) else []
    text = "\n".join([*lines, *more])
    own = [(number, each) for number, each in enumerate(waiting, 1) if _may_drop(interaction, each)][:SHOWN]
    options = [(each.message_ids[-1], f"{number}. {_snippet(each)}") for number, each in own]
    view = view_of(DropMenu(thread_id, options)) if options else discord.utils.MISSING
    await interaction.response.send_message(text, view=view, ephemeral=True)


async def _send_now(interaction: discord.Interaction["ThreadlineClient"], message: discord.Message) -> None:
    """Send a message that waits in this thread at once; what runs is stopped for it."""
    client, thread_id = interaction.client, interaction.channel_id or 0
    if not await client.admit(interaction, Right.STOP, asker_id=client.journal.threads.asker(thread_id)):
        return
    told = _jump(client.pool.conversation(thread_id), message.id, interaction)
    await interaction.response.send_message(told, ephemeral=True)


def _jump(conversation: Conversation | None, message_id: int, interaction: discord.Interaction[Any]) -> str:
    """Let a message go before all others, if it waits; say what was done."""
    waiting = conversation.queue if conversation is not None else ()
    exchange = next((each for each in waiting if message_id in each.message_ids), None)
    if conversation is None or exchange is None:
        return "This message is not waiting."
    conversation.send_now(exchange, interaction.user.id)
    return "It is next; what is running is stopped for it."


def steer(conversation: Conversation | None, exchange: Exchange, *, may_stop: bool) -> bool:
    """Let a message that has just come stop the running turn, and go before what waited until then, if it may."""
    if conversation is None or conversation.running is None or not may_stop:
        return False
    conversation.steer(exchange, exchange.author_id)
    return True


def _drop(
    interaction: discord.Interaction["ThreadlineClient"],
    conversation: Conversation,
    exchanges: Sequence[PooledExchange],
) -> tuple[str, Sequence[PooledExchange]]:
    """Drop those that the person may drop: their own, or as an approver anybody's; say what was done.

    Of very many the first ones; the rest is for `_drop_rest`, for Discord waits only 3 s for an answer.
    """
    dropped = [exchange for exchange in exchanges if _may_drop(interaction, exchange)]
    for exchange in dropped[:SLICE]:
        conversation.withdraw(exchange, "dropped")
    log.info("dropped by a person", thread_id=conversation.thread_id, user_id=interaction.user.id, count=len(dropped))
    if not dropped:
        return "What waits was written by others; only they and approvers may drop it.", ()
    ids = ", ".join(str(message_id) for exchange in dropped for message_id in exchange.message_ids)
    what, audit = f"{words.waiting(len(dropped))} dropped: {ids}", interaction.client.desk.audit
    audit.record("stopped", what, user_id=interaction.user.id, thread_id=conversation.thread_id)
    left = len(exchanges) - len(dropped)
    return f"{len(dropped)} dropped." + (f" {left} by others stay." if left else ""), dropped[SLICE:]


async def drop_held(interaction: discord.Interaction["ThreadlineClient"], conversation: Conversation) -> None:
    """Drop what is held, if the person may drop all of it; else theirs, and the rest still waits for somebody."""
    if not all(_may_drop(interaction, each) for each in conversation.queue):
        told, rest = _drop(interaction, conversation, conversation.queue)
        await interaction.response.send_message(told, ephemeral=True)
        await _drop_rest(conversation, rest)
        return
    desk, by, what = interaction.client.desk, interaction.user.id, words.waiting(conversation.waiting)
    told = f"-# {what} dropped by <@{by}>."
    post = desk.notices.end_by_press(conversation.thread_id, HELD, told)
    conversation.drop()
    desk.audit.record("stopped", f"{what} dropped", user_id=by, thread_id=conversation.thread_id)
    await answer_press(interaction, told, post)


async def _drop_rest(conversation: Conversation, exchanges: Sequence[PooledExchange]) -> None:
    """Drop what is left of very many, while other threads go on; what has begun meanwhile stays."""
    for number, exchange in enumerate(exchanges):
        if number % SLICE == 0:
            await asyncio.sleep(0)
        if conversation.unsent(exchange.message_ids[-1]) is exchange:
            conversation.withdraw(exchange, "dropped")


def _may_drop(interaction: discord.Interaction["ThreadlineClient"], exchange: PooledExchange) -> bool:
    refusal = interaction.client.admission.refusal(interaction, Right.STOP, asker_id=exchange.author_id)
    return refusal is None


def _snippet(exchange: PooledExchange) -> str:
    texts = [request.text for request in exchange.requests if request.text] if isinstance(exchange, Exchange) else []
    text = " ".join(" ".join(texts).split()) or "(no text)"
    return text if len(text) <= SNIPPET else f"{text[: SNIPPET - 1]}…"
