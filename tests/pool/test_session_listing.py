"""Which sessions an agent has kept: whoever runs is asked, nobody waits for a turn, and a slot is a slot. Virtual."""

import asyncio
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from acp import AgentClosed, SpawnFailed, Unsupported
from pool.session_listing import FRESH_SECONDS, NoSlot
from pool.session_setup import AgentSettings
from tests.support.memory_agent import MemoryAgent
from tests.support.virtual_time import elapse, quiet

from .pool_harness import MODES, RunningPool, every, running_pool

LISTS = {"loadSession": True, "sessionCapabilities": {"list": {}}}
KEPT = {"one": (), "two": ()}


def lister(number: int) -> MemoryAgent:
    """An agent that has kept two sessions."""
    return MemoryAgent(capabilities=LISTS, history=KEPT, modes=MODES, session_prefix=f"agent{number}")


async def listed(it: RunningPool, settings: AgentSettings | None = None) -> list[str]:
    """The ids of the sessions."""
    return [each.session_id for each in await it.pool.listing.sessions(settings or it.settings(1))]


def asked(it: RunningPool) -> list[int]:
    """How often each agent was asked, in the order of their starts."""
    return [agent.methods().count("session/list") for agent in it.factory.agents]


async def test_an_agent_that_works_on_nothing_is_asked(tmp_path: Path) -> None:
    """Rather than one whose turn may be stuck; no process is started for it."""
    async with running_pool(tmp_path, lister, slots=3, obedient=True) as it:
        await it.say(1, 10, text="hang").until("prompted")
        await it.answered(2, 20)
        assert await listed(it) == ["one", "two"]
        assert asked(it) == [0, 1]


async def test_a_spare_is_asked_and_stays_one(tmp_path: Path) -> None:
    """It is there already, and initialized."""
    async with running_pool(tmp_path, lister, slots=2, warm=1) as it:
        await quiet()
        assert await listed(it) == ["one", "two"]
        assert asked(it) == [1]
        assert repr(it.pool) == "<Pool <Slots 1/2 held, 0 in line> <Spares 1 of 1 ready>>"


async def test_where_none_is_free_one_is_started_for_the_list_alone(tmp_path: Path) -> None:
    """In a free slot, which it gives back when its processes are gone (invariant 4)."""
    async with running_pool(tmp_path, lister, slots=2, obedient=True) as it:
        await it.say(1, 10, text="hang").until("prompted")
        assert await listed(it) == ["one", "two"]
        await quiet()
        assert asked(it) == [0, 1]
        assert it.factory.alive == 1
        assert repr(it.pool) == "<Pool <Slots 1/2 held, 0 in line> <1 working>>"


async def test_a_working_agent_is_asked_where_there_is_no_room_for_another(tmp_path: Path) -> None:
    """A turn need not end before a list is given (P68)."""
    async with running_pool(tmp_path, lister, slots=1, obedient=True) as it:
        await it.say(1, 10, text="hang").until("prompted")
        assert await listed(it) == ["one", "two"]
        assert asked(it) == [1]


async def test_an_agent_of_another_kind_is_not_asked(tmp_path: Path) -> None:
    """Where it has taken the last slot, that is said."""
    async with running_pool(tmp_path, lister, slots=1, obedient=True) as it:
        await it.answered(1, 10)
        other = AgentSettings(it.settings(1).launch, "other")
        with pytest.raises(NoSlot, match="busy"):
            await listed(it, other)
        assert asked(it) == [0]


async def test_an_agent_that_is_dead_is_not_asked(tmp_path: Path) -> None:
    """Another one is."""
    async with running_pool(tmp_path, lister, slots=2, idle_seconds=60) as it:
        exchange, agent, _ = await it.prompted(10)
        stops = agent._stops = asyncio.Event()
        agent.die(1)
        await exchange.end()
        await quiet()
        assert await listed(it) == ["one", "two"]
        assert asked(it) == [0, 1]
        stops.set()


async def test_somebody_who_types_asks_once_in_a_while(tmp_path: Path) -> None:
    """Also while the answer is on its way; later it is asked for anew."""
    async with running_pool(tmp_path, lister, slots=1) as it:
        assert await asyncio.gather(*(listed(it) for _ in range(3))) == [["one", "two"]] * 3
        assert await listed(it) == ["one", "two"]
        assert asked(it) == [1]
        await elapse(FRESH_SECONDS)
        assert await listed(it) == ["one", "two"]
        assert asked(it) == [1, 1]


async def test_what_goes_wrong_is_told_to_those_who_asked_and_ends_nothing(tmp_path: Path) -> None:
    """An agent that cannot list, and one that cannot be started."""
    async with running_pool(tmp_path, every(), slots=1, obedient=True) as it:
        with pytest.raises(Unsupported):
            await listed(it)
        assert it.factory.alive == 0
        await it.answered(1, 10)

    def broken(_number: int) -> MemoryAgent:
        raise SpawnFailed("no such program")

    async with running_pool(tmp_path, broken, slots=1) as it:
        with pytest.raises(SpawnFailed):
            await listed(it)
        assert repr(it.pool) == "<Pool <Slots 0/1 held, 0 in line>>"


@pytest.mark.parametrize("method", ["session/list", "initialize"])
async def test_a_pool_that_stops_waits_for_no_list(tmp_path: Path, method: str) -> None:
    """A guest that is asked, and one that is still starting: both are gone at the end (invariant 8)."""
    async with running_pool(tmp_path, lambda _: MemoryAgent(capabilities=LISTS, manual={method}), slots=1) as it:
        asking = asyncio.ensure_future(listed(it))
        await (await it.factory.agent(1)).expect(method)
        await quiet()
        began = asyncio.get_running_loop().time()
    assert asyncio.get_running_loop().time() == began
    with pytest.raises((AgentClosed, asyncio.CancelledError)):
        await asking
    assert it.factory.alive == 0


async def test_a_list_does_not_wait_for_the_stop_of_whom_was_started_for_it(tmp_path: Path) -> None:
    """A wrapper takes seconds, and Discord waits for three; the slot is given back when it is gone (invariant 4)."""
    stops = asyncio.Event()
    async with running_pool(tmp_path, every(capabilities=LISTS, history=KEPT, stops=stops)) as it:
        loop = asyncio.get_running_loop()
        loop.call_later(20, stops.set)
        began = loop.time()
        assert await listed(it) == ["one", "two"]
        assert loop.time() == began
        assert repr(it.pool) == "<Pool <Slots 1/2 held, 0 in line>>"
        assert len(it.pool.agents) == 1
        await elapse(21)
        assert repr(it.pool) == "<Pool <Slots 0/2 held, 0 in line>>"
        assert it.pool.agents == []


async def test_an_agent_that_cannot_be_stopped_is_no_guest_for_ever(tmp_path: Path) -> None:
    """Whoever asked has the list; nobody counts what is gone."""
    unstoppable = OSError("Too many open files")
    async with running_pool(tmp_path, every(capabilities=LISTS, history=KEPT, unstoppable=unstoppable)) as it:
        with capture_logs() as logs:
            assert await listed(it) == ["one", "two"]
            await quiet()
        assert [line["event"] for line in logs] == ["an agent that was started for a list could not be stopped"]
        assert it.pool.agents == []
        assert repr(it.pool) == "<Pool <Slots 0/2 held, 0 in line>>"


async def test_a_hurried_stop_kills_a_guest_too(tmp_path: Path) -> None:
    """A second signal is for every process."""
    async with running_pool(
        tmp_path, lambda _: MemoryAgent(capabilities=LISTS, manual={"session/list"}), slots=1
    ) as it:
        asking = asyncio.ensure_future(listed(it))
        agent = await it.factory.agent(1)
        await agent.expect("session/list")
        it.pool.kill()
        assert agent.killed
        asking.cancel()
