"""The Discord client as buttons and menus see it: the services that they use."""

from typing import Protocol, TypeAlias

import discord

from bot.access.admission import Admission
from bot.access.audit import Audit
from bot.access.gate import Place, Right
from bot.agents.registry import Agents
from bot.prompt.request import Request
from bot.reply.notices import Notices
from bot.text.redaction import Redactor
from bot.user_messages import access as texts
from pool.journal.journal import Journal
from pool.pool import Pool

from .cards import Cards


class InterruptedTurns(Protocol):
    """The turns that a restart has interrupted."""

    def decide(self, thread_id: int, message_id: int, *, retry: bool, by: int) -> str:
        """Retry or skip a turn; return the text that replaces the question."""


class RequestQueue(Protocol):
    """The part of the intake that buttons use."""

    def enqueue(self, request: Request, place: Place, *, first: bool = False) -> object | None:
        """Record a request and put it into its thread's inbox, or `first`; return None if it was accepted before.

        Raises `JournalUnwritable`.
        """


class Logins(Protocol):
    """The logins of people to agents."""

    async def begin(self, interaction: "Interaction", thread_id: int) -> None:
        """Let an admitted person log in to a thread's agent; return when that is over."""

    def cancel(self, interaction: "Interaction", agent: str) -> bool:
        """Cancel the login to an agent for an admitted person; return whether there is one."""


class BotClient(discord.Client):
    """A client with the bot's services."""

    pool: Pool
    journal: Journal
    admission: Admission
    agents: Agents
    audit: Audit
    cards: Cards
    notices: Notices
    redact: Redactor
    interruptions: InterruptedTurns
    intake: RequestQueue
    logins: Logins


Interaction: TypeAlias = discord.Interaction[BotClient]
"""A press, a choice or a submitted form."""


async def admit(interaction: discord.Interaction[BotClient], right: Right) -> bool:
    """Ask the gate about a command, and require a conversation; answer the interaction if either fails."""
    client, thread_id = interaction.client, interaction.channel_id or 0
    if not await client.admission.admit(interaction, right, asker_id=client.journal.threads.asker(thread_id)):
        return False
    if not client.journal.threads.knows(thread_id):
        await interaction.response.send_message(texts.NO_CONVERSATION, ephemeral=True)
        return False
    return True
