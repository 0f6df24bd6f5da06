"""The conversations of all threads, with a bounded number of agents.

There is no lock: everything runs on one event loop, and each check and its change happen without an await between them.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any, Protocol, Self
from weakref import WeakSet

import structlog

from acp import Agent, LoginState
from acp.places.here import HERE, Here
from pool.agent_lease import AgentLease
from pool.conversation import Conversation
from pool.conversation_context import ConversationContext, ConversationState
from pool.evictions import Evictions
from pool.exchange import Exchange
from pool.forks import ForkProcess, Forks
from pool.journal.journal import Journal
from pool.journal.maintenance import Maintenance
from pool.limits import Bound, Limits, Pace, ThreadsOfPeople
from pool.logins import Logins
from pool.memory_keeper import MemoryKeeper
from pool.placement import Placement, Room
from pool.queue_positions import LINE_SECONDS, QueuePositions
from pool.session_listing import SessionListing
from pool.session_setup import AgentSettings
from pool.slots import Load
from pool.spares import Spares
from pool.sweeps import Sweeps
from pool.workdirs import Workdirs

TURN_SECONDS = 8.0
"""How long running turns may take to end by themselves when the bot stops."""

TICK_SECONDS = 1.0
"""How often deadlines are checked and spares started."""

MEMORY_SECONDS = 10.0
"""How often the agents' memory is measured, if it is bounded."""

FAR_SECONDS = 7.0
"""How long agents at other places may take to be stopped when the bot stops: as long as those of this machine at worst.
What is still there then ends by itself."""

log = structlog.stdlib.get_logger("pool")


class Start(Protocol):
    """Starts an agent at a place, with a marker (`<journal id>/<n>`). Raises `AcpError`."""

    def __call__(
        self, settings: AgentSettings, marker: str, place: str, on_waiting: Callable[[str], None]
    ) -> Awaitable[Agent]:
        """Start it; for `on_waiting` see `acp.places.place.Place.start`."""


@dataclass(frozen=True, slots=True)
class PoolEvents:
    """What the pool tells. All are synchronous, and must not fail.

    `on_preempted` is called with the thread of a preempted turn when that turn has ended; `on_queue` with a
    conversation whose inbox or current exchange may have changed; `on_over_memory` with the thread of an idle agent
    that is stopped for its memory, and the limit in bytes; `on_login` with an agent's name, a place, and whether the
    agent is logged in there, when there is news of that.
    """

    on_preempted: Callable[[int], None] = lambda _thread_id: None
    on_queue: Callable[[Conversation], None] = lambda _conversation: None
    on_over_memory: Callable[[int, int], None] = lambda _thread_id, _bound: None
    on_login: Callable[[str, str, LoginState], None] = lambda _agent, _place, _login: None


class Pool:
    """The conversations by thread. An asynchronous context manager; leaving it stops every agent."""

    def __init__(
        self,
        settings: Callable[[int], AgentSettings],
        *,
        spawn: Start,
        journal: Journal,
        limits: Limits,
        warm: Sequence[tuple[AgentSettings, int]] = (),
        far: Sequence[Room] = (),
        events: PoolEvents = PoolEvents(),
    ) -> None:
        """`settings` returns a thread's agent; `spawn` starts one.

        `warm` says how many started agents of each kind are kept for new threads. `far` are the places besides this
        machine.
        """
        self._events = events
        self._start = spawn
        self._journal = journal
        self._limits = limits
        self._spawned = 0
        rooms = (Room(Here(), limits.max_agents), *far)
        self._placement = placement = Placement(rooms, leaving=self._leaving, on_line_moved=self._check_soon)
        self._sweeps = Sweeps(far)
        self._far_agents: WeakSet[Agent] = WeakSet()
        self._far_starts: set[asyncio.Task[Any] | None] = set()
        """The tasks in which agents start at other places."""
        self._conversations: dict[int, Conversation] = {}
        self._threads_of = ThreadsOfPeople()
        self._tasks = asyncio.TaskGroup()
        self._running: dict[Conversation, asyncio.Task[None]] = {}
        self._pace = Pace(limits.per_minute)
        self._evictions = {place: Evictions(place, slots, self._conversations) for place, slots in placement}
        self._positions = [
            QueuePositions(slots, tell=self._tell_place, asking=self._evictions[place].asking)
            for place, slots in placement
        ]
        self._next_check: asyncio.Handle | None = None
        self._stack = AsyncExitStack()
        self._stopping = False
        self._timers: list[asyncio.TimerHandle] = []
        self._warm = bool(warm)
        self._spares = Spares(warm, slots=placement.slots(HERE), spawn=self._spawn, create_task=self._create_task)
        self._memory = MemoryKeeper(
            limits, self._evictions[HERE], others=self._threadless_agents, on_over_memory=events.on_over_memory
        )
        self.listing = SessionListing(
            placement=placement, spawn=self._spawn, running=self._running_agents, create_task=self._create_task
        )
        """The sessions that the agents have kept."""
        self.logins = Logins(
            placement=placement,
            spawn=self._spawn,
            create_task=self._create_task,
            on_changed=self._login_changed,
            on_logged_in=self._replace_agents,
        )
        """The logins of the agents."""
        self._context = ConversationContext(
            settings=settings,
            journal=journal,
            placement=placement,
            sweeps=self._sweeps,
            workdirs=Workdirs(),
            exclusive=limits.exclusive,
            spawn=self._spawn,
            claim=self._spares.claim,
            idle_seconds=limits.idle_seconds,
            on_idle=self._check_soon,
            on_preempted=events.on_preempted,
            on_queue=lambda thread_id: events.on_queue(self._conversations[thread_id]),
        )
        self.forks = Forks(self._context, lease=self._lease, create_task=self._create_task)
        """Takes forks of the threads' sessions."""

    def __repr__(self) -> str:
        """Read like a status line."""
        parts = [repr(self._placement)]
        if self._warm:
            parts.append(repr(self._spares))
        parts += [repr(conversation) for conversation in self._conversations.values()]
        return f"<Pool {' '.join(parts)}>"

    async def __aenter__(self) -> Self:
        """Start the keeper, the maintenance of the journal, the spares, and the end of what an earlier run left."""
        self._stack.push_async_callback(self._sweeps.close)
        await self._stack.enter_async_context(self._tasks)
        sweeping = [
            self._tasks.create_task(self._sweeps.run(place), name=f"sweep {place}") for place in self._sweeps.places
        ]
        keeper = self._tasks.create_task(self._keep(), name="keeper")
        upkeep = self._tasks.create_task(Maintenance(self._journal).run(), name="upkeep of the journal")
        self._stack.push_async_callback(self._stop, keeper, upkeep, *sweeping)
        self._spares.fill()
        return self

    async def __aexit__(self, *exc: object) -> None:
        """Give running turns `TURN_SECONDS` to end, then stop every conversation and its agent."""
        try:
            await self._stack.aclose()
        finally:
            for timer in self._timers:
                timer.cancel()

    # ---- messages

    def bound(self, thread_id: int, author_id: int) -> Bound | None:
        """Return the bound that another message of this author would exceed; None when it is acceptable.

        A message resumes what its thread holds, so a full queue that is held takes one more: the first of it starts.
        """
        if self._pace.is_too_fast(author_id):
            return Bound.MINUTE
        conversation = self._conversations.get(thread_id)
        waiting = 0 if conversation is None else conversation.waiting + conversation.steering
        full = waiting >= self._limits.per_thread
        if conversation is not None and full and not conversation.held:
            return Bound.THREAD
        if conversation is None or not conversation.serves(author_id):
            threads = self._threads_of.get(author_id)
            served = sum(self._conversations[each].serves(author_id) for each in threads)
            if served >= self._limits.per_user:
                return Bound.USER
        return None

    def count(self, author_id: int) -> None:
        """Count a command that needs an agent of its own like a message of its author."""
        self._pace.accepted(author_id)

    def submit(self, thread_id: int, exchange: Exchange) -> None:
        """Accept an exchange for a thread. The agent gets exchanges in the order of these calls.

        While the pool stops, this is ignored: the message's row stays received, for the next start.
        """
        if not self._stopping:
            self._pace.accepted(exchange.author_id)
            self._obtain(thread_id, exchange).submit(exchange)

    def send_into_turn(self, thread_id: int, exchange: Exchange) -> None:
        """Accept an exchange for a thread's running turn, which takes it in (see `Conversation.can_steer`)."""
        if not self._stopping:
            self._pace.accepted(exchange.author_id)
            self._obtain(thread_id, exchange).send_into_turn(exchange)

    def restore(
        self, thread_id: int, exchanges: Sequence[Exchange], *, held: bool, seconds: float | None = None
    ) -> None:
        """Accept again what an earlier run accepted; `held` holds it for a person, or for at most `seconds`."""
        if not self._stopping:
            self._obtain(thread_id, *exchanges).restore(exchanges, held=held, seconds=seconds)

    def wait(self, thread_id: int, exchange: Exchange, seconds: float) -> None:
        """Accept an exchange behind a question to a person; it waits for the answer, or for at most `seconds`."""
        if not self._stopping:
            self._obtain(thread_id, exchange).wait(exchange, seconds)

    def go_first(self, thread_id: int, exchange: Exchange) -> None:
        """Accept an exchange before all that wait in its thread."""
        if not self._stopping:
            self._obtain(thread_id, exchange).go_first(exchange)

    def _obtain(self, thread_id: int, *exchanges: Exchange) -> Conversation:
        """Return the thread's conversation, which is about to get these exchanges."""
        for exchange in exchanges:
            self._threads_of.add(exchange.author_id, thread_id)
        conversation = self._conversations.get(thread_id)
        if conversation is None:
            conversation = self._conversations[thread_id] = Conversation(thread_id, self._context)
            self._running[conversation] = self._create_task(self._run(conversation), f"conversation-{thread_id}")
        return conversation

    async def _run(self, conversation: Conversation) -> None:
        try:
            await conversation.run()
        except Exception:  # the isolation boundary of a conversation, for its end
            log.exception("a conversation could not be ended", thread_id=conversation.thread_id)
        finally:
            # In the same step of the loop as the conversation's last check of its inbox, so that no message is lost.
            del self._running[conversation]
            del self._conversations[conversation.thread_id]
            self._threads_of.remove(conversation.thread_id)

    def _create_task(self, work: Coroutine[Any, Any, None], name: str = "agent without a thread") -> asyncio.Task[None]:
        return self._tasks.create_task(work, name=name)

    # ---- status

    def conversation(self, thread_id: int) -> Conversation | None:
        """Return the thread's conversation; None while it is asleep with an empty inbox."""
        return self._conversations.get(thread_id)

    def _lease(self, thread_id: int) -> AgentLease | None:
        conversation = self._conversations.get(thread_id)
        return None if conversation is None else conversation.lease

    def place(self, conversation: Conversation) -> int:
        """Return a conversation's place in line, from 1; 0 when it is not in line."""
        line = self._placement.slots(conversation.lease.place).line
        return line.index(conversation.lease) + 1 if conversation.lease in line else 0

    def place_of(self, thread_id: int) -> str:
        """Return the place at which a thread's agent runs, or would start now."""
        return self._context.place_of(thread_id)

    @property
    def conversations(self) -> Iterable[Conversation]:
        """All conversations that are awake or have waiting exchanges."""
        return self._conversations.values()

    @property
    def agents(self) -> list[Agent]:
        """All running agents: also spares, probes, those of forks, and those in which people log in."""
        used = [each.lease.agent for each in self._conversations.values() if each.lease.agent is not None]
        return [*used, *self._threadless_agents()]

    def _with_agents(self, place: str) -> list[Conversation]:
        """Return the conversations that hold a slot at a place: no other has an agent, or a turn."""
        return [self._conversations[lease.thread_id] for lease in self._evictions[place].leases]

    def _threadless_agents(self) -> list[Agent]:
        return [*self._spares.agents, *self.listing.probes, *self.forks.agents, *self.logins.agents]

    @property
    def near_agents(self) -> list[Agent]:
        """Those of this machine, whose memory can be measured."""
        return [agent for agent in self.agents if agent not in self._far_agents]

    def _running_agents(self, settings: AgentSettings, place: str) -> list[Agent]:
        """Return the living agents of the same name at a place, in any directory."""
        of_threads = [
            each.lease.agent
            for each in self._conversations.values()
            if each.lease.agent is not None
            and each.lease.place == place
            and self._context.settings(each.thread_id).agent == settings.agent
        ]
        agents = [*of_threads, *(self._spares.of(settings.agent) if place == HERE else ())]
        return [agent for agent in agents if agent.connection.error is None]

    @property
    def load(self) -> Load:
        """The same of all places together."""
        loads = self.loads.values()
        return Load(*(sum(getattr(each, name) for each in loads) for name in ("size", "held", "in_line")))

    @property
    def loads(self) -> Mapping[str, Load]:
        """The number of slots of each place, of held ones, and of those who wait for one."""
        return {place: slots.load for place, slots in self._placement}

    # ---- slots

    async def _spawn(
        self, settings: AgentSettings, place: str = HERE, on_waiting: Callable[[str], None] = lambda _reason: None
    ) -> Agent:
        await self._sweeps.done(place)
        self._spawned += 1
        starting = asyncio.current_task()
        if not self._placement.is_near(place):
            self._far_starts.add(starting)
        try:
            agent = await self._start(settings, f"{self._journal.journal_id}/{self._spawned}", place, on_waiting)
        finally:
            self._far_starts.discard(starting)
        if not self._placement.is_near(place):
            self._far_agents.add(agent)
        self.logins.watch(settings.agent, place, agent)
        return agent

    def _check_soon(self) -> None:
        """Check the line and the slots once, after all that happens in this round of the loop."""
        if self._next_check is None:
            self._next_check = asyncio.get_running_loop().call_soon(self._check_line)

    def _check_line(self) -> None:
        self._next_check = None
        for positions in self._positions:
            positions.tell_moved()
        for evictions in self._evictions.values():
            evictions.make_room(self._spares)
        self._placement.reconsider()

    def _tell_place(self, holder: object, place: int, asking: Sequence[int]) -> None:
        match holder:  # Spares and probes are never in line; a login shows no number.
            case AgentLease():
                self._conversations[holder.thread_id].placed(place, asking)
            case ForkProcess():
                holder.placed(place, asking)

    def _leaving(self, place: str) -> int:
        return self._evictions[place].leaving(self._spares)

    # ---- logins

    def _login_changed(self, name: str, place: str) -> None:
        for conversation in self._with_agents(place):
            if conversation.lease.settings.agent == name:
                conversation.login_changed()
        self._events.on_login(name, place, self.logins.state(name, place))

    def _replace_agents(self, name: str, place: str) -> None:
        """Stop an agent's processes at a place when they are idle: a login takes effect in new ones.

        One that works without the login stays, if its session would be lost.
        """
        if place == HERE:
            self._spares.replace(name)
        for lease in (conversation.lease for conversation in self._with_agents(place)):
            if lease.settings.agent == name and lease.agent and (lease.agent.can_load or lease.is_logged_out):
                lease.release_when_idle()

    # ---- the keeper

    async def _keep(self) -> None:
        """Run the periodic duties, each at its own interval."""
        loop = asyncio.get_running_loop()
        duties = {self._tick: 0.0, self._tell_others: LINE_SECONDS}
        if self._memory.is_needed:
            duties[self._memory.relieve] = MEMORY_SECONDS
        last = dict.fromkeys(duties, loop.time())
        while True:
            await asyncio.sleep(TICK_SECONDS)
            for duty, seconds in duties.items():
                if loop.time() - last[duty] >= seconds:
                    last[duty] = loop.time()
                    try:
                        await duty()
                    except Exception:  # an isolation boundary: a full disk must not end the bot
                        log.exception("the keeper failed", duty=duty.__name__)

    async def _tick(self) -> None:
        self._journal.retry()
        for place, evictions in self._evictions.items():
            for conversation in self._with_agents(place):
                conversation.tick()
            evictions.preempt()
        self._spares.fill()

    async def _tell_others(self) -> None:
        for positions in self._positions:
            await positions.tell_others()

    # ---- the end

    def kill(self) -> None:
        """Kill every agent without waiting. `__aexit__` must still follow."""
        for agent in self.agents:
            agent.kill()

    async def _stop(self, *keepers: asyncio.Task[None]) -> None:
        self._stopping = True
        for keeper in keepers:
            keeper.cancel()
        self._spares.close()
        self.listing.close()
        self.logins.close()
        self.forks.close()
        for conversation, task in self._running.items():
            conversation.finish_and_stop()
            if conversation.lease.state in {ConversationState.IN_LINE, ConversationState.STARTING}:
                task.cancel()  # Its prompt is not sent.
        if self._running:
            await asyncio.wait(self._running.values(), timeout=TURN_SECONDS)
        for conversation, task in self._running.items():
            # A stop in progress must not be interrupted, nor the stop after a start that was cancelled above.
            if conversation.lease.state is not ConversationState.STOPPING and not task.cancelling():
                conversation.disconnect()
                task.cancel()
        self._timers.append(asyncio.get_running_loop().call_later(FAR_SECONDS, self._kill_far))

    def _kill_far(self) -> None:
        """Leave the agents at other places to themselves: without a connection they end there."""
        for task in filter(None, self._far_starts):
            task.cancel()  # It is being given up already, which waits for the place too.
        for agent in self.agents:
            if agent in self._far_agents:
                agent.kill()
