"""The Discord client as slash commands see it: the services for buttons, and those for commands alone."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import discord
import structlog
from discord import app_commands

from bot.access.admission import Admission
from bot.agents.agent_options import AgentOptions, read_options
from bot.config.reload import Reloaded
from bot.conversation.agent_logins import AgentLogins
from bot.conversation.exchange_context import ExchangeContext
from bot.intake.forks import ForkedThreads
from bot.intake.intake import Intake
from bot.intake.interrupted_turns import Interruptions
from bot.intake.side_questions import SideQuestions
from bot.interactions.bot_client import BotClient
from bot.rest.calls import Urgency
from bot.rest.errors import RestError
from pool.pool import Pool

from .diff_queue import DiffQueue

MAX_CHOICES = 25
"""Choices of an option (Discord, Application Command Option)."""

MAX_CHOICE_LENGTH = 100
"""Characters of a choice's name or value (Discord, Application Command Option Choice)."""

ARCHIVE_SECONDS = 15.0
"""How long a thread's last reply may take. The thread is archived after that in any case."""

log = structlog.stdlib.get_logger("bot")


@dataclass(frozen=True, slots=True)
class ClientServices:
    """What every client of a run of the bot works with."""

    pool: Pool
    context: ExchangeContext
    admission: Admission
    intake: Intake
    interruptions: Interruptions
    logins: AgentLogins
    forks: ForkedThreads
    side_questions: SideQuestions
    reload: Callable[[], Reloaded]
    """Reads the configuration again."""


class CommandClient(BotClient):
    """The services that commands use beyond those of `BotClient`."""

    intake: Intake
    interruptions: Interruptions
    logins: AgentLogins
    is_behind: Callable[[int], bool]
    """Whether a place's messages wait for its missed messages."""

    def __init__(self, services: ClientServices, **options: Any) -> None:
        """Take the services; `options` are those of `discord.Client`."""
        super().__init__(**options)
        self.pool = services.pool
        self.admission = services.admission
        self.intake = services.intake
        self.interruptions = services.interruptions
        self.logins = services.logins
        self.forks = services.forks
        self.side_questions = services.side_questions
        self.reload = services.reload
        self.diff_queue = DiffQueue()
        self.context = context = services.context
        self.journal = context.journal
        self.agents = context.agents
        self.audit = context.audit
        self.cards = context.cards
        self.notices = context.notices
        self.redact = context.redact

    def offers(self, thread_id: int) -> AgentOptions:
        """Return the options and commands of a thread's agent: the current ones, or the last ones before its sleep."""
        conversation = self.pool.conversation(thread_id)
        session = None if conversation is None else conversation.lease.session
        offers = read_options(self.journal.threads.offers(thread_id)) if session is None else AgentOptions.of(session)
        return offers.without(self.redact)

    async def archive(self, thread_id: int) -> str:
        """Archive a thread when its last reply is posted. Return the reason where Discord refuses, else ""."""
        await self.context.replies.settled(ARCHIVE_SECONDS, thread_id)
        try:
            await self.context.api.archive(thread_id, urgency=Urgency.NOTICE)
        except RestError as error:
            log.warning("a thread could not be archived", thread_id=thread_id, reason=str(error))
            return str(error)
        return ""


Interaction: TypeAlias = discord.Interaction[CommandClient]
"""The interaction of a command."""

Command: TypeAlias = app_commands.Command[Any, Any, Any]
