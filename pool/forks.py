"""Takes forks of sessions, for a new thread or for a side question, which is asked once.

A fork is taken by the thread's own agent while that is idle. Otherwise a process with a slot of its own takes it, at
the thread's place, where the session is. It waits in line like a
thread. A side question is always asked in such a process, so that it never delays the thread.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import structlog

from acp import (
    AcpError,
    Agent,
    AgentClosed,
    AuthRequired,
    CloseReason,
    Decline,
    Elicitation,
    Feature,
    MessageBegun,
    ProtocolError,
    Question,
    RemoteError,
    Session,
    Text,
    Turn,
    Unsupported,
)
from acp.defects import Invalid
from acp.places.here import HERE
from acp.schema import TextBlock, ToolCallUpdate
from pool.agent_lease import AgentLease
from pool.conversation_context import ConversationContext
from pool.journal.forks import ForkKind, ForkPoint
from pool.session_listing import NoSlot
from pool.session_setup import AgentSettings
from pool.slots import Slots

LINE_SECONDS = 840.0
"""How long a fork waits for a slot: the person waits for the answer to a command, which lasts 15 minutes."""

ANSWER_SECONDS = 300.0
"""How long an agent may work on a side question: it is short, and its process takes a slot from threads."""

ANSWER_LENGTH = 100_000
"""Characters kept of the answer to a side question. A person reads fewer."""

log = structlog.stdlib.get_logger("pool")

T = TypeVar("T")

OnPlace = Callable[[int, Sequence[int]], None]
"""Takes the place in line, from 1, and the threads that wait for a person's answer; 0 means that the wait is over."""


@dataclass(frozen=True, slots=True)
class Fork:
    """A fork that is taken: its session, and what that knows."""

    session_id: str
    kind: ForkKind


@dataclass(frozen=True, slots=True)
class ForkQuestion:
    """A question for a fork. `modes` are the ids of those in which it may be asked, in order of preference.

    `admitted` is called before it is asked, and raises if its author may not ask it any more.
    """

    prompt: tuple[TextBlock, ...]
    modes: tuple[str, ...]
    admitted: Callable[[], Awaitable[None]]


@dataclass(slots=True)
class SideAnswer:
    """The answer to a side question. `rejected` counts the agent's own questions, which are all rejected.

    `stop_reason` is the agent's; without one the turn was ended because it took too long.
    """

    stop_reason: str | None = None
    rejected: int = 0
    _parts: list[str] = field(default_factory=list)
    _length: int = 0

    @property
    def text(self) -> str:
        """The agent's words."""
        return "".join(self._parts).strip()

    def add(self, text: str) -> None:
        """Add the agent's next words, up to `ANSWER_LENGTH` characters in all."""
        text = text[: ANSWER_LENGTH - self._length]
        self._parts.append(text)
        self._length += len(text)


class NoSafeMode(Exception):
    """The agent has no mode in which it only reads, or asks before it acts."""


class ForkProcess:
    """The right to run one process for a fork; it waits for its slot in the line of the threads."""

    def __init__(self, on_place: OnPlace) -> None:
        """`on_place` learns the place in line."""
        self.placed = on_place


class Forks:
    """The forks that are being taken, each in a task of the pool."""

    def __init__(
        self,
        context: ConversationContext,
        *,
        lease: Callable[[int], AgentLease | None],
        create_task: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]],
    ) -> None:
        """`context` is that of the pool's conversations; `lease` returns a thread's lease if the thread is awake."""
        self._context = context
        self._lease = lease
        self._create_task = create_task
        self._working: set[asyncio.Task[None]] = set()
        """The tasks that may be cancelled. A task that stops its process may not."""
        self.agents: list[Agent] = []
        """The agents that were started for forks."""

    async def take(self, thread_id: int, point: ForkPoint, on_place: OnPlace) -> Fork:
        """Fork a session of a thread's agent, after the message of `point` where the agent can.

        Raises `AcpError`, which is `Unsupported` for an agent that cannot fork, or could not load the fork. Raises
        `NoSlot` after `LINE_SECONDS`.
        """
        return await self._in_task(lambda answer: self._take(thread_id, point, on_place, answer))

    async def ask(self, thread_id: int, session_id: str, question: ForkQuestion, on_place: OnPlace) -> SideAnswer:
        """Fork a session of a thread's agent, ask the fork one question, and close it.

        The agent's own questions are rejected. Raises as `take`, and `NoSafeMode`, and what `question.admitted` raises.
        """
        return await self._in_task(lambda answer: self._ask(thread_id, session_id, question, on_place, answer))

    def close(self) -> None:
        """End all forks that are being taken."""
        for task in self._working:
            task.cancel()
        for agent in self.agents:
            agent.connection.close(AgentClosed(CloseReason.SHUTDOWN))

    async def _in_task(self, work: Callable[["asyncio.Future[T]"], Awaitable[None]]) -> T:
        """Return the answer that `work` gives. It goes on without its caller, so that its process is stopped."""
        answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()

        async def run() -> None:
            try:
                await work(answer)
            except Exception as error:
                if answer.done():
                    log.exception("an agent that was started for a fork could not be stopped")
                else:
                    answer.set_exception(error)
                    answer.exception()  # Marks it as retrieved: its caller may have left.
            finally:
                answer.cancel()

        task = self._create_task(run())
        self._working.add(task)
        task.add_done_callback(self._working.discard)
        return await asyncio.shield(answer)

    # ---- for a new thread

    async def _take(self, thread_id: int, point: ForkPoint, on_place: OnPlace, answer: "asyncio.Future[Fork]") -> None:
        settings, lease = self._context.settings(thread_id), self._lease(thread_id)
        if lease is not None and lease.agent is not None:
            _require_forks(lease.agent)  # An agent need not be started to learn that.
        idle = None if lease is None else lease.idle_agent
        if idle is None or not await self._by_idle(idle, thread_id, point, answer):
            async with self._process(thread_id, settings, on_place) as agent:
                # Before the process is stopped: that may take long.
                answer.set_result(await self._copied(agent, thread_id, point))

    async def _by_idle(self, agent: Agent, thread_id: int, point: ForkPoint, answer: "asyncio.Future[Fork]") -> bool:
        """Let a thread's idle agent take the fork. Return False if it ends first: its slot may be taken from it."""
        try:
            answer.set_result(await self._copied(agent, thread_id, point))
        except AgentClosed as error:
            log.info("an idle agent ended before it took a fork", reason=str(error))
            return False
        return True

    async def _copied(self, agent: Agent, thread_id: int, point: ForkPoint) -> Fork:
        session, kind = await self._fork(agent, thread_id, point)
        await _close(agent, session)
        return Fork(session.session_id, kind)

    # ---- for a side question

    async def _ask(
        self,
        thread_id: int,
        session_id: str,
        question: ForkQuestion,
        on_place: OnPlace,
        answer: "asyncio.Future[SideAnswer]",
    ) -> None:
        settings, lease = self._context.settings(thread_id), self._lease(thread_id)
        if lease is not None and lease.agent is not None:
            _require_forks(lease.agent)
        async with self._process(thread_id, settings, on_place) as agent:
            session, _ = await self._fork(agent, thread_id, ForkPoint(session_id))
            if not await _set_safe_mode(session, question.modes):
                raise NoSafeMode
            await question.admitted()
            answer.set_result(await _answer(session, question.prompt))
            await _close(agent, session)

    # ---- both

    async def _fork(self, agent: Agent, thread_id: int, point: ForkPoint) -> tuple[Session, ForkKind]:
        """Fork a session of a thread's agent. Raises `AcpError`."""
        settings = self._context.settings(thread_id)
        also = settings.directories_at(self._context.place_of(thread_id))
        session, kind = await _fork(agent, (settings.cwd, also), point)
        if self._context.journal.threads.knows_session(thread_id, session.session_id):
            # Two threads would write into one session, and read each other's words.
            await _close(agent, session)
            raise ProtocolError(Invalid("sessionId: it is no new session"), "session/fork")
        return session, kind

    @asynccontextmanager
    async def _process(self, thread_id: int, settings: AgentSettings, on_place: OnPlace) -> AsyncIterator[Agent]:
        """Start an agent in a slot of its own, or claim a warm spare; stop it at the end.

        Raises `AcpError`, `NoSlot`.
        """
        holder, place = ForkProcess(on_place), self._context.place_of(thread_id)
        slots = self._context.placement.slots(place)
        agent = self._context.claim(holder, settings) if place == HERE else None
        try:
            if agent is None:
                await _slot(holder, slots, settings.memory)
                agent = await self._context.spawn(settings, place)
            self.agents.append(agent)
            try:
                yield agent
            finally:
                self._working.discard(asyncio.current_task())  # Its stop must not be cancelled.
                try:
                    await agent.stop()
                finally:
                    self.agents.remove(agent)
        finally:
            slots.release(holder)


async def _slot(holder: ForkProcess, slots: Slots[object], memory: int) -> None:
    try:
        async with asyncio.timeout(LINE_SECONDS):
            await slots.acquire(holder, memory)
    except TimeoutError:
        raise NoSlot("no slot became free") from None
    holder.placed(0, ())


def _require_forks(agent: Agent) -> None:
    """Raise `Unsupported` for an agent that cannot fork, or whose forks no other process could load."""
    if not (agent.can_fork and agent.can_load):
        raise Unsupported(Feature.FORK)


async def _fork(agent: Agent, directories: tuple[Path, tuple[Path, ...]], point: ForkPoint) -> tuple[Session, ForkKind]:
    """Fork a session, after a message where the agent can do that. Raises `AcpError`."""
    _require_forks(agent)
    if point.message_id and agent.reads_fork_points:
        try:
            fork = await agent.fork_session(point.session_id, *directories, message_id=point.message_id)
        except AuthRequired:
            raise
        except RemoteError as error:
            log.warning("agent cannot fork after a message", session_id=point.session_id, reason=str(error))
        else:
            return fork, ForkKind.MESSAGE
    return await agent.fork_session(point.session_id, *directories), ForkKind.LATEST


async def _close(agent: Agent, session: Session) -> None:
    try:
        await agent.close_session(session)
    except AcpError as error:
        log.info("a fork could not be closed", session_id=session.session_id, reason=str(error))


async def _set_safe_mode(session: Session, modes: Sequence[str]) -> bool:
    listed = session.listed_modes
    for mode in modes:
        if mode in listed and await session.set_mode(mode):
            return True
    return False


async def _answer(session: Session, prompt: Sequence[TextBlock]) -> SideAnswer:
    """Ask, and return the answer, or what there is of it after `ANSWER_SECONDS`. Raises `AcpError`."""
    answer = SideAnswer()
    async with session.prompt(prompt) as turn:
        timer = asyncio.get_running_loop().call_later(ANSWER_SECONDS, turn.cancel)
        try:
            await _collect(turn, answer)
        finally:
            timer.cancel()
    if not turn.cancelled:
        if turn.error is not None:
            raise turn.error
        answer.stop_reason = turn.stop_reason
    return answer


async def _collect(turn: Turn, answer: SideAnswer) -> None:
    """Take the agent's words, and reject its questions."""
    apart = False
    async for event in turn:
        match event:
            case Text(text=said):
                answer.add("\n\n" + said.lstrip("\n") if apart else said)
                apart = False
            case MessageBegun() | ToolCallUpdate():
                apart = True
            case Question() | Elicitation():
                answer.rejected += 1
                _reject(turn, event)


def _reject(turn: Turn, asked: Question | Elicitation) -> None:
    if isinstance(asked, Elicitation):
        turn.answer(asked.request_id, Decline())
    elif asked.rejection is not None:
        turn.answer(asked.request_id, asked.rejection)
    else:
        turn.withdraw(asked.request_id)
