"""`/sessions` and `/resume`: lists the running agents, and chooses the session that a thread continues."""

import asyncio
from datetime import UTC, datetime

import discord
import structlog
from discord import app_commands

from acp import AcpError
from acp.places.here import HERE
from acp.process.memory import resident
from acp.schema import SessionInfo
from bot.access.gate import Right
from bot.interactions.bot_client import admit
from bot.text.markdown import escape
from bot.user_messages import layout, queue
from bot.user_messages import sessions as texts
from bot.user_messages.commands import DESCRIPTIONS, RESUME_SESSION
from pool.conversation import Conversation
from pool.session_listing import NoSlot

from .command_client import MAX_CHOICE_LENGTH, MAX_CHOICES, Command, CommandClient, Interaction

LISTED = 60
"""Conversations that `/sessions` lists; each takes a look into the journal, and a message has room for fewer."""

SLICE = 50
"""Conversations between two turns of the event loop: a server may have a thousand, each with its own permissions."""

LIST_SECONDS = 2.0
"""How long a person who types waits for the agent's list; Discord allows 3 (Discord, Interactions)."""

log = structlog.stdlib.get_logger("bot")


def session_commands() -> list[Command]:
    """Create the commands."""
    resume: Command = app_commands.Command(
        name="resume",
        description=DESCRIPTIONS["resume"],
        callback=_resume,
    )
    resume.autocomplete("session")(_offer_sessions)
    sessions: Command = app_commands.Command(name="sessions", description=DESCRIPTIONS["sessions"], callback=_sessions)
    return [resume, sessions]


# ---- /sessions


async def _sessions(interaction: Interaction) -> None:
    client = interaction.client
    if not await client.admission.admit(interaction, Right.LOOK, asker_id=None):
        return
    everything = client.admission.refusal(interaction, Right.ADMIN, asker_id=None) is None
    shown: list[Conversation] = []
    for number, each in enumerate([*client.pool.conversations], 1):
        if everything or _can_view(interaction, each.thread_id):
            shown.append(each)
        if number % SLICE == 0:
            await asyncio.sleep(0)
    listed = shown[:LISTED]
    sizes = await asyncio.to_thread(resident, [each.lease.agent.pid for each in listed if each.lease.agent is not None])
    lines = [_session_line(client, each, sizes) for each in listed]
    text = "\n".join(lines) or texts.NO_AGENT
    await interaction.response.send_message(layout.fitting(text, len(shown) - len(listed)), ephemeral=True)


def _can_view(interaction: Interaction, thread_id: int) -> bool:
    """Return whether the caller can view a thread; False in doubt, since the members of a private thread are secret."""
    guild, user = interaction.guild, interaction.user
    place = guild.get_channel_or_thread(thread_id) if guild is not None else None
    if thread_id == interaction.channel_id:
        return True
    if place is None or not isinstance(user, discord.Member):
        return False
    may = place.permissions_for(user)
    private = isinstance(place, discord.Thread) and place.is_private() and place.owner_id != user.id
    return may.manage_threads if private else may.view_channel


def _session_line(client: CommandClient, conversation: Conversation, sizes: dict[int, int]) -> str:
    thread_id, lease = conversation.thread_id, conversation.lease
    count = queue.on_hold if conversation.held else queue.waiting
    return texts.running(
        thread_id,
        lease.state,
        escape(client.agents.name(thread_id)),
        asker_id=client.journal.threads.asker(thread_id),
        waiting=count(conversation.waiting) if conversation.waiting else "",
        minutes=None if lease.agent is None else lease.held_seconds / 60,
        memory=0 if lease.agent is None or lease.place != HERE else sizes.get(lease.agent.pid, 0),
        machine="" if lease.place == HERE else lease.place,
    )


# ---- /resume


@app_commands.describe(session=RESUME_SESSION)
async def _resume(interaction: Interaction, session: str = "") -> None:
    client, thread_id = interaction.client, interaction.channel_id or 0
    if not session:
        if await admit(interaction, Right.CONTINUE):
            await _resume_held(interaction)
        return
    own = client.journal.threads.session_thread(session) == thread_id
    if await admit(interaction, Right.CONTINUE if own else Right.ADMIN):
        await _resume_session(interaction, session)


async def _resume_held(interaction: Interaction) -> None:
    conversation = interaction.client.pool.conversation(interaction.channel_id or 0)
    if conversation is None or not conversation.held:
        await interaction.response.send_message(texts.NOTHING_HELD, ephemeral=True)
        return
    told = queue.resumed(conversation.waiting, interaction.user.id)
    conversation.resume()
    await interaction.response.send_message(told)


async def _resume_session(interaction: Interaction, session_id: str) -> None:
    client, thread_id = interaction.client, interaction.channel_id or 0
    if client.journal.threads.session_id(thread_id) == session_id:
        await interaction.response.send_message(texts.SAME_SESSION, ephemeral=True)
        return
    if _opened(client).get(session_id, client.journal.threads.session_thread(session_id)) not in {None, thread_id}:
        # Two threads in one session would answer each other's questions.
        await interaction.response.send_message(texts.OTHERS_SESSION, ephemeral=True)
        return
    conversation = client.pool.conversation(interaction.channel_id or 0)
    if conversation is not None:
        conversation.reset(interaction.user.id)
    client.journal.threads.resume_session(thread_id, session_id, client.pool.place_of(thread_id))
    log.info("a person resumed a session", thread_id=thread_id, user_id=interaction.user.id)
    await interaction.response.send_message(texts.session_resumed(interaction.user.id))


def _opened(client: CommandClient) -> dict[str, int]:
    """Return the open sessions, each with its thread: the journal has a session from its first prompt on."""
    leases = [each.lease for each in client.pool.conversations]
    return {lease.session.session_id: lease.thread_id for lease in leases if lease.session is not None}


async def _offer_sessions(interaction: Interaction, typed: str) -> list[app_commands.Choice[str]]:
    """Offer the thread's earlier sessions, and to admins also sessions from elsewhere; filter by title, id and time."""
    client, thread_id = interaction.client, interaction.channel_id or 0
    asker_id = client.journal.threads.asker(thread_id)
    refused = client.admission.refusal(interaction, Right.CONTINUE, asker_id=asker_id)
    if refused or not client.journal.threads.knows(thread_id):
        return []
    listed = {each.session_id: each for each in await _list_sessions(client, thread_id)}
    names = {
        session_id: _choice_name(
            listed.get(session_id), datetime.fromtimestamp(began, UTC).isoformat(), texts.OF_THIS_THREAD
        )
        for session_id, began in client.journal.threads.past_sessions(thread_id).items()
    }
    if client.admission.refusal(interaction, Right.ADMIN, asker_id=None) is None:
        opened = _opened(client)
        for session_id, info in listed.items():
            if session_id not in opened and client.journal.threads.session_thread(session_id) is None:
                names[session_id] = _choice_name(info, info.updated_at or "", session_id)
    wanted = typed.casefold()
    return [
        app_commands.Choice(name=client.redact(name)[:MAX_CHOICE_LENGTH], value=session_id)
        for session_id, name in names.items()
        if wanted in f"{name} {session_id}".casefold() and len(session_id) <= MAX_CHOICE_LENGTH
    ][:MAX_CHOICES]


async def _list_sessions(client: CommandClient, thread_id: int) -> list[SessionInfo]:
    try:
        async with asyncio.timeout(LIST_SECONDS):
            return await client.pool.listing.sessions(
                client.agents.settings(thread_id), client.pool.place_of(thread_id)
            )
    except (AcpError, NoSlot, TimeoutError) as error:
        log.info("an agent's sessions cannot be listed", thread_id=thread_id, reason=str(error) or "it takes too long")
        return []


def _choice_name(info: SessionInfo | None, when: str, remark: str) -> str:
    title = info.title if info is not None and info.title else texts.UNTITLED
    return texts.joined((title[:60], when[:16].replace("T", " "), remark))
