"""Slash commands, and the buttons that steer what waits. Each asks the gate, and none waits for a turn."""

import asyncio
from typing import TYPE_CHECKING

import discord
import structlog
from discord import app_commands

from acp.memory import resident
from pool.conversation import Cancelled, Conversation, State

from .gate import Right
from .markdown import LIMIT, escape
from .words import waiting

if TYPE_CHECKING:
    from .client import ThreadlineClient

__all__ = ["Commands", "cancelled_words"]

log = structlog.stdlib.get_logger("bot")

_NO_CONVERSATION = "There is no conversation here. Mention me in a channel, and I open a thread for it."


class Commands(app_commands.CommandTree["ThreadlineClient"]):
    """The commands of the bot."""

    def __init__(self, client: "ThreadlineClient", *, dm: bool) -> None:
        """Define them; `sync` tells Discord. `dm` is whether they can be used in direct messages."""
        super().__init__(client, allowed_contexts=app_commands.AppCommandContext(guild=True, dm_channel=dm))
        for callback, words in (
            (_cancel, "Stop what the agent is doing in this thread. What waits is held."),
            (_reset, "Stop, and begin a new session: the agent forgets this thread's conversation."),
            (_close, "Stop, let the agent go and archive the thread. The session is kept; a message wakes it."),
            (_resume, "Go on with what is held here, or (admins) take up another session of the agent."),
            (_status, "What the agent of this thread is doing."),
            (_sessions, "Which threads have an agent now, and what it is doing."),
        ):
            name = callback.__name__.removeprefix("_")
            self.add_command(app_commands.Command(name=name, description=words, callback=callback))

    async def interaction_check(self, interaction: discord.Interaction["ThreadlineClient"], /) -> bool:
        """Ask the gate before any command, context menu or autocompletion; many need more, and ask again."""
        return await self.client.admit(interaction, Right.LOOK, asker_id=None)

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


async def _close(interaction: discord.Interaction["ThreadlineClient"]) -> None:
    client, thread_id = interaction.client, interaction.channel_id or 0
    if not await _admitted(interaction, Right.RESET):
        return
    conversation = client.conversation(interaction)
    if conversation is not None:
        conversation.close(interaction.user.id)
    log.info("closed by a person", thread_id=thread_id, user_id=interaction.user.id)
    await interaction.response.send_message("Closed. A message here wakes the agent again, with its session.")
    await client.archive(thread_id)


@app_commands.describe(session="The id of another session of the agent; this thread goes on with it.")
async def _resume(interaction: discord.Interaction["ThreadlineClient"], session: str = "") -> None:
    client, thread_id = interaction.client, interaction.channel_id or 0
    if not await _admitted(interaction, Right.ADMIN if session else Right.GO_ON):
        return
    conversation = client.conversation(interaction)
    if session:
        if conversation is not None:
            conversation.reset(interaction.user.id)
        client.journal.set_session(thread_id, session)
        words = "The next message here goes on with that session, if the agent has it."
        log.info("session taken up by a person", thread_id=thread_id, user_id=interaction.user.id)
    elif conversation is not None and conversation.held:
        words = f"{waiting(conversation.waiting)} next."
        conversation.resume()
    else:
        words = "Nothing is held here. A message goes on with this thread's session."
    await interaction.response.send_message(words, ephemeral=True)


async def _sessions(interaction: discord.Interaction["ThreadlineClient"]) -> None:
    client = interaction.client
    if not await client.admit(interaction, Right.LOOK, asker_id=None):
        return
    everything = client.may(interaction, Right.ADMIN)
    shown = [each for each in client.pool.conversations if everything or client.sees(interaction, each.thread_id)]
    sizes = await asyncio.to_thread(resident, [each.agent.pid for each in shown if each.agent is not None])
    lines = [_session_line(each, sizes, client.journal.asker(each.thread_id)) for each in shown]
    text = "\n".join(lines) or "No agent is running in a thread that you can see."
    await interaction.response.send_message(_fitting(text), ephemeral=True)


def _session_line(conversation: Conversation, sizes: dict[int, int], asker_id: int | None) -> str:
    parts = [f"<#{conversation.thread_id}> **{conversation.state}**"]
    if asker_id is not None:
        parts.append(f"<@{asker_id}>")
    if conversation.waiting:
        parts.append(f"{conversation.waiting} {'held' if conversation.held else 'waiting'}")
    if conversation.agent is not None:
        minutes = conversation.agent_seconds / 60
        parts.append(f"{escape(conversation.agent.name)}, {minutes:.0f} min")
        parts.append(f"{sizes.get(conversation.agent.pid, 0) / 2**20:.0f} MiB")
    return " · ".join(part for part in parts if part)


def _fitting(text: str) -> str:
    """Cut a list at a line, so that it fits into one message."""
    if len(text) <= LIMIT:
        return text
    head = text[: LIMIT - 20].rsplit("\n", 1)[0]
    return f"{head}\n… and {text.count(chr(10)) - head.count(chr(10))} more"


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


def _cost(cost: object) -> str:
    match cost:
        case {"amount": int() | float() as amount, "currency": str(currency)}:
            return f"{amount:.4g} {currency[:8]}"
        case _:
            return "not told"


def cancelled_words(done: Cancelled) -> str:
    """Say what a cancel has done."""
    words = "Stopping." if done.stopped else "Nothing is running."
    if done.held:
        words += f" {waiting(done.held)} held; your next message goes on with them."
    return words


def _status_words(interaction: discord.Interaction["ThreadlineClient"]) -> str:
    conversation = interaction.client.conversation(interaction)
    if conversation is None:
        return "**asleep** — a message wakes the agent."
    state = str(conversation.state)
    if conversation.state is State.IN_LINE:
        state += f", number {interaction.client.pool.place(conversation)}"
    lines = [f"**{state}**"]
    if conversation.waiting:
        lines.append(f"{waiting(conversation.waiting)} {'held' if conversation.held else 'waiting'}")
    if conversation.agent is not None and conversation.agent.name:
        lines.append(f"agent: {escape(conversation.agent.name)}")
    session = conversation.session
    if session is not None:
        lines.append(f"mode: {escape(session.mode or 'not told')}")
        lines.append(f"session: `{session.session_id.replace('`', '')[:100]}`")
        if session.usage is not None:
            lines.append(f"context: {session.usage.used:,} of {session.usage.size:,} tokens used")
            if session.usage.cost:
                lines.append(f"cost so far: {escape(_cost(session.usage.cost))}")
    return "\n".join(lines)
