"""The list of an agent's sessions: which agent is asked, and what a probe costs. In virtual time."""

import asyncio
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from acp import AgentClosed, SpawnFailed, StartProblem, Unsupported
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
    """Return the ids of the sessions."""
    return [each.session_id for each in await it.pool.listing.sessions(settings or it.settings(1), "here")]


def asked(it: RunningPool) -> list[int]:
    """Count how often each agent was asked, in the order of their starts."""
    return [agent.methods().count("session/list") for agent in it.factory.agents]


async def test_an_idle_agent_is_asked(tmp_path: Path) -> None:
    """Rather than one whose turn may be stuck; no process is started for it."""
    async with running_pool(tmp_path, lister, slots=3, obedient=True) as it:
        await it.hang(1, 10)
        await it.answered(2, 20)
        assert await listed(it) == ["one", "two"]
        assert asked(it) == [0, 1]


async def test_a_spare_is_asked_and_stays_one(tmp_path: Path) -> None:
    """It is initialized already."""
    async with running_pool(tmp_path, lister, slots=2, warm=1) as it:
        await quiet()
        assert await listed(it) == ["one", "two"]
        assert asked(it) == [1]
        assert repr(it.pool) == "<Pool <Slots 1/2 held, 0 in line> <Spares 1 of 1 ready>>"


async def test_without_an_agent_a_probe_is_started(tmp_path: Path) -> None:
    """In a free slot, which it returns when its processes are gone."""
    async with running_pool(tmp_path, lister, slots=2, obedient=True) as it:
        await it.hang(1, 10)
        assert await listed(it) == ["one", "two"]
        await quiet()
        assert asked(it) == [0, 1]
        assert it.factory.alive == 1
        assert repr(it.pool) == "<Pool <Slots 1/2 held, 0 in line> <1 working>>"


async def test_a_working_agent_is_asked_without_a_slot_for_a_probe(tmp_path: Path) -> None:
    """An agent lists its sessions during a turn too."""
    async with running_pool(tmp_path, lister, slots=1, obedient=True) as it:
        await it.hang(1, 10)
        assert await listed(it) == ["one", "two"]
        assert asked(it) == [1]


async def test_an_agent_of_another_kind_is_not_asked(tmp_path: Path) -> None:
    """If it has the last slot, the list fails with that reason."""
    async with running_pool(tmp_path, lister, slots=1, obedient=True) as it:
        await it.answered(1, 10)
        other = AgentSettings(it.settings(1).launch, "other")
        with pytest.raises(NoSlot):
            await listed(it, other)
        assert asked(it) == [0]


async def test_a_dead_agent_is_not_asked(tmp_path: Path) -> None:
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


async def test_a_list_is_reused_for_a_while(tmp_path: Path) -> None:
    """Also while the answer is on its way; later the agent is asked again."""
    async with running_pool(tmp_path, lister, slots=1) as it:
        assert await asyncio.gather(*(listed(it) for _ in range(3))) == [["one", "two"]] * 3
        assert await listed(it) == ["one", "two"]
        assert asked(it) == [1]
        await elapse(FRESH_SECONDS)
        assert await listed(it) == ["one", "two"]
        assert asked(it) == [1, 1]


async def test_an_error_is_raised_for_those_who_asked_only(tmp_path: Path) -> None:
    """When an agent cannot list, and when none can be started."""
    async with running_pool(tmp_path, every(), slots=1, obedient=True) as it:
        with pytest.raises(Unsupported):
            await listed(it)
        assert it.factory.alive == 0
        await it.answered(1, 10)

    def broken(_number: int) -> MemoryAgent:
        raise SpawnFailed(StartProblem.COMMAND_MISSING, "agent")

    async with running_pool(tmp_path, broken, slots=1) as it:
        with pytest.raises(SpawnFailed):
            await listed(it)
        assert repr(it.pool) == "<Pool <Slots 0/1 held, 0 in line>>"


@pytest.mark.parametrize("method", ["session/list", "initialize"])
async def test_a_pool_that_stops_waits_for_no_list(tmp_path: Path, method: str) -> None:
    """A probe that is asked, and one that starts, are both gone at the end."""
    async with running_pool(tmp_path, lambda _: MemoryAgent(capabilities=LISTS, manual={method}), slots=1) as it:
        asking = asyncio.ensure_future(listed(it))
        await (await it.factory.agent(1)).expect(method)
        await quiet()
        began = asyncio.get_running_loop().time()
    assert asyncio.get_running_loop().time() == began
    with pytest.raises((AgentClosed, asyncio.CancelledError)):
        await asking
    assert it.factory.alive == 0


async def test_a_list_does_not_wait_for_the_stop_of_its_probe(tmp_path: Path) -> None:
    """A wrapper takes seconds to stop, and Discord waits for three; the slot is returned later."""
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


async def test_a_probe_that_cannot_be_stopped_is_forgotten(tmp_path: Path) -> None:
    """The list is there, and a dead process is not counted."""
    unstoppable = OSError("Too many open files")
    async with running_pool(tmp_path, every(capabilities=LISTS, history=KEPT, unstoppable=unstoppable)) as it:
        with capture_logs() as logs:
            assert await listed(it) == ["one", "two"]
            await quiet()
        assert [line["event"] for line in logs] == ["an agent that was started for a list could not be stopped"]
        assert it.pool.agents == []
        assert repr(it.pool) == "<Pool <Slots 0/2 held, 0 in line>>"


async def test_kill_reaches_a_probe(tmp_path: Path) -> None:
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
