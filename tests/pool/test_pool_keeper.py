"""The periodic duties of the pool: preemption and memory. In virtual time."""

import asyncio
import sqlite3
import threading
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from acp import AgentClosed, CloseReason
from pool.conversation_context import ConversationState
from pool.evictions import PREEMPT_SECONDS, YIELD_SECONDS
from pool.exchange import Completed, Failed
from pool.journal.journal import Journal
from pool.pool import MEMORY_SECONDS
from pool.spares import AGAIN_SECONDS
from tests.support.memory_agent import Json, MemoryAgent
from tests.support.virtual_time import elapse, quiet

from .pool_harness import RunningPool, running_pool
from .recording_exchange import Recorder

LOOK = 1.1


class Asking:
    """A thread whose agent waits for a person's answer."""

    def __init__(self, exchange: Recorder, agent: MemoryAgent, prompt: Json, request_id: int | str | None) -> None:
        self.exchange = exchange
        self.agent = agent
        self.prompt = prompt
        self.request_id = request_id

    @property
    def rejected(self) -> bool:
        """Whether the question was rejected."""
        return f"unanswered {self.request_id} OTHERS" in self.exchange.told


async def asking(it: RunningPool, thread_id: int, number: int) -> Asking:
    """Let the `number`th agent ask in a thread."""
    exchange = it.say(thread_id, thread_id * 100)
    agent = await it.factory.agent(number)
    prompt = await agent.expect("session/prompt")
    request_id = agent.ask(f"agent{number}-1")
    await exchange.until("Question")
    return Asking(exchange, agent, prompt, request_id)


async def test_the_oldest_question_is_rejected_for_a_line_that_has_waited_long(tmp_path: Path) -> None:
    """Only it; its turn ends normally, its thread sleeps with its session, and the line moves."""
    async with running_pool(tmp_path, slots=2) as it:
        older = await asking(it, 1, 1)
        await elapse(60)
        younger = await asking(it, 2, 2)
        waiting = it.say(3, 300)
        await elapse(PREEMPT_SECONDS - LOOK)
        assert not older.rejected
        await elapse(2 * LOOK)
        assert older.rejected
        assert not younger.rejected
        assert (await older.agent.answer_to(older.request_id))["result"]["outcome"]["optionId"] == "no"
        assert not older.exchange.endings
        older.agent.text("agent1-1", "then not")
        older.agent.end_turn(older.prompt)
        assert await older.exchange.end() == Completed("end_turn")
        agent = await it.factory.agent(3)
        await it.finish(agent, waiting)
        assert it.pool.conversation(1) is None
        assert it.journal.threads.session_id(1) == "agent1-1"
        assert it.conversation(2).lease.state is ConversationState.WORKING
        assert it.factory.most == 2
        assert it.preempted == [1]


async def test_a_preempted_turn_that_a_person_ends_is_not_announced(tmp_path: Path) -> None:
    """Nor one that ends with the bot: there is no turn to continue."""
    async with running_pool(tmp_path, slots=2) as it:
        asked = [await asking(it, thread_id, thread_id) for thread_id in (1, 2)]
        for thread_id in (1, 2):
            it.conversation(thread_id).preempt()
        it.conversation(1).cancel(by=7)
        asked[0].agent.end_turn(asked[0].prompt, "cancelled")
        await asked[0].exchange.end()
    assert it.preempted == []


async def test_a_young_question_is_left_open(tmp_path: Path) -> None:
    """However long others wait: its person has had no time to see it."""
    async with running_pool(tmp_path, slots=1) as it:
        exchange, agent, _ = await it.prompted(100)
        it.say(2, 200)
        await elapse(PREEMPT_SECONDS + 300)
        agent.ask("agent1-1")
        await exchange.until("Question")
        await elapse(PREEMPT_SECONDS - LOOK)
        assert "unanswered 0 OTHERS" not in exchange.told
        await elapse(2 * LOOK)
        assert "unanswered 0 OTHERS" in exchange.told


async def test_a_question_is_left_open_while_the_line_is_young(tmp_path: Path) -> None:
    """Its own deadline is hours away."""
    async with running_pool(tmp_path, slots=1) as it:
        asked = await asking(it, 1, 1)
        await elapse(PREEMPT_SECONDS * 2)
        it.say(2, 200)
        await elapse(PREEMPT_SECONDS - LOOK)
        assert not asked.rejected


async def test_one_question_at_a_time_is_rejected_for_the_line(tmp_path: Path) -> None:
    """An agent gets time to end its turn before the next question is rejected; a hung one does not block the line."""
    async with running_pool(tmp_path, slots=3) as it:
        asked = [await asking(it, thread_id, thread_id) for thread_id in (1, 2, 3)]
        it.say(4, 400)
        await elapse(PREEMPT_SECONDS + LOOK)
        assert [each.rejected for each in asked] == [True, False, False]
        await elapse(YIELD_SECONDS - 2 * LOOK)
        assert [each.rejected for each in asked] == [True, False, False]
        await elapse(2 * LOOK)
        assert [each.rejected for each in asked] == [True, True, False]
        asked[1].agent.end_turn(asked[1].prompt)
        await (await it.factory.agent(4)).expect("session/prompt")
        await elapse(PREEMPT_SECONDS / 2)
        assert [each.rejected for each in asked] == [True, True, False]


async def test_a_hung_agent_and_open_questions_leave_the_last_slot_to_all_others(tmp_path: Path) -> None:
    """A hung turn has no question and is not preempted."""
    async with running_pool(tmp_path, slots=3, obedient=True) as it:
        hung = [it.say(thread_id, thread_id * 100, text="hang") for thread_id in (1, 2)]
        for exchange in hung:
            await exchange.until("prompted")
        for thread_id in range(3, 20):
            assert (await it.answered(thread_id, thread_id * 100)).ending == Completed("end_turn")
        await elapse(PREEMPT_SECONDS + LOOK)
        assert [exchange.endings for exchange in hung] == [[], []]


# ---- memory


def weigh(monkeypatch: pytest.MonkeyPatch, sizes: dict[int, int]) -> list[list[int]]:
    """Give agents the `sizes` of their process ids; return the ids of each measurement."""
    asked: list[list[int]] = []

    def resident(leaders: list[int]) -> dict[int, int]:
        asked.append(sorted(leaders))
        return {pid: sizes.get(pid, 0) for pid in leaders}

    monkeypatch.setattr("pool.memory_keeper.resident", resident)
    return asked


async def test_the_longest_idle_sleep_until_the_memory_is_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As few as necessary, the longest idle first; working ones stay, and every session is kept."""
    sizes: dict[int, int] = {}
    weigh(monkeypatch, sizes)
    async with running_pool(tmp_path, slots=5, obedient=True, max_memory=1000) as it:
        for thread_id in (1, 2, 3):
            await it.answered(thread_id, thread_id)
            await quiet()
        await it.hang(4, 4)
        sizes.update(zip([agent.pid for agent in it.factory.agents], (300, 300, 300, 700), strict=True))
        await elapse(MEMORY_SECONDS + LOOK)
        assert [conversation.thread_id for conversation in it.pool.conversations] == [3, 4]
        assert it.journal.threads.session_id(1) == "agent1-1"
        await elapse(MEMORY_SECONDS * 3)
        assert repr(it.pool) == "<Pool <Slots 2/5 held, 0 in line> <3 idle> <4 working>>"


async def test_memory_that_a_stopping_agent_frees_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A slow stop does not evict the next agent."""
    sizes: dict[int, int] = {}
    asked = weigh(monkeypatch, sizes)
    stops = asyncio.Event()
    async with running_pool(
        tmp_path,
        lambda number: MemoryAgent(stops=stops, session_prefix=f"agent{number}"),
        obedient=True,
        warm=1,
        slots=3,
        max_memory=1000,
    ) as it:
        for thread_id in (1, 2):
            await elapse(LOOK)
            await it.answered(thread_id, thread_id)
        await elapse(LOOK)
        pids = [agent.pid for agent in it.factory.agents]
        sizes.update(zip(pids, (600, 600, 100), strict=True))
        await elapse(MEMORY_SECONDS)
        assert asked[-1] == sorted(pids)  # Spares count too.
        assert [repr(conversation) for conversation in it.pool.conversations] == ["<1 stopping>", "<2 idle>"]
        await elapse(MEMORY_SECONDS * 2)
        assert asked[-1] == sorted(pids[1:])
        assert [repr(conversation) for conversation in it.pool.conversations] == ["<1 stopping>", "<2 idle>"]
        stops.set()


async def test_an_agent_that_started_during_a_measurement_can_be_evicted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its size is unknown and counts as 0, so that another one is evicted too."""
    loop, measuring, weighed = asyncio.get_running_loop(), asyncio.Event(), threading.Event()

    def resident(leaders: list[int]) -> dict[int, int]:
        loop.call_soon_threadsafe(measuring.set)
        weighed.wait(60)
        return dict.fromkeys(leaders, 600)

    monkeypatch.setattr("pool.memory_keeper.resident", resident)
    async with running_pool(tmp_path, slots=3, obedient=True, max_memory=500) as it:
        await it.hang(1, 10)
        await it.answered(2, 20)
        await measuring.wait()
        await it.answered(3, 30)
        await elapse(0.001)  # `quiet` would wait for the measurement.
        assert repr(it.pool) == "<Pool <Slots 3/3 held, 0 in line> <1 working> <2 idle> <3 idle>>"
        weighed.set()
        await elapse(MEMORY_SECONDS)
        assert repr(it.pool) == "<Pool <Slots 1/3 held, 0 in line> <1 working>>"


async def test_memory_without_a_bound_is_not_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading all of /proc has a cost."""
    asked = weigh(monkeypatch, {})
    async with running_pool(tmp_path, obedient=True) as it:
        await it.answered(1, 10)
        await elapse(MEMORY_SECONDS * 3)
        assert asked == []


async def test_an_agent_over_its_own_bound_is_stopped_and_its_thread_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The turn fails for that reason, and the thread of an idle agent learns it; agents below the bound stay."""
    sizes: dict[int, int] = {}
    weigh(monkeypatch, sizes)
    async with running_pool(tmp_path, slots=3, obedient=True, max_memory_per_agent=1000) as it:
        working = await it.hang(1, 10)
        await it.answered(2, 20)
        await it.answered(3, 30)
        sizes.update(zip([agent.pid for agent in it.factory.agents], (1001, 5000, 1000), strict=True))
        await elapse(MEMORY_SECONDS + LOOK)
        outcome = await working.end()
        assert isinstance(outcome, Failed)
        assert isinstance(outcome.error, AgentClosed)
        assert (outcome.error.reason, outcome.error.memory) == (CloseReason.OVER_MEMORY, 1000)
        assert "used too much memory (more than 1000 bytes)" in str(outcome.error)
        assert [conversation.thread_id for conversation in it.pool.conversations] == [3]
        assert [agent.killed for agent in it.factory.agents] == [True, True, False]
        sizes.clear()
        assert it.over_memory == [(2, 1000)]
        await it.answered(2, 21)
        assert it.journal.threads.session_id(2) == "agent2-1"


async def test_a_spare_over_the_bound_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a while, as one that has died."""
    sizes: dict[int, int] = {}
    weigh(monkeypatch, sizes)
    async with running_pool(tmp_path, warm=1, max_memory_per_agent=1000, max_memory=5000) as it:
        await elapse(LOOK)
        sizes[it.factory.agents[0].pid] = 2000
        await elapse(MEMORY_SECONDS + AGAIN_SECONDS + LOOK)
        assert len(it.factory.agents) == 2


# ---- what fails


async def test_a_failed_duty_is_repeated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk ends neither a turn nor the pool."""

    def retry(_journal: Journal) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    async with running_pool(tmp_path, obedient=True) as it:
        exchange = await it.hang(1, 10)
        with capture_logs() as logs, monkeypatch.context() as patch:
            patch.setattr(Journal, "retry", retry)
            await elapse(2 * LOOK)
        assert [log["duty"] for log in logs if log["event"] == "the keeper failed"] == ["_tick", "_tick"]
        assert not exchange.endings
        await it.answered(2, 20)
