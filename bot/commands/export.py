"""`/diff` and `/export`: the changes in the working directory, and the thread as Markdown, for the asker alone."""

import asyncio
from collections.abc import Iterator, Sequence
from io import BytesIO

import discord
from discord import app_commands

from bot.access.gate import Right
from bot.commands.git_safety import GitFailed
from bot.interactions.bot_client import admit
from bot.prompt.discord_message import text_of
from bot.prompt.request import sent_at
from bot.render.code_blocks import balanced
from bot.rest.calls import Urgency
from bot.rest.errors import RestError
from bot.text.markdown import code_block, escape
from bot.text.redaction import Redactor
from bot.user_messages import exports as texts
from bot.user_messages.commands import DESCRIPTIONS

from .command_client import Command, Interaction
from .git_changes import Changes

MESSAGES = 2000
"""The newest messages of a thread that are exported."""

BATCH = 100
"""Messages in one answer (Discord, Get Channel Messages)."""

LINES, WIDTH = 1500, 8 * 1024 * 1024
"""Characters of the file list that are shown, and bytes of an exported thread."""


def export_commands() -> list[Command]:
    """Create the commands."""
    return [
        app_commands.Command(name="diff", description=DESCRIPTIONS["diff"], callback=_diff),
        app_commands.Command(name="export", description=DESCRIPTIONS["export"], callback=_export),
    ]


async def _diff(interaction: Interaction) -> None:
    if not await admit(interaction, Right.TALK):
        return
    agents, thread_id = interaction.client.agents, interaction.channel_id or 0
    agent, place = agents.of(thread_id), agents.place(thread_id)
    await interaction.response.defer(ephemeral=True)  # A large directory takes git longer than Discord waits.
    try:
        found = await interaction.client.diff_queue.changes(place, agent.cwd, agent.directories, agent.view)
    except GitFailed as error:
        await interaction.followup.send(texts.no_diff(escape(str(error))), ephemeral=True)
        return
    remarks = [*_remarks(found)]
    if not found.patch:
        await interaction.followup.send(texts.with_remarks(texts.NO_CHANGES, remarks), ephemeral=True)
        return
    status, patch = await asyncio.to_thread(_redacted, found, interaction.client.redact)
    shown = status if len(status) <= LINES else status[:LINES].rsplit("\n", 1)[0] + "\n…"
    told = texts.with_remarks(code_block(shown), remarks)
    file = discord.File(BytesIO(patch), "changes.patch")
    await interaction.followup.send(told, file=file, ephemeral=True)


def _redacted(found: Changes, redact: Redactor) -> tuple[str, bytes]:
    """Redact the file list and the patch. Surrogate escapes keep any encoding of the files intact."""
    patch = redact(found.patch.decode(errors="surrogateescape"))
    return redact(found.status), patch.encode(errors="surrogateescape")


def _remarks(found: Changes) -> Iterator[str]:
    if found.cut:
        yield texts.CUT
    if found.unread:
        yield texts.UNREAD
    if found.nested:
        yield texts.NESTED


async def _export(interaction: Interaction) -> None:
    if not await admit(interaction, Right.LOOK):
        return
    await interaction.response.defer(ephemeral=True)
    try:
        text, left_out = await _thread_as_markdown(interaction)
    except RestError as error:
        await interaction.followup.send(texts.not_exported(escape(str(error))), ephemeral=True)
        return
    file = discord.File(BytesIO(text.encode()), "thread.md")
    told = texts.with_remarks(texts.EXPORTED, [texts.OLDER_LEFT_OUT] if left_out else [])
    await interaction.followup.send(told, file=file, ephemeral=True)


async def _thread_as_markdown(interaction: Interaction) -> tuple[str, bool]:
    """Read the thread as the asker can view it; return also whether older messages are left out. Raises `RestError`."""
    context, channel_id = interaction.client.context, interaction.channel_id or 0
    messages: list[discord.Message] = []
    before = interaction.id
    while len(messages) < MESSAGES:
        batch = await context.api.before(channel_id, before, most=BATCH, urgency=Urgency.LOW)
        messages = [*batch, *messages]
        if len(batch) < BATCH:
            break
        before = batch[0].id
    name = getattr(interaction.channel, "name", None) or texts.CONVERSATION
    # Rendering the worst message takes a millisecond.
    text, cut = await asyncio.to_thread(_as_markdown, name, messages)
    return text, cut or len(messages) >= MESSAGES


def _as_markdown(name: str, messages: Sequence[discord.Message]) -> tuple[str, bool]:
    """Render the newest messages that fit; return also whether older ones are left out."""
    written = [_message_as_markdown(each) for each in messages]
    kept, left = 0, WIDTH
    while kept < len(written) and (left := left - len(written[-kept - 1].encode()) - 2) > 0:
        kept += 1
    newest = written[len(written) - kept :]
    text = "\n\n".join([f"# {' '.join(name.split())}", *filter(None, newest)]) + "\n"
    return text, kept < len(written)


def _message_as_markdown(message: discord.Message) -> str:
    """Render a message. Of system messages, only the one that a thread was opened on has content."""
    if message.type is discord.MessageType.thread_starter_message and message.reference is not None:
        first = message.reference.resolved
        return _message_as_markdown(first) if isinstance(first, discord.Message) else ""
    if message.is_system():
        return ""
    files = "".join(f"\n\n[{each.filename}]({each.url})" for each in message.attachments)
    head = f"## {' '.join(message.author.display_name.split())}, {sent_at(message.id)}"
    return f"{head}\n\n{balanced(text_of(message))}{files}"
