"""Slash commands, and the buttons that steer what waits. Each asks the gate, and none waits for a turn."""

from typing import TYPE_CHECKING, Any

import discord
import structlog
from discord import app_commands

from pool.conversation import Cancelled, State

from .gate import Right
from .markdown import escape

if TYPE_CHECKING:
    from .client import ThreadlineClient

__all__ = ["Commands", "HeldButton", "cancelled_words", "held_view", "held_words"]

log = structlog.stdlib.get_logger("bot")

_NO_CONVERSATION = "There is no conversation here. Mention me in a channel, and I open a thread for it."


class Commands(app_commands.CommandTree["ThreadlineClient"]):
    """The commands of the bot."""

    def __init__(self, client: "ThreadlineClient") -> None:
        """Define them; `sync` tells Discord."""
        super().__init__(client, allowed_contexts=app_commands.AppCommandContext(guild=True))
        for callback, words in (
            (_cancel, "Stop what the agent is doing in this thread. What waits is held."),
            (_reset, "Stop, and begin a new session: the agent forgets this thread's conversation."),
            (_status, "What the agent of this thread is doing."),
        ):
            name = callback.__name__.removeprefix("_")
            self.add_command(app_commands.Command(name=name, description=words, callback=callback))

    async def on_error(
        self, interaction: discord.Interaction["ThreadlineClient"], error: app_commands.AppCommandError, /
    ) -> None:
        """Say that a command failed, and log why."""
        log.error("a command failed", command=getattr(interaction.command, "name", None), exc_info=error)
        if not interaction.response.is_done():
            await interaction.response.send_message("That failed, and the reason is in the log.", ephemeral=True)


async def _cancel(interaction: discord.Interaction["ThreadlineClient"]) -> None:
    client = interaction.client
    if not await _admitted(interaction, Right.STOP):
        return
    conversation = client.conversation(interaction)
    done = conversation.cancel(interaction.user.id) if conversation is not None else Cancelled(stopped=False, held=0)
    log.info("cancelled by a person", thread_id=interaction.channel_id, user_id=interaction.user.id)
    await interaction.response.send_message(cancelled_words(done), ephemeral=True)


async def _reset(interaction: discord.Interaction["ThreadlineClient"]) -> None:
    client = interaction.client
    if not await _admitted(interaction, Right.RESET):
        return
    conversation = client.conversation(interaction)
    if conversation is not None:
        conversation.reset(interaction.user.id)
    elif interaction.channel_id is not None:
        client.journal.set_session(interaction.channel_id, None)
    log.info("reset by a person", thread_id=interaction.channel_id, user_id=interaction.user.id)
    words = "Done. The next message begins a new session; the agent knows nothing of this one."
    await interaction.response.send_message(words, ephemeral=True)


async def _status(interaction: discord.Interaction["ThreadlineClient"]) -> None:
    if await _admitted(interaction, Right.LOOK):
        await interaction.response.send_message(_status_words(interaction), ephemeral=True)


async def _admitted(interaction: discord.Interaction["ThreadlineClient"], right: Right) -> bool:
    """Ask the gate, then whether there is a conversation at all."""
    client, thread_id = interaction.client, interaction.channel_id or 0
    if not await client.admit(interaction, right, asker_id=client.journal.asker(thread_id)):
        return False
    if not client.journal.knows(thread_id):
        await interaction.response.send_message(_NO_CONVERSATION, ephemeral=True)
        return False
    return True


def cancelled_words(done: Cancelled) -> str:
    """Say what a cancel has done."""
    words = "Stopping." if done.stopped else "Nothing is running."
    if done.held:
        words += f" {_waiting(done.held)} held; your next message goes on with them."
    return words


def _waiting(count: int) -> str:
    return "1 message is" if count == 1 else f"{count} messages are"


def _status_words(interaction: discord.Interaction["ThreadlineClient"]) -> str:
    conversation = interaction.client.conversation(interaction)
    if conversation is None:
        return "**asleep** — a message wakes the agent."
    state = str(conversation.state)
    if conversation.state is State.IN_LINE:
        state += f", number {interaction.client.pool.place(conversation)}"
    lines = [f"**{state}**"]
    if conversation.waiting:
        lines.append(f"{_waiting(conversation.waiting)} {'held' if conversation.held else 'waiting'}")
    if conversation.agent is not None and conversation.agent.name:
        lines.append(f"agent: {escape(conversation.agent.name)}")
    session = conversation.session
    if session is not None:
        lines.append(f"mode: {escape(session.mode or 'not told')}")
        lines.append(f"session: `{session.session_id.replace('`', '')[:100]}`")
        if session.usage is not None:
            lines.append(f"context: {session.usage.used:,} of {session.usage.size:,} tokens used")
    return "\n".join(lines)


class HeldButton(
    discord.ui.DynamicItem[discord.ui.Button[discord.ui.View]],
    template=r"threadline:(?P<action>continue|drop):(?P<thread>[0-9]{1,20})",
):
    """Go on with what is held in a thread, or drop it."""

    def __init__(self, action: str, thread_id: int) -> None:
        """`action` is continue or drop."""
        label, style = _ACTIONS[action]
        custom_id = f"threadline:{action}:{thread_id}"
        super().__init__(discord.ui.Button(label=label, style=style, custom_id=custom_id))
        self.action = action
        self.thread_id = thread_id

    @classmethod
    async def from_custom_id(
        cls, _interaction: discord.Interaction[Any], _item: discord.ui.Item[Any], match: Any, /
    ) -> "HeldButton":
        """Make the item that handles a press."""
        return cls(match["action"], int(match["thread"]))

    async def callback(self, interaction: discord.Interaction["ThreadlineClient"]) -> None:  # type: ignore[override]
        """Do it, if it can still be done, and take the buttons away."""
        client = interaction.client
        if interaction.channel_id != self.thread_id:
            return
        if not await client.admit(interaction, Right.STOP, asker_id=client.journal.asker(self.thread_id)):
            return
        conversation = client.pool.conversation(self.thread_id)
        if conversation is None or not conversation.held:
            words = "Nothing is held any longer."
        elif self.action == "drop":
            words = f"{_waiting(conversation.drop())} dropped by <@{interaction.user.id}>."
        else:
            words = f"{_waiting(conversation.waiting)} next; continued by <@{interaction.user.id}>."
            conversation.resume()
        await interaction.response.edit_message(content=f"-# {words}", view=None)


_ACTIONS = {
    "continue": ("Continue", discord.ButtonStyle.success),
    "drop": ("Drop all", discord.ButtonStyle.danger),
}


def held_words(count: int) -> str:
    """Say that messages wait for a person."""
    return f"-# ⏸ {_waiting(count)} held. Continue goes on with them, and so does the next message."


def held_view(thread_id: int) -> discord.ui.View:
    """Make the buttons below `held_words`."""
    view = discord.ui.View(timeout=None)
    for action in _ACTIONS:
        view.add_item(HeldButton(action, thread_id))
    view.stop()  # Dispatched by the template, also after a restart; the library need not keep it.
    return view
