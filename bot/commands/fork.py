"""`/fork`, "Fork from here" and `/btw`: forks of a thread's session, for a new thread or for one question."""

from collections.abc import Callable
from dataclasses import replace

import discord
import structlog
from discord import app_commands

from bot.access.gate import Place, Right
from bot.interactions.bot_client import admit
from bot.prompt.discord_message import mentioned_in, names_in, readable
from bot.prompt.request import Request, write_request
from bot.text.markdown import escape
from bot.user_messages import access
from bot.user_messages import commands as words
from bot.user_messages import forks as texts
from pool.journal.errors import JournalUnwritable
from pool.journal.forks import ForkPoint, ForkRow
from pool.journal.message_states import MessageState
from pool.journal.side_questions import SideQuestion

from .command_client import Command, CommandClient, Interaction

QUESTION = 300
"""Characters of a side question that its message shows."""

ENDED = frozenset({MessageState.FINISHED, MessageState.ANSWERED, MessageState.CLOSED})

log = structlog.stdlib.get_logger("bot")


def fork_commands() -> list[Command | app_commands.ContextMenu]:
    """Create the commands and the context menu."""
    fork: Command = app_commands.Command(name="fork", description=words.DESCRIPTIONS["fork"], callback=_fork)
    side: Command = app_commands.Command(name="btw", description=words.DESCRIPTIONS["btw"], callback=_ask_aside)
    return [fork, side, app_commands.ContextMenu(name=words.FORK_MENU, callback=_fork_from)]


# ---- forks


@app_commands.describe(text=words.FORK_TEXT)
async def _fork(interaction: Interaction, text: str = "") -> None:
    if await admit(interaction, Right.TALK):
        thread_id = interaction.channel_id or 0
        session_id = interaction.client.journal.threads.session_id(thread_id) or ""
        upto = interaction.client.journal.messages.last_finished(thread_id) or 0
        await _begin_fork(interaction, text.strip(), ForkPoint(session_id), upto)


async def _fork_from(interaction: Interaction, message: discord.Message) -> None:
    if not await admit(interaction, Right.TALK):
        return
    client, thread_id = interaction.client, interaction.channel_id or 0
    rows = client.journal.messages.exchange(message.id)
    user = client.user
    if not rows or rows[-1].thread_id != thread_id or user is None or message.author.id != user.id:
        await interaction.response.send_message(texts.NOT_AN_ANSWER, ephemeral=True)
    elif rows[-1].state not in ENDED:
        await interaction.response.send_message(texts.UNFINISHED, ephemeral=True)
    else:
        exchange_id = rows[-1].exchange_id
        point = client.journal.forks.point(exchange_id)
        if point is None:  # It is older than this, or was never sent.
            point = ForkPoint(client.journal.threads.session_id(thread_id) or "")
        elif not client.journal.threads.has_session(thread_id, point.session_id):
            point = ForkPoint("")  # Another agent had it.
        await _begin_fork(interaction, "", point, exchange_id, about=message.id)


async def _begin_fork(interaction: Interaction, text: str, point: ForkPoint, upto: int, *, about: int = 0) -> None:
    client, by = interaction.client, interaction.user.id
    place = client.admission.place(interaction.guild, interaction.channel)
    refusal = _refusal(interaction, place, point, upto)
    if refusal:
        await interaction.response.send_message(refusal, ephemeral=True)
        return
    fork = ForkRow(
        interaction.id,
        parent_id=place.channel_id,
        channel_id=place.parent_id or 0,
        guild_id=place.guild_id or 0,
        author_id=by,
        about=about,
        upto=upto,
        source_session=point.session_id,
        source_message=point.message_id,
        request=write_request(_request(interaction, text)),
    )
    line_id = await _recorded(
        interaction,
        begin=lambda: client.journal.forks.begin(fork),
        end=lambda: client.journal.forks.end(fork.fork_id),
        told=texts.forking(by),
    )
    if line_id is not None:
        client.journal.forks.told(fork.fork_id, line_id)
        client.pool.count(by)
        client.audit.record("started", "a fork", user_id=by, thread_id=fork.parent_id)
        await client.forks.begin(replace(fork, line_id=line_id))


def _refusal(interaction: Interaction, place: Place, point: ForkPoint, upto: int) -> str:
    """Say why a conversation cannot be forked; empty where it can."""
    client, channel = interaction.client, interaction.channel
    guild = interaction.guild
    if guild is None:
        return texts.DIRECT
    if place.parent_id is None:
        return texts.NO_CHANNEL
    parent = guild.get_channel(place.parent_id)
    if not isinstance(parent, discord.TextChannel):
        return texts.FORUM
    if not isinstance(interaction.user, discord.Member) or not parent.permissions_for(interaction.user).send_messages:
        return texts.no_right(place.parent_id)  # The fork begins with a message there, in this person's name.
    if not isinstance(channel, discord.Thread) or channel.is_private():
        return texts.PRIVATE
    if not (point.session_id or upto):
        return texts.NOTHING_TO_FORK
    if client.forks.is_forking(place.channel_id):
        return texts.ALREADY_FORKING
    return _bound(client, interaction)


def _bound(client: CommandClient, interaction: Interaction) -> str:
    """Say why a command that needs an agent is not accepted now; empty where it is."""
    if not client.intake.is_open:
        return words.STOPPING
    bound = client.pool.bound(interaction.id, interaction.user.id)
    return "" if bound is None else access.BOUNDS[bound]


def _request(interaction: Interaction, text: str) -> Request:
    """Describe the person and their words; the place is known when the thread is."""
    guild = interaction.guild
    channel = getattr(interaction.channel, "parent", None)
    text = readable(text, names_in(guild, {}))
    return Request(
        message_id=0,
        channel_id=0,
        thread_id=0,
        author_id=interaction.user.id,
        text=text,
        author_name=interaction.user.display_name,
        guild_id=interaction.guild_id,
        guild_name=guild.name if guild is not None else "",
        channel_name=getattr(channel, "name", None) or "",
        unnamed=bool(mentioned_in(text)),
    )


async def _recorded(
    interaction: Interaction, *, begin: Callable[[], None], end: Callable[[], None], told: str
) -> int | None:
    """Write work down, then say that it begins, for all to see; return the id of that message.

    None means that neither is done.
    """
    try:
        begin()
    except JournalUnwritable:
        await interaction.response.send_message(access.NOT_DONE, ephemeral=True)
        return None
    try:
        answer = await interaction.response.send_message(
            told, allowed_mentions=discord.AllowedMentions.none(), suppress_embeds=True
        )
    except BaseException:
        end()
        raise
    return answer.message_id or (await interaction.original_response()).id


# ---- side questions


@app_commands.describe(text=words.SIDE_TEXT)
async def _ask_aside(interaction: Interaction, text: str) -> None:
    if not await admit(interaction, Right.TALK):
        return
    client, by = interaction.client, interaction.user.id
    place = client.admission.place(interaction.guild, interaction.channel)
    thread_id, text = place.channel_id, text.strip()
    session_id = client.journal.threads.session_id(thread_id)
    if refusal := _side_refusal(interaction, thread_id, text, session_id):
        await interaction.response.send_message(refusal, ephemeral=True)
        return
    text = readable(text, names_in(interaction.guild, {}))
    shown = escape(" ".join(text.split())[:QUESTION])
    question = SideQuestion(interaction.id, thread_id, texts.side_question(by, shown))
    message_id = await _recorded(
        interaction,
        begin=lambda: client.journal.side_questions.begin(question),
        end=lambda: client.journal.side_questions.end(question.question_id),
        told=f"{question.content}\n{texts.SIDE_WAITING}",
    )
    if message_id is not None:
        client.journal.side_questions.posted(question.question_id, message_id)
        client.pool.count(by)
        client.audit.record("started", "a side question", user_id=by, thread_id=thread_id)
        posted = replace(question, message_id=message_id)
        await client.side_questions.begin(posted, text, session_id or "", by, place)


def _side_refusal(interaction: Interaction, thread_id: int, text: str, session_id: str | None) -> str:
    """Say why a side question is not asked; empty where it is."""
    client = interaction.client
    if not text:
        return words.NO_REQUEST
    if not session_id:
        return texts.NO_SESSION
    if client.side_questions.is_asking(thread_id):
        return texts.ALREADY_ASKING
    return _bound(client, interaction)
