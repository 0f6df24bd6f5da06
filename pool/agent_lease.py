"""A thread's lease of an agent: the agent's place, the turn in its directory, its slot, process and session."""

import asyncio
from collections.abc import Callable

import structlog

from acp import AcpError, Agent, AuthRequired, LoginState, QueuedTooLong, Session
from acp.places.here import HERE
from pool.agent_start import AgentStart
from pool.conversation_context import ConversationContext, ConversationState
from pool.exchange import Exchange, Notice
from pool.out_of_turn import OutOfTurnQuestions
from pool.place_news import Moved, Retrying, Unconfirmed, unreached
from pool.session_setup import TITLE, apply_settings, open_session, send_title
from pool.thread_place import ThreadPlace

FAIR_SECONDS = 60.0
"""While others wait in line, a slot held for longer than this is given up at the end of a turn."""

TRY_SECONDS = (2.0, 8.0)
"""The pauses between the tries to reach a place, before a person decides."""

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
        self._place = ThreadPlace(thread_id, context)
        """That of its current or last process, or of the next one."""
        self._start = AgentStart(context, self._started)
        self._wake = wake
        self._has_work = has_work
        self._latest_exchange = latest_exchange
        self._notices: dict[Notice | Moved, Exchange | None] = {}
        """What is to be told of a session until it gets its first prompt, each with the exchange that shows it."""
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
    def place(self) -> str:
        """The name of the place of its current or last process."""
        return self._place.name

    @property
    def unconfirmed(self) -> bool:
        """Whether it waits until its place confirms that its agent has ended."""
        return self._place.unconfirmed

    @property
    def held_seconds(self) -> float:
        """How long it has had its slot."""
        return self._place.slots.held_for(self)

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

    def give_up_start(self) -> None:
        """Leave the line, or end a start that may take long: the exchange that needs it is given up."""
        self._place.slots.leave(self)
        if self._start.give_up():
            self._place.await_end()

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
        self._notices.clear()
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

        Raises `AcpError`, for a place that is not reached after the last of several tries, and for one whose queue
        takes too long after the first. `leave_workdir` must follow in every case.
        """
        for pause in TRY_SECONDS:
            try:
                return await self._acquire(exchange, wanted)
            except AcpError as error:
                lost = unreached(error)
                if lost is None or not wanted():
                    raise
                log.info("a place starts no agent", thread_id=self.thread_id, reason=str(error))
                self.state = ConversationState.STARTING  # It has no agent and no slot, but is about to start.
                if self._place.is_next(self.settings):
                    if isinstance(lost, QueuedTooLong):
                        raise
                    exchange.on_place(Retrying(lost.place, pause))
                    await self._pause(pause, wanted)
        return await self._acquire(exchange, wanted)

    async def _pause(self, seconds: float, wanted: Callable[[], bool]) -> None:
        """Wait before the next try, unless the exchange is given up."""
        giving_up = asyncio.create_task(self._given_up(wanted), name="a pause before the next try")
        try:
            await asyncio.wait((giving_up,), timeout=seconds)
        finally:
            giving_up.cancel()

    async def _given_up(self, wanted: Callable[[], bool]) -> None:
        while wanted():
            await self._woken()

    async def _acquire(self, exchange: Exchange, wanted: Callable[[], bool]) -> Session | None:
        """Try once, see `acquire`."""
        self.state = ConversationState.IN_LINE
        if not await self._take_slot(exchange, wanted):
            return None
        exchange.on_queued(0, ())
        self.state = ConversationState.STARTING
        try:
            if self.agent is None:
                await self._start.run(self.settings, self.place, exchange)
            if self.agent is None:
                self._place.ended()
                return None
            self.agent.connection.on_closed = self._wake.set
            if self.out_of_turn is None:
                self.out_of_turn = OutOfTurnQuestions(self.agent, self.settings.bounds, self._latest_exchange)
            await self._close_forgotten(self.agent)
            if self.session is None:
                self._place.keep()
                begins = self._journal.threads.session_id(self.thread_id) is None
                await self._open(self.agent)
                if begins and wanted():
                    self._name_neighbours(exchange)
        except AcpError as error:
            await self._failed(error, exchange, wanted)
            raise
        self.failed_starts = 0
        self._tell(exchange, wanted)
        self._tell_of_login(exchange, wanted)
        return self.session if wanted() else None

    def _started(self, agent: Agent) -> None:
        self.agent = agent

    async def _failed(self, error: AcpError, exchange: Exchange, wanted: Callable[[], bool]) -> None:
        """Note a failed start, and end what there is of it."""
        if (lost := unreached(error)) is None:
            self.failed_starts += 1
        else:
            self._context.placement.avoid(lost.place)
            if self.agent is not None and wanted():
                exchange.on_place(Unconfirmed(lost.place))
        if isinstance(error, AuthRequired):
            self.note_login(LoginState.LOGGED_OUT)
        self._tell_of_login(exchange, wanted)
        await self.sleep()

    async def _take_slot(self, exchange: Exchange, wanted: Callable[[], bool]) -> bool:
        """Enter the directory and take a slot at the agent's place. Return False when no longer wanted.

        The place may change during the wait, with the settings, or because another one has room earlier. An agent at
        another place than the thread's is stopped first: a person may have chosen a session that is there.
        """
        if self.agent is not None and not self._place.is_right(self.settings):
            await self.sleep()
            self.state = ConversationState.IN_LINE
        while True:
            if self.agent is None:
                self.settings = self._context.settings(self.thread_id)
                self._place.choose(self.settings)
            if not await self._enter(exchange, wanted):
                return False
            if self.agent is None:
                self._claim()
            is_kept = self.agent is not None or bool(self._place.kept(self.settings))
            got = await self._context.placement.acquire(self, self.place, self.settings, kept=is_kept)
            if not wanted():
                return False
            if got and self.agent is None:
                self.settings = self._context.settings(self.thread_id)
            if got and (self.agent is not None or self._place.is_right(self.settings)):
                return True
            self._place.slots.release(self)
            self._leave_directory()

    def _claim(self) -> None:
        """Take a warm spare with its slot, where there is one; spares are on this machine."""
        if HERE in self.settings.places and self._place.kept(self.settings) in {"", HERE}:
            self.agent = self._context.claim(self, self.settings)
            if self.agent is not None:
                self._place.move(HERE)

    async def _enter(self, exchange: Exchange, wanted: Callable[[], bool]) -> bool:
        """Enter the directory, after waiting for it if it is exclusive. Return False when no longer wanted.

        A thread that enters has no slot yet, or an agent of its own, and both may be taken from it while it waits.
        Threads therefore never wait for each other in a circle.
        """
        workdirs = self._context.workdirs
        self._wake.clear()
        await workdirs.enter(self, self.settings.cwd, self.place)
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
        """Pass the notices to this exchange, and keep them for the next one until a prompt is sent."""
        if wanted():
            for notice in [each for each, shown_by in self._notices.items() if shown_by is not exchange]:
                self._notices[notice] = exchange
                exchange.on_notice(notice)

    def _tell_of_login(self, exchange: Exchange, wanted: Callable[[], bool]) -> None:
        if wanted() and self.is_logged_out:
            exchange.on_notice(Notice.LOGGED_OUT)

    async def _open(self, agent: Agent) -> None:
        """Load or open the thread's session, and apply its settings. A reset during that time discards the session."""
        resets = self._resets
        session, opening_notices = await open_session(agent, self.thread_id, self.settings, self._journal, self.place)
        choices: dict[str, str] | None = None
        # A person may change them at any time.
        while choices != (now := self._journal.threads.choices(self.thread_id)):
            choices = now
            notices = await apply_settings(session, self.settings, choices)
            await send_title(agent, session, choices.get(TITLE, ""))
        if resets == self._resets:
            self.session = session
            self._notices = {each: self._notices.get(each) for each in (*opening_notices, *notices)}
        else:
            self._forgotten.append(session)

    async def _close_forgotten(self, agent: Agent) -> None:
        """Close the forgotten sessions: the agent may run a process for each."""
        while self._forgotten:
            try:
                await agent.close_session(self._forgotten.pop())
            except AcpError as error:
                log.warning("a session could not be closed", thread_id=self.thread_id, reason=str(error))

    def leave_workdir(self) -> None:
        """Leave the directory. Without an agent, return the slot too."""
        if self.agent is None:
            self.state = ConversationState.ASLEEP
            self._place.slots.release(self)
        self._leave_directory()

    def _leave_directory(self) -> None:
        others = self._context.workdirs.leave(self)
        for other in others if self._context.exclusive else ():
            other.check_again()

    def yield_if_due(self) -> None:
        """Stop the agent after an exchange if that was requested, or if others wait and it had its slot for long.

        A logged-out agent is stopped too: a login takes effect in the next process.
        """
        due = self.is_logged_out or (self._place.slots.load.in_line and self.held_seconds > FAIR_SECONDS)
        if self.agent and (self.yields or (due and self.agent.can_load)):
            self.state = ConversationState.STOPPING
        self.yields = False

    # ---- its turn

    def begin_turn(self) -> None:
        """Note that a turn begins."""
        self.state = ConversationState.WORKING
        self._login_words = 0 if self.agent is None else self.agent.login_words

    def prompted(self) -> None:
        """Note that the prompt is sent. A new session is the thread's from now on: it has been told what it needs.

        One that ends before its first prompt is therefore opened again in the same way, also by another process.
        """
        if self.session is not None and Notice.NEW in self._notices:
            self._journal.threads.set_session(self.thread_id, self.session.session_id)
        self._notices.clear()

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
                self._place.await_end()
                await self.agent.stop()
        finally:
            self._place.ended()
            self.agent = self.out_of_turn = None
            self.state = ConversationState.ASLEEP
            self.yields = False
            self._place.slots.release(self)
