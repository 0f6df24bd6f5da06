"""A pool with a real journal and agents in memory, and the steps of a test."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from acp import Agent, Client, Launch, LoginState
from acp.places.here import HERE
from pool.conversation import Conversation
from pool.exchange import Completed
from pool.journal.journal import Journal
from pool.journal.message_states import MessageState
from pool.limits import Limits
from pool.placement import Room
from pool.pool import Pool, PoolEvents
from pool.session_setup import AgentSettings
from pool.turn_watchdog import TurnLimits
from tests.support.memory_agent import Json, MemoryAgent
from tests.support.stand_in_place import StandInPlace

from .recording_exchange import Recorder

AN_HOUR = 3600.0

LIMITS = Limits(
    max_agents=2,
    idle_seconds=AN_HOUR,
    max_memory=0,
    max_memory_per_agent=0,
    per_user=8,
    per_thread=50,
    per_minute=30,
    exclusive=False,
)
"""The default limits."""

MODES: Json = {"currentModeId": "default", "availableModes": [{"id": "default", "name": "Ask"}]}


def every(**how: Any) -> Callable[[int], MemoryAgent]:
    """Make agents that can load sessions, have an asking mode, and are as `how` says.

    The sessions of the first are called agent1-1, agent1-2, ...
    """
    return lambda number: MemoryAgent(**{"modes": MODES, "session_prefix": f"agent{number}", **how})


def only(which: int, **how: Any) -> Callable[[int], MemoryAgent]:
    """Make agents of which only number `which`, from 1, is as `how` says."""
    return lambda number: every(**how if number == which else {})(number)


def prompt_text(prompt: Json) -> str:
    """Return the text of a session/prompt."""
    return str(prompt["params"]["prompt"][0]["text"])


async def obey(agent: MemoryAgent) -> None:
    """Do what each prompt says: hang (until cancelled), die, or else repeat it."""
    while True:
        prompt = await agent.expect("session/prompt")
        session_id, text = prompt["params"]["sessionId"], prompt_text(prompt)
        if text == "hang":
            await agent.expect("session/cancel")
            agent.end_turn(prompt, "cancelled")
        elif text == "die":
            agent.text(session_id, "I feel ")
            agent.die(3, ["out of memory"])
        else:
            agent.text(session_id, text)
            agent.end_turn(prompt)


class AgentFactory:
    """Starts agents, counts the living ones, and knows their markers. `make` builds the agent of a number, from 1."""

    def __init__(self, make: Callable[[int], MemoryAgent]) -> None:
        self.agents: list[MemoryAgent] = []
        self.markers: list[str] = []
        self.settings: list[AgentSettings] = []
        """The settings with which each was started."""
        self.places: list[str] = []
        """The place of each."""
        self.far: dict[str, StandInPlace] = {}
        self.most = 0
        """The largest number of agents that lived at the same time; a dead one counts until its stop has ended."""
        self.after_start: Callable[[MemoryAgent], None] = lambda _: None
        self._make = make
        self._changed = asyncio.Event()

    @property
    def alive(self) -> int:
        """How many agents live now."""
        return sum(not agent.stopped for agent in self.agents)

    async def spawn(
        self,
        settings: AgentSettings,
        marker: str,
        place: str = HERE,
        on_waiting: Callable[[str], None] = lambda _reason: None,
    ) -> Agent:
        """Start the next agent, at one of `far` or here."""
        self.settings.append(settings)
        self.markers.append(marker)
        self.places.append(place)
        if place in self.far:
            await self.far[place].open(on_waiting)
        body = self._make(len(self.markers))
        self.agents.append(body)
        self.most = max(self.most, self.alive)
        self._changed.set()
        client = Client(elicitation=frozenset({"form", "url"}), fork_points={"memory": (1,)})
        agent = await Agent.start(body, client)
        self.after_start(body)
        return agent

    async def agent(self, number: int) -> MemoryAgent:
        """Return the `number`th agent, from 1, when it is started."""
        while len(self.agents) < number:
            self._changed.clear()
            await self._changed.wait()
        return self.agents[number - 1]


class RunningPool:
    """A running pool and the steps of a test."""

    def __init__(
        self,
        settings: Callable[[int], AgentSettings],
        journal: Journal,
        factory: AgentFactory,
        limits: Limits,
        warm: Sequence[tuple[AgentSettings, int]],
        on_queue: Callable[[Conversation], None],
        far: Sequence[Room] = (),
    ) -> None:
        self.preempted: list[int] = []
        """The threads whose turn has ended after a question of it was ended for others."""
        self.over_memory: list[tuple[int, int]] = []
        """The threads whose idle agents were stopped for their memory, each with the limit."""
        self.logins: list[tuple[str, LoginState]] = []
        """The news of logins: the agent's name, and what is known then."""
        self.pool = Pool(
            settings,
            spawn=factory.spawn,
            journal=journal,
            limits=limits,
            warm=warm,
            far=far,
            events=PoolEvents(
                on_preempted=self.preempted.append,
                on_queue=on_queue,
                on_over_memory=lambda thread_id, bound: self.over_memory.append((thread_id, bound)),
                on_login=lambda name, _place, login: self.logins.append((name, login)),
            ),
        )
        self.settings = settings
        self.journal = journal
        self.factory = factory

    def receive(self, thread_id: int, recorder: Recorder) -> Recorder:
        """Put an exchange's messages into the journal only."""
        for number in recorder.message_ids:
            assert self.journal.messages.receive(
                number, thread_id=thread_id, channel_id=1, guild_id=None, author_id=recorder.author_id
            )
        return recorder

    def say(self, thread_id: int, message_id: int, recorder: Recorder | None = None, text: str = "hello") -> Recorder:
        """Write a message in a thread."""
        recorder = self.receive(thread_id, recorder or Recorder(message_id, text=text))
        self.pool.submit(thread_id, recorder)
        return recorder

    async def answered(self, thread_id: int, message_id: int, text: str = "hello") -> Recorder:
        """Write a message in a thread and wait for the end of its turn."""
        recorder = self.say(thread_id, message_id, text=text)
        await recorder.end()
        return recorder

    async def hang(self, thread_id: int, message_id: int) -> Recorder:
        """Write a message whose turn ends only when it is cancelled; return when its prompt is sent."""
        recorder = self.say(thread_id, message_id, text="hang")
        await recorder.until("prompted")
        return recorder

    async def prompted(
        self, message_id: int, recorder: Recorder | None = None, text: str = "hello"
    ) -> tuple[Recorder, MemoryAgent, Json]:
        """Write the first message in thread 1; return its exchange, the agent, and the prompt that the agent got."""
        exchange = self.say(1, message_id, recorder, text)
        return exchange, *await self.request(1, "session/prompt")

    async def request(self, number: int, method: str) -> tuple[MemoryAgent, Json]:
        """Return the `number`th agent, from 1, and its next request with this method."""
        agent = await self.factory.agent(number)
        return agent, await agent.expect(method)

    async def finish(self, agent: MemoryAgent, exchange: Recorder) -> None:
        """Answer the agent's next prompt; it completes the exchange."""
        agent.end_turn(await agent.expect("session/prompt"))
        assert await exchange.end() == Completed("end_turn")

    def conversation(self, thread_id: int) -> Conversation:
        """Return the conversation of a thread that is not asleep."""
        conversation = self.pool.conversation(thread_id)
        assert conversation is not None
        return conversation

    def row(self, message_id: int) -> MessageState | None:
        """Return the state of a message in the journal."""
        return self.journal.messages.state(message_id)


@asynccontextmanager
async def running_pool(
    tmp_path: Path,
    make: Callable[[int], MemoryAgent] | None = None,
    *,
    slots: int = 2,
    idle_seconds: float = AN_HOUR,
    obedient: bool = False,
    warm: int = 0,
    bounds: TurnLimits = TurnLimits(),  # noqa: B008 - frozen
    threads: Mapping[int, AgentSettings] | None = None,
    on_queue: Callable[[Conversation], None] = lambda _conversation: None,
    far: Sequence[Room] = (),
    places: tuple[str, ...] = (HERE,),
    memory: int = 0,
    **limits: Any,
) -> AsyncIterator[RunningPool]:
    """Open a pool; `limits` are fields of `Limits`. `threads` have their own agents, which are kept warm too.

    With `obedient`, every agent does what its prompts say; otherwise the test plays the agents. `far` are its places
    besides this machine, `places` and `memory` are those of the usual agent.
    """
    factory = AgentFactory(make or every())
    factory.far = {room.place.name: room.place for room in far if isinstance(room.place, StandInPlace)}
    usual = AgentSettings(
        Launch("agent", (), tmp_path, {}),
        bounds=bounds,
        additional_directories=(tmp_path / "files",),
        places=places,
        memory=memory,
    )
    others = threads or {}
    kinds = [(settings, warm) for settings in (usual, *others.values()) if warm]
    players: list[asyncio.Task[None]] = []
    if obedient:
        factory.after_start = lambda agent: players.append(asyncio.create_task(obey(agent), name=repr(agent)))
    try:
        with Journal.open(tmp_path / "journal.db") as journal:
            limited = replace(LIMITS, max_agents=slots, idle_seconds=idle_seconds, **limits)
            it = RunningPool(
                lambda thread_id: others.get(thread_id, usual), journal, factory, limited, kinds, on_queue, far
            )
            async with it.pool:
                yield it
            assert factory.alive == 0
    finally:
        for player in players:
            player.cancel()
        await asyncio.gather(*players, return_exceptions=True)
