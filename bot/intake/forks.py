"""Forks of conversations: takes the fork, opens its thread, and tells both threads.

Each step is written down before the next one begins, so that the next start of the bot continues where this one ended.
"""

import asyncio
import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final, Protocol

import discord
import structlog

from acp import AcpError, AgentClosed, AuthRequired, CloseReason, SpawnFailed
from bot.access.gate import Place
from bot.conversation.exchange import Exchange
from bot.conversation.exchange_context import ExchangeContext
from bot.conversation.thread_names import NEUTRAL, thread_name
from bot.prompt.request import Request, read_request
from bot.rest.calls import Urgency
from bot.rest.errors import Gone, RestError
from bot.rest.live_message import LiveMessage
from bot.text.markdown import escape
from bot.user_messages import access, agent_errors, commands, notices
from bot.user_messages import forks as texts
from pool.journal.errors import JournalUnwritable
from pool.journal.forks import ForkKind, ForkPoint, ForkRow
from pool.pool import Pool
from pool.session_listing import NoSlot

from .background_work import BackgroundWork
from .thread_opener import NotOpened, add_author, open_named
from .unfinished_replies import UnfinishedReplies

SHOWN: Final = 1500
"""Characters of a request in the message on which a thread is opened; a longer request comes as a file too."""

KEPT: Final = timedelta(days=1)
"""The age up to which a restart completes a fork; its author no longer expects an older one."""

log = structlog.stdlib.get_logger("bot")


class Enqueue(Protocol):
    """Puts a request into its thread's inbox, see `Intake.enqueue`."""

    def __call__(self, request: Request, place: Place) -> Exchange | None:
        """Return its exchange; None if it was accepted before."""


class NotForked(Exception):
    """There is no fork; the text says why, for people."""


class ForkedThreads:
    """The forks in progress."""

    def __init__(
        self,
        *,
        pool: Pool,
        context: ExchangeContext,
        drafts: UnfinishedReplies,
        enqueue: Enqueue,
        work: BackgroundWork,
    ) -> None:
        """Read what an earlier run has left, which `recover` continues. `drafts` finds messages that it has posted."""
        self._pool = pool
        self._context = context
        self._journal = context.journal
        self._api = context.api
        self._drafts = drafts
        self._enqueue = enqueue
        self._work = work
        self._left = self._journal.forks.all()
        self._told: set[int] = set()
        """The forks whose last line is on its way."""

    def is_forking(self, thread_id: int) -> bool:
        """Whether a fork of this thread is in progress."""
        rows = self._journal.forks.all()  # One whose line Discord refuses to change stays until the next start.
        return any(each.parent_id == thread_id and each.fork_id not in self._told for each in rows)

    async def begin(self, fork: ForkRow) -> None:
        """Carry out a fork that is written down, and whose line is posted."""
        await self._work.start(self._carry_out(fork, tried=0.0), f"fork-{fork.fork_id}")

    async def recover(self) -> None:
        """Continue the forks of an earlier run, at the first READY."""
        while self._left:
            fork = self._left.pop()
            await self._work.start(self._carry_out(fork, tried=math.inf), f"fork-{fork.fork_id}")

    async def _carry_out(self, fork: ForkRow, *, tried: float) -> None:
        """Do what is left of a fork. The first try began `tried` seconds ago, infinite for an earlier run."""
        line = await self._line(fork)
        by = fork.author_id
        try:
            fork = await self._taken(fork, line, tried)
            thread_id = await self._posted(fork, tried)
            await self._opened(fork, thread_id, tried)
            outcome = texts.forked(by, thread_id, exclusive=self._is_exclusive)
        except NotForked as error:
            log.warning("a conversation could not be forked", thread_id=fork.parent_id, reason=str(error))
            outcome = texts.not_forked(by, str(error))
        except JournalUnwritable:
            outcome = texts.not_forked(by, access.NOT_DONE)
        except Exception:  # an isolation boundary: people must learn of it
            log.exception("a conversation could not be forked", thread_id=fork.parent_id)
            outcome = texts.not_forked(by, commands.FAILED)
        self._told.add(fork.fork_id)
        line.show(outcome)

    @property
    def _is_exclusive(self) -> bool:
        return self._context.agents.config.threads.directory == "exclusive"

    async def _line(self, fork: ForkRow) -> LiveMessage:
        """Return the message in the parent thread that tells of the fork."""
        line_id = fork.line_id
        if line_id is None:
            try:
                said = texts.forking(fork.author_id)
                line_id = await self._drafts.find_message(fork.parent_id, fork.fork_id, said)
            except RestError as error:
                log.info("a line about a fork cannot be looked for", thread_id=fork.parent_id, reason=str(error))

        def done() -> None:
            if fork.fork_id in self._told:
                self._told.discard(fork.fork_id)
                self._journal.forks.end(fork.fork_id)

        return LiveMessage(
            fork.parent_id,
            api=self._api,
            nonce=f"forked{fork.fork_id}",
            message_id=line_id,
            on_posted=partial(self._journal.forks.told, fork.fork_id),
            on_refused=done,
            on_done=done,
        )

    # ---- the session

    async def _taken(self, fork: ForkRow, line: LiveMessage, tried: float) -> ForkRow:
        """Take the fork, unless that is done. Raises `NotForked`, `JournalUnwritable`."""
        if tried and _age(fork) > KEPT:
            raise NotForked(texts.TOO_LATE)
        if fork.kind is not None:
            return fork
        kind, session_id = await self._fork(fork, line)
        place = Place(fork.guild_id, fork.parent_id, fork.channel_id)
        refusal = await self._context.membership.refusal(fork.author_id, place)
        if refusal is not None:  # The right may have been lost during the wait.
            raise NotForked(refusal.reason)
        self._journal.forks.taken(fork.fork_id, kind, session_id)
        return replace(fork, kind=kind, session_id=session_id)

    async def _fork(self, fork: ForkRow, line: LiveMessage) -> tuple[ForkKind, str | None]:
        by = fork.author_id
        reason = texts.CANNOT_FORK
        if fork.source_session:
            point = ForkPoint(fork.source_session, fork.source_message)

            def on_place(place: int, asking: Sequence[int]) -> None:
                line.show(texts.fork_in_line(by, place, asking) if place else texts.forking(by))

            try:
                taken = await self._pool.forks.take(fork.parent_id, point, on_place)
            except NoSlot:
                raise NotForked(texts.NO_AGENT_FREE) from None
            except (AuthRequired, SpawnFailed) as error:
                raise NotForked(self._described(error)) from error
            except AcpError as error:
                if is_shutdown(error):
                    raise asyncio.CancelledError from error  # The next start takes it.
                log.warning("a session could not be forked", thread_id=fork.parent_id, reason=str(error))
                reason = self._described(error)
            else:
                return taken.kind, taken.session_id
        if not fork.upto:
            raise NotForked(reason)
        return ForkKind.HISTORY, None

    def _described(self, error: AcpError) -> str:
        return agent_errors.one_line(error, redact=self._context.redact)

    # ---- the thread

    async def _posted(self, fork: ForkRow, tried: float) -> int:
        """Post the message on which the thread is opened, and begin its conversation; return the thread's id."""
        if fork.thread_id is not None:
            return fork.thread_id
        text = read_request(fork.request).text
        shown = text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
        files = [("request.txt", text.encode())] if shown != text else []
        began = asyncio.get_running_loop().time()

        async def post() -> int:
            stored = await self._api.send_once(
                fork.channel_id,
                texts.fork_post(fork.author_id, fork.parent_id, shown),
                tried=tried or asyncio.get_running_loop().time() - began,
                urgency=Urgency.FIRST,
                after=fork.fork_id,
                known=self._journal.threads.in_channel(fork.channel_id),
                files=files,
                nonce=f"fork{fork.fork_id}",
            )
            return stored.message_id

        try:
            thread_id = await self._api.retrying(post)
        except RestError as error:
            raise NotForked(notices.cannot_open_thread(escape(str(error)))) from error
        self._journal.forks.posted(fork.fork_id, thread_id)
        return thread_id

    async def _opened(self, fork: ForkRow, thread_id: int, tried: float) -> None:
        """Open the thread, begin it with the line about its origin, and put the request into its inbox."""
        context = self._context
        draft = read_request(fork.request)
        request = replace(draft, message_id=thread_id, channel_id=fork.channel_id, thread_id=thread_id)
        name = thread_name(context.redact(draft.text or texts.fork_name(self._name_of(fork)))) or NEUTRAL
        minutes = context.agents.config.threads.auto_archive_minutes
        try:
            await open_named(request, name, api=self._api, auto_archive_minutes=minutes)
            await self._say_origin(fork, thread_id, tried)
        except Gone:
            raise NotForked(notices.MESSAGE_GONE) from None
        except (NotOpened, RestError) as error:
            raise NotForked(notices.cannot_open_thread(escape(str(error)))) from error
        await add_author(request, api=self._api)
        if request.text:
            exchange = self._enqueue(request, Place(fork.guild_id, fork.channel_id))
            if exchange is not None and not exchange.is_open:
                exchange.opened(thread_id)

    def _name_of(self, fork: ForkRow) -> str:
        guild = self._api.guild(fork.guild_id)
        thread = None if guild is None else guild.get_thread(fork.parent_id)
        return NEUTRAL if thread is None else thread.name

    async def _say_origin(self, fork: ForkRow, thread_id: int, tried: float) -> None:
        """Post the first line of the thread, unless an earlier run has. Raises `RestError`."""
        began = asyncio.get_running_loop().time()

        async def post() -> None:
            await self._api.send_once(
                thread_id,
                self._origin(fork),
                tried=tried or asyncio.get_running_loop().time() - began,
                urgency=Urgency.FIRST,
                after=thread_id,
                nonce=f"from{fork.fork_id}",
            )

        await self._api.retrying(post)

    def _origin(self, fork: ForkRow) -> str:
        parent_id, folder = fork.parent_id, self._context.agents.of(fork.parent_id).cwd.name
        match fork.kind:
            case ForkKind.MESSAGE:
                address = texts.message_address(fork.guild_id, parent_id, fork.about or fork.upto)
                return texts.from_message(parent_id, address, folder, exclusive=self._is_exclusive)
            case ForkKind.HISTORY:
                return texts.from_history(parent_id, folder, exclusive=self._is_exclusive)
            case _:
                wanted = bool(fork.about)
                return texts.from_latest(parent_id, folder, wanted_message=wanted, exclusive=self._is_exclusive)


def is_shutdown(error: AcpError) -> bool:
    """Whether an agent was stopped because the bot stops."""
    return isinstance(error, AgentClosed) and error.reason is CloseReason.SHUTDOWN


def _age(fork: ForkRow) -> timedelta:
    return datetime.now(UTC) - discord.utils.snowflake_time(fork.fork_id)
