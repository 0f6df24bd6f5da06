"""A thread's lease of an agent: its place in a directory, its slot, process and session."""

import asyncio
from collections.abc import Callable

import structlog

from acp import AcpError, Agent, AuthRequired, LoginState, Session
from pool.conversation_context import ConversationContext, ConversationState
from pool.exchange import Exchange, Notice
from pool.out_of_turn import OutOfTurnQuestions
from pool.session_setup import TITLE, apply_settings, open_session, send_title

FAIR_SECONDS = 60.0
"""While others wait in line, a slot held for longer than this is given up at the end of a turn."""

log = structlog.stdlib.get_logger("pool")


class AgentLease:
    """One thread's agent and session. Only the conversation's task calls `acquire`, `idle` and `sleep`."""

    def __init__(
        self,
        thread_id: int,
        context: ConversationContext,
        *,
        wake: asyncio.Event,
        has_work: Callable[[], bool],
        latest_exchange: Callable[[], Exchange],
    ) -> None:
        """Begin asleep. `wake` ends all waits here; `has_work` says whether an exchange could start now.

        `latest_exchange` returns the current or latest exchange, which gets the agent's questions outside its turns.
        """
        self.thread_id = thread_id
        self._context = context
        self._journal = context.journal
        self._slots = context.slots
        self._wake = wake
        self._has_work = has_work
        self._latest_exchange = latest_exchange
        self._pending_notices: list[Notice] = []
        self._resets = 0
        self._forgotten: list[Session] = []  # Still open in the agent.
        self._awaits_workdir = False  # Waits for its directory. Its agent, if any, is idle.
        self.state = ConversationState.ASLEEP
        self.failed_starts = 0
        """Failed starts in a row."""
        self.yields = False
        """Whether the agent stops after the current exchange."""
        self.idle_since = 0.0
        self._login_words = 0
        """How often the agent had spoken of its login when the turn began."""
        self.settings = context.settings(thread_id)
        """The settings of its current or last process."""
        self.agent: Agent | None = None
        self.out_of_turn: OutOfTurnQuestions | None = None
        """The agent's questions outside its turns."""
        self.session: Session | None = None

    @property
    def held_seconds(self) -> float:
        """How long it has had its slot."""
        return self._slots.held_for(self)

    @property
    def ahead(self) -> list[int]:
        """The threads whose turns must end before it may enter its directory."""
        return [other.thread_id for other in self._context.workdirs.ahead(self)] if self._awaits_workdir else []

    @property
    def is_lost(self) -> bool:
        """Whether the agent must be stopped, or has died."""
        return self.state is ConversationState.STOPPING or (
            self.agent is not None and self.agent.connection.error is not None
        )

    @property
    def is_logged_out(self) -> bool:
        """Whether the agent says that it is logged out, or has shown it."""
        return self.agent is not None and self.agent.login is LoginState.LOGGED_OUT

    # ---- called from outside; never waits

    def release_when_idle(self) -> None:
        """Stop the agent as soon as it is idle."""
        self.yields = self.state is not ConversationState.ASLEEP
        if self.state is ConversationState.IDLE:
            self.state = ConversationState.STOPPING
        self._wake.set()

    def preempt(self) -> None:
        """Stop the agent after the current exchange, if it can load its session again."""
        self.yields = self.agent is not None and self.agent.can_load
        if self.out_of_turn is not None:
            self.out_of_turn.preempt()

    @property
    def idle_agent(self) -> Agent | None:
        """The agent while it waits for work, as far as is known; None otherwise."""
        return None if self.is_lost or self.state is not ConversationState.IDLE else self.agent

    @property
    def evictable(self) -> bool:
        """Whether the agent is idle and can load its session again."""
        agent = self.agent
        idle = self.state is ConversationState.IDLE and not self._has_work()
        return (
            (idle or (self._awaits_workdir and self.state is ConversationState.IN_LINE))
            and agent is not None
            and not agent.connection.lock.locked()
            and agent.can_load
        )

    def evict(self) -> None:
        """Stop an evictable agent now."""
        self.state = ConversationState.STOPPING
        self._wake.set()

    def tick(self) -> None:
        """Check deadlines."""
        if self.out_of_turn is not None:
            self.out_of_turn.tick()
        waited = asyncio.get_running_loop().time() - self.idle_since
        if self._awaits_workdir and self.agent is not None and waited >= self._context.idle_seconds:
            self.evict()  # Even if its session cannot be loaded again, as after any idle time.

    @property
    def is_working(self) -> bool:
        """Whether a turn of this conversation runs."""
        return self.state is ConversationState.WORKING

    def check_again(self) -> None:
        """Check again whether the directory is free."""
        self._wake.set()

    def forget(self) -> None:
        """Forget the session: the next exchange opens a new one."""
        self._resets += 1
        if self.session is not None:
            self._forgotten.append(self.session)
            self._wake.set()
        self.session = None
        self._pending_notices.clear()
        self._journal.threads.set_session(self.thread_id, None)

    async def send_title(self) -> None:
        """Name the session as the thread, which a person has renamed; does not wait for a turn.

        Without a session the next one gets the name when it is opened.
        """
        if self.agent is not None and self.session is not None:
            title = self._journal.threads.choices(self.thread_id).get(TITLE, "")
            await send_title(self.agent, self.session, title)

    # ---- for an exchange

    async def acquire(self, exchange: Exchange, wanted: Callable[[], bool]) -> Session | None:
        """Return the session, after starting what is missing; None when the exchange is no longer `wanted`.

        Raises `AcpError`. `leave_workdir` must follow in every case.
        """
        self.state = ConversationState.IN_LINE
        if not await self._enter(exchange, wanted):
            return None
        if self.agent is None:
            self.settings = self._context.settings(self.thread_id)
            self.agent = self._context.claim(self, self.settings)
        if not await self._slots.acquire(self) or not wanted():
            return None
        exchange.on_queued(0, ())
        self.state = ConversationState.STARTING
        try:
            if self.agent is None:
                self.settings = self._context.settings(self.thread_id)  # They may have changed during the wait.
                self.agent = await self._context.spawn(self.settings)
            self.agent.connection.on_closed = self._wake.set
            if self.out_of_turn is None:
                self.out_of_turn = OutOfTurnQuestions(self.agent, self.settings.bounds, self._latest_exchange)
            await self._close_forgotten(self.agent)
            if self.session is None:
                begins = self._journal.threads.session_id(self.thread_id) is None
                await self._open(self.agent)
                if begins and wanted():
                    self._name_neighbours(exchange)
        except AcpError as error:
            self.failed_starts += 1
            if isinstance(error, AuthRequired):
                self.note_login(LoginState.LOGGED_OUT)
            self._tell(exchange, wanted)
            await self.sleep()
            raise
        self.failed_starts = 0
        self._tell(exchange, wanted)
        return self.session if wanted() else None

    async def _enter(self, exchange: Exchange, wanted: Callable[[], bool]) -> bool:
        """Enter the directory, after waiting for it if it is exclusive. Return False when no longer wanted.

        A thread that enters has no slot yet, or an agent of its own, and both may be taken from it while it waits.
        Threads therefore never wait for each other in a circle.
        """
        workdirs = self._context.workdirs
        settings = self._context.settings(self.thread_id) if self.agent is None else self.settings
        self._wake.clear()
        await workdirs.enter(self, settings.cwd)
        self.idle_since = asyncio.get_running_loop().time()
        while self._context.exclusive and wanted() and (ahead := workdirs.ahead(self)):
            exchange.on_neighbours([other.thread_id for other in ahead], waits=True)
            self._awaits_workdir = True
            self._context.on_idle()
            await self._woken()
            self._awaits_workdir = False
            if self.state is ConversationState.STOPPING:
                await self.sleep()
                self.state = ConversationState.IN_LINE
        return wanted()

    def _name_neighbours(self, exchange: Exchange) -> None:
        """Show which other threads work in the exchange's directory."""
        busy = [other.thread_id for other in self._context.workdirs.ahead(self) if other.is_working]
        if busy:
            exchange.on_neighbours(busy, waits=False)

    def _tell(self, exchange: Exchange, wanted: Callable[[], bool]) -> None:
        """Pass the notices to this exchange; if it is no longer wanted, keep them for the next one."""
        if wanted():
            pending, self._pending_notices = self._pending_notices, []
            for notice in pending:
                exchange.on_notice(notice)
            if self.is_logged_out:
                exchange.on_notice(Notice.LOGGED_OUT)

    async def _open(self, agent: Agent) -> None:
        """Load or open the thread's session, and apply its settings. A reset during that time discards the session."""
        resets = self._resets
        session, opening_notices = await open_session(agent, self.thread_id, self.settings, self._journal)
        if opening_notices and resets == self._resets:
            self._journal.threads.set_session(self.thread_id, session.session_id)
            self._pending_notices.extend(opening_notices)
        choices: dict[str, str] | None = None
        # A person may change them at any time.
        while choices != (now := self._journal.threads.choices(self.thread_id)):
            choices = now
            notices = await apply_settings(session, self.settings, choices)
            await send_title(agent, session, choices.get(TITLE, ""))
        if resets == self._resets:
            self.session = session
            self._pending_notices.extend(notices)
        else:
            self._forgotten.append(session)

    async def _close_forgotten(self, agent: Agent) -> None:
        """Close the forgotten sessions, for each of which the agent may run a process."""
        while self._forgotten:
            try:
                await agent.close_session(self._forgotten.pop())
            except AcpError as error:
                log.warning("a session could not be closed", thread_id=self.thread_id, reason=str(error))

    def leave_workdir(self) -> None:
        """Leave the directory. Without an agent, return the slot too."""
        if self.agent is None:
            self.state = ConversationState.ASLEEP
            self._slots.release(self)
        others = self._context.workdirs.leave(self)
        for other in others if self._context.exclusive else ():
            other.check_again()

    def yield_if_due(self) -> None:
        """Stop the agent after an exchange if that was requested, or if others wait and it had its slot for long.

        A logged-out agent is stopped too: a login takes effect in the next process.
        """
        due = self.is_logged_out or (self._slots.line and self.held_seconds > FAIR_SECONDS)
        if self.agent and (self.yields or (due and self.agent.can_load)):
            self.state = ConversationState.STOPPING
        self.yields = False

    # ---- its turn

    def begin_turn(self) -> None:
        """Note that a turn begins."""
        self.state = ConversationState.WORKING
        self._login_words = 0 if self.agent is None else self.agent.login_words

    def worked(self) -> None:
        """Note that a turn was completed, which needs a login, unless the agent has said something newer itself."""
        if self.agent is not None and self.agent.login_words == self._login_words:
            self.note_login(LoginState.LOGGED_IN)

    def note_login(self, login: LoginState) -> None:
        """Note what a request has shown about the agent's login: not every agent says it itself."""
        if self.agent is not None:
            self.agent.note_login(login)

    # ---- between exchanges

    async def idle(self) -> None:
        """Wait for work, at most `idle_seconds`."""
        if self._forgotten and self.agent is not None:
            await self._close_forgotten(self.agent)
            self.yield_if_due()
            return  # Work may have arrived.
        self._wake.clear()
        self.state = ConversationState.IDLE
        self.idle_since = asyncio.get_running_loop().time()
        self._context.on_idle()
        try:
            async with asyncio.timeout(self._context.idle_seconds):
                await self._woken()
        except TimeoutError:
            # No await between check and change: a message that comes later waits for the stop.
            if not self._has_work():
                self.state = ConversationState.STOPPING

    async def _woken(self) -> None:
        await self._wake.wait()
        self._wake.clear()

    async def sleep(self) -> None:
        """Stop the agent, and return the slot when its processes are gone. The session's id stays in the journal."""
        self.state, self.session = ConversationState.STOPPING, None
        self._forgotten.clear()
        try:
            if self.agent is not None:
                await self.agent.stop()
        finally:
            self.agent = self.out_of_turn = None
            self.state = ConversationState.ASLEEP
            self.yields = False
            self._slots.release(self)
