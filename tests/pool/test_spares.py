"""Warm spares: ready before a thread needs them, and never in another thread's way. In virtual time."""

import asyncio
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from acp import AgentClosed, CloseReason, Launch, SpawnFailed, StartProblem
from pool.conversation_context import ConversationState
from pool.exchange import Completed
from pool.session_setup import AgentSettings
from pool.spares import AGAIN_SECONDS
from tests.support.memory_agent import MemoryAgent
from tests.support.virtual_time import elapse, quiet

from .pool_harness import MODES, every, only, running_pool

A_PERSON = 42
FILL = 1.1
"""The keeper fills up spares every second."""


async def test_spares_are_ready_before_the_first_message(tmp_path: Path) -> None:
    """Each holds a slot like any other process, and has its own marker."""
    async with running_pool(tmp_path, slots=3, warm=2) as it:
        assert repr(it.pool) == "<Pool <Slots 2/3 held, 0 in line> <Spares 0 of 2 ready>>"
        await quiet()
        assert repr(it.pool) == "<Pool <Slots 2/3 held, 0 in line> <Spares 2 of 2 ready>>"
        assert [agent.methods() for agent in it.factory.agents] == [["initialize"]] * 2
        assert it.factory.markers == [f"{it.journal.journal_id}/{number}" for number in (1, 2)]
        assert len(it.pool.agents) == 2


async def test_no_spare_is_started_without_a_free_slot(tmp_path: Path) -> None:
    """However many are wanted."""
    async with running_pool(tmp_path, slots=2, warm=5) as it:
        await elapse(FILL)
        assert repr(it.pool) == "<Pool <Slots 2/2 held, 0 in line> <Spares 2 of 5 ready>>"


async def test_a_new_thread_gets_the_spare_with_its_slot_and_a_new_spare_follows(tmp_path: Path) -> None:
    """No process is started for it, and a new spare starts in the background."""
    async with running_pool(tmp_path, slots=2, warm=1, obedient=True) as it:
        await quiet()
        began = asyncio.get_running_loop().time()
        exchange = await it.answered(1, 10)
        assert asyncio.get_running_loop().time() == began
        assert exchange.told[:2] == ["starting", "waiting 0"]
        assert len(it.factory.agents) == 1
        await quiet()
        assert repr(it.pool) == "<Pool <Slots 1/2 held, 0 in line> <Spares 0 of 1 ready> <1 idle>>"
        await elapse(FILL)
        assert repr(it.pool) == "<Pool <Slots 2/2 held, 0 in line> <Spares 1 of 1 ready> <1 idle>>"
        assert it.factory.agents[1].methods() == ["initialize"]


async def test_a_waking_thread_gets_the_spare_too(tmp_path: Path) -> None:
    """It loads its session there, without a notice."""
    async with running_pool(tmp_path, slots=2, warm=1, idle_seconds=60, obedient=True) as it:
        await quiet()
        await it.answered(1, 10)
        await elapse(65)
        assert it.pool.conversation(1) is None
        started = len(it.factory.agents)
        exchange = await it.answered(1, 11)
        assert len(it.factory.agents) == started
        assert "session/load" in it.factory.agents[-1].methods()
        assert exchange.told == ["starting", "waiting 0", "blocks", "prompted", "hello", "ended"]


async def test_a_thread_that_has_an_agent_takes_no_spare(tmp_path: Path) -> None:
    """It uses its own agent."""
    async with running_pool(tmp_path, slots=2, warm=1, obedient=True) as it:
        await it.answered(1, 10)
        await elapse(FILL)
        await it.answered(1, 11)
        assert repr(it.pool).startswith("<Pool <Slots 2/2 held, 0 in line> <Spares 1 of 1 ready>")


async def test_a_spare_that_is_not_ready_is_not_waited_for(tmp_path: Path) -> None:
    """The thread starts its own agent if there is a slot."""
    async with running_pool(tmp_path, only(1, manual={"initialize"}), slots=2, warm=1, obedient=True) as it:
        await it.factory.agent(1)
        await it.answered(1, 10)
        assert it.factory.agents[1].methods().count("session/prompt") == 1
        assert repr(it.pool).startswith("<Pool <Slots 2/2 held, 0 in line> <Spares 0 of 1 ready>")


async def test_a_spare_is_stopped_first_when_its_slot_is_needed(tmp_path: Path) -> None:
    """Before any idle thread, and only one for each newcomer; it is not replaced while they need the slot."""
    async with running_pool(tmp_path, only(2, manual={"initialize"}), slots=3, warm=2, obedient=True) as it:
        await quiet()  # The second is still in its handshake.
        await it.answered(1, 10)
        await it.hang(2, 20)
        newcomer = it.say(3, 30)
        await newcomer.end()
        assert it.factory.agents[1].stopped
        assert it.conversation(1).lease.state is ConversationState.IDLE
        await elapse(FILL)
        assert repr(it.pool) == "<Pool <Slots 3/3 held, 0 in line> <Spares 0 of 2 ready> <1 idle> <2 working> <3 idle>>"
        assert it.factory.most == 3


async def test_one_spare_is_stopped_for_one_newcomer(tmp_path: Path) -> None:
    """While it stops, no other spare and no idle thread is stopped for the same newcomer."""
    stops = asyncio.Event()

    def make(number: int) -> MemoryAgent:
        return every(stops=stops, manual={"initialize"} if number in {2, 3} else ())(number)

    async with running_pool(tmp_path, make, slots=3, warm=2, obedient=True) as it:
        await quiet()
        await it.answered(1, 10)
        await elapse(FILL)
        assert repr(it.pool) == "<Pool <Slots 3/3 held, 0 in line> <Spares 0 of 2 ready> <1 idle>>"
        it.say(2, 20)
        await quiet()
        assert repr(it.pool) == "<Pool <Slots 3/3 held, 1 in line> <Spares 0 of 2 ready> <1 idle> <2 in line>>"
        it.factory.agents[1].reply(await it.factory.agents[1].expect("initialize"), {"protocolVersion": 1})
        await quiet()
        assert repr(it.pool) == "<Pool <Slots 3/3 held, 1 in line> <Spares 0 of 2 ready> <1 idle> <2 in line>>"
        it.say(3, 30)
        await quiet()
        assert repr(it.conversation(1)) == "<1 idle>"
        stops.set()
        await quiet()
        assert it.factory.agents[1].stopped
        assert not it.factory.agents[0].stopped


async def test_a_dead_spare_is_not_claimed_and_not_replaced_immediately(tmp_path: Path) -> None:
    """The thread gets a living agent; a spare that dies by itself is not restarted every second."""
    async with running_pool(tmp_path, slots=2, warm=1, obedient=True) as it:
        await quiet()
        with capture_logs() as logs:
            it.factory.agents[0].die(3)
            await quiet()
        assert [log["reason"] for log in logs] == ["process ended (exit status 3)"]
        assert repr(it.pool) == "<Pool <Slots 0/2 held, 0 in line> <Spares 0 of 1 ready>>"
        assert (await it.answered(1, 10)).ending == Completed("end_turn")
        assert len(it.factory.agents) == 2
        await elapse(AGAIN_SECONDS - 1)
        assert len(it.factory.agents) == 2
        await elapse(1 + FILL)
        assert len(it.factory.agents) == 3


async def test_a_spare_that_dies_in_the_step_of_a_claim_is_not_claimed(tmp_path: Path) -> None:
    """The check sees its end before its task has run."""
    async with running_pool(tmp_path, slots=2, warm=1, obedient=True) as it:
        await quiet()
        exchange = it.say(1, 10)
        it.pool.agents[0].connection.close(AgentClosed(CloseReason.STOPPED))
        assert await exchange.end() == Completed("end_turn")
        assert exchange.told == ["starting", "waiting 0", "blocks", "prompted", "hello", "ended"]
        assert it.factory.agents[0].methods() == ["initialize"]


async def test_a_claimed_spare_that_dies_idle_is_noticed(tmp_path: Path) -> None:
    """Its thread learns of its end, as of any other agent's, and returns the slot."""
    async with running_pool(tmp_path, slots=2, warm=1, obedient=True) as it:
        await quiet()
        await it.answered(1, 10)
        await quiet()
        it.factory.agents[0].die(1)
        await quiet()
        assert it.pool.conversation(1) is None
        assert it.factory.agents[0].stopped


@pytest.mark.parametrize(
    "error", [SpawnFailed(StartProblem.COMMAND_MISSING, "agent"), RuntimeError("out of file descriptors")]
)
async def test_a_spare_that_cannot_be_started_is_tried_again_after_a_while(tmp_path: Path, error: Exception) -> None:
    """Any error affects no other agent, and is logged once in that time."""
    broken = True

    def make(number: int) -> MemoryAgent:
        if broken:
            raise error
        return every()(number)

    async with running_pool(tmp_path, make, slots=2, warm=2, obedient=True) as it:
        await elapse(AGAIN_SECONDS - 1)
        assert len(it.factory.markers) == 2
        assert repr(it.pool) == "<Pool <Slots 0/2 held, 0 in line> <Spares 0 of 2 ready>>"
        broken = False
        await it.answered(1, 10)
        await elapse(1 + FILL)
        assert repr(it.pool) == "<Pool <Slots 2/2 held, 0 in line> <Spares 1 of 2 ready> <1 idle>>"


async def test_a_pool_that_stops_stops_its_spares(tmp_path: Path) -> None:
    """The ready ones, and those that are starting, whose processes exist by then."""
    async with running_pool(tmp_path, only(2, manual={"initialize"}), slots=3, warm=2) as it:
        await it.factory.agent(2)
        await quiet()
        began = asyncio.get_running_loop().time()
        await it.pool.__aexit__()
        assert asyncio.get_running_loop().time() == began
        assert [agent.stopped for agent in it.factory.agents] == [True, True]
        assert len(it.factory.agents) == 2


async def test_a_stop_of_a_spare_in_progress_is_not_interrupted(tmp_path: Path) -> None:
    """After the pool's end its process is gone, however long that takes."""
    stops = asyncio.Event()
    async with running_pool(tmp_path, every(stops=stops), warm=1) as it:
        await quiet()
        asyncio.get_running_loop().call_later(20, stops.set)
        await it.pool.__aexit__()
        assert it.factory.agents[0].stopped


async def test_a_spare_that_cannot_be_stopped_affects_no_other_agent(tmp_path: Path) -> None:
    """The newcomer gets its slot, and the error is logged."""
    other = AgentSettings(Launch("other", (), tmp_path, {}), agent="other")
    make = only(1, unstoppable=OSError("Too many open files"))
    async with running_pool(tmp_path, make, slots=1, warm=1, threads={2: other}, obedient=True) as it:
        await quiet()
        with capture_logs() as logs:
            assert await it.say(2, 20).end() == Completed("end_turn")
        assert [line["event"] for line in logs if line["log_level"] == "error"] == ["a warm spare could not be stopped"]


async def test_kill_reaches_spares(tmp_path: Path) -> None:
    """The ready one, and the stopping one; one without a process yet is skipped."""
    stops = asyncio.Event()

    def make(number: int) -> MemoryAgent:
        return MemoryAgent(modes=MODES, stops=stops, manual={"initialize"} if number == 2 else ())

    async with running_pool(tmp_path, make, warm=2) as it:
        await it.factory.agent(2)
        await quiet()
        stopping = asyncio.create_task(it.pool.__aexit__())
        await quiet()
        it.pool.kill()
        assert [agent.killed for agent in it.factory.agents] == [True, False]
        stops.set()
        await stopping
        assert it.factory.alive == 0


async def test_a_thread_gets_a_spare_of_its_own_agent_only(tmp_path: Path) -> None:
    """The same agent started in the same way; for another one a process is started, and the spare stays."""
    project = tmp_path / "project"
    other = AgentSettings(Launch("other", ("--acp",), project, {"KEY": "1"}), "other")
    elsewhere = AgentSettings(Launch("agent", (), project, {}))
    async with running_pool(tmp_path, slots=4, warm=1, obedient=True, threads={2: other, 3: elsewhere}) as it:
        await quiet()
        assert [settings.agent for settings in it.factory.settings] == ["default", "other", "default"]
        await it.answered(2, 20)
        assert len(it.factory.agents) == 3
        assert it.conversation(2).lease.agent is not None
        assert it.factory.agents[1].methods()[1] == "session/new"
        assert it.factory.agents[1].received[1]["params"]["cwd"] == str(project)
        await it.answered(3, 30)
        assert it.factory.agents[2].received[1]["params"]["cwd"] == str(project)
        assert "session/new" not in it.factory.agents[0].methods()
        assert it.conversation(3).lease.settings == elsewhere
