"""Many threads and few agents: slots, waits, and isolation. In virtual time."""

import asyncio
from pathlib import Path

import pytest

from pool.agent_lease import FAIR_SECONDS
from pool.conversation_context import ConversationState
from pool.exchange import Cancelled, Completed, Failed
from pool.journal.message_states import MessageState as Row
from pool.slots import Load
from tests.support.virtual_time import elapse, quiet, step

from .pool_harness import AN_HOUR, every, only, running_pool

A_PERSON = 42


# ---- isolation


async def test_a_hung_turn_delays_no_other_thread(tmp_path: Path) -> None:
    """A known thread and a new one are answered while the first hangs, and no time passes."""
    async with running_pool(tmp_path, slots=3, obedient=True) as it:
        await it.answered(2, 20)
        await quiet()
        hung = await it.hang(1, 10)
        now = asyncio.get_running_loop().time()
        await it.answered(2, 21)
        await it.answered(3, 30)
        assert asyncio.get_running_loop().time() == now
        assert it.conversation(1).lease.state is ConversationState.WORKING
        assert hung.told[-1] == "prompted"


async def test_two_messages_to_a_hung_thread_delay_no_other(tmp_path: Path) -> None:
    """A wait for one connection holds no shared resource."""
    async with running_pool(tmp_path, slots=2, obedient=True) as it:
        await it.hang(1, 10)
        it.say(1, 11)
        it.say(1, 12)
        await it.answered(2, 20)
        await it.answered(2, 21)
        assert repr(it.conversation(1)) == "<1 working, 2 waiting>"


async def test_a_start_that_hangs_delays_no_other_thread(tmp_path: Path) -> None:
    """An agent that never finishes its handshake delays its own thread only."""
    async with running_pool(tmp_path, only(1, manual={"initialize"}), obedient=True) as it:
        slow = it.say(1, 10)
        await it.factory.agent(1)
        await it.answered(2, 20)
        assert it.conversation(1).lease.state is ConversationState.STARTING
        assert isinstance(await slow.end(), Failed)
        assert (await it.answered(1, 11)).ending == Completed("end_turn")


async def test_an_agent_that_will_not_stop_delays_no_other_thread(tmp_path: Path) -> None:
    """Only its own slot stays taken until its processes are gone."""
    stops = asyncio.Event()
    async with running_pool(tmp_path, only(1, stops=stops), slots=2, idle_seconds=60, obedient=True) as it:
        await it.answered(1, 10)
        await elapse(61)
        assert it.conversation(1).lease.state is ConversationState.STOPPING
        await it.answered(2, 20)
        await it.answered(3, 30)
        assert it.factory.most == 2
        assert it.conversation(1).lease.state is ConversationState.STOPPING
        stops.set()


# ---- slots


async def test_a_hundred_messages_at_once_never_start_more_agents_than_slots(tmp_path: Path) -> None:
    """All are answered, each thread starts one agent, and no process is started in vain."""
    async with running_pool(tmp_path, slots=8, obedient=True) as it:
        exchanges = [it.say(thread_id, 1000 + thread_id) for thread_id in range(100)]
        for exchange in exchanges:
            assert await exchange.end() == Completed("end_turn")
        assert it.factory.most == 8
        assert len(it.factory.agents) == 100
        assert all(agent.methods().count("session/prompt") == 1 for agent in it.factory.agents)


async def test_many_messages_at_once_to_one_thread_start_one_agent(tmp_path: Path) -> None:
    """However many come during the start."""
    async with running_pool(tmp_path, slots=8, obedient=True) as it:
        exchanges = [it.say(1, number) for number in range(100)]
        for exchange in exchanges:
            await exchange.end()
        assert len(it.factory.agents) == 1
        assert it.factory.agents[0].methods().count("session/new") == 1


async def test_every_agent_gets_its_own_marker(tmp_path: Path) -> None:
    """The journal's id and a number that is never reused identify its processes."""
    async with running_pool(tmp_path, obedient=True) as it:
        for thread_id in (1, 2, 3):
            await it.answered(thread_id, thread_id)
        assert it.factory.markers == [f"{it.journal.journal_id}/{number}" for number in (1, 2, 3)]


async def test_the_longest_idle_conversation_is_evicted(tmp_path: Path) -> None:
    """Its session is kept; the conversation that was used last stays."""
    async with running_pool(tmp_path, slots=2, obedient=True) as it:
        await it.answered(1, 10)
        await it.answered(2, 20)
        await quiet()
        await it.answered(1, 11)
        await quiet()
        newcomer = await it.answered(3, 30)
        assert newcomer.told[:3] == ["starting", "waiting 1", "waiting 0"]
        await quiet()
        assert it.pool.conversation(2) is None
        assert {conversation.thread_id for conversation in it.pool.conversations} == {1, 3}
        assert it.journal.threads.session_id(2) == "agent2-1"
        await it.answered(2, 21)
        assert "session/load" in it.factory.agents[-1].methods()


async def test_one_conversation_is_evicted_for_one_newcomer(tmp_path: Path) -> None:
    """While it stops, no other idle one is stopped for the same newcomer."""
    stops = asyncio.Event()
    async with running_pool(tmp_path, only(1, stops=stops), slots=3, obedient=True) as it:
        for thread_id in (1, 2, 3):
            await it.answered(thread_id, thread_id)
        await quiet()
        it.say(4, 40)
        await quiet()
        assert repr(it.pool) == "<Pool <Slots 3/3 held, 1 in line> <1 stopping> <2 idle> <3 idle> <4 in line>>"
        it.say(5, 50)
        await quiet()
        assert repr(it.pool) == "<Pool <Slots 3/3 held, 1 in line> <1 stopping> <3 idle> <4 idle> <5 in line>>"
        stops.set()


async def test_a_conversation_with_a_waiting_message_is_not_evicted(tmp_path: Path) -> None:
    """When a message and a newcomer come in the same step, the living agent answers the message."""
    async with running_pool(tmp_path, slots=1, obedient=True) as it:
        await it.answered(1, 10)
        await quiet()
        assert it.conversation(1).lease.evictable
        exchange = it.say(1, 11)
        assert repr(it.conversation(1)) == "<1 idle, 1 waiting>"
        assert not it.conversation(1).lease.evictable
        newcomer = it.say(2, 20)
        await exchange.end()
        await newcomer.end()
        assert it.factory.agents[0].methods().count("session/prompt") == 2
        assert exchange.told[-1] == "ended"


async def test_a_conversation_whose_prompt_is_in_flight_is_not_evicted(tmp_path: Path) -> None:
    """The connection's lock decides, whatever the state, without an await between check and stop."""
    async with running_pool(tmp_path, obedient=True) as it:
        await it.answered(1, 10)
        await quiet()
        agent = it.conversation(1).lease.agent
        assert agent is not None
        async with agent.connection.lock:
            assert not it.conversation(1).lease.evictable
        assert it.conversation(1).lease.evictable


async def test_a_conversation_whose_inbox_is_held_is_evicted(tmp_path: Path) -> None:
    """A held inbox needs no agent, and must not keep a slot from others."""
    async with running_pool(tmp_path, slots=1, obedient=True) as it:
        exchange, held = it.say(1, 10, text="hang"), it.say(1, 11)
        await exchange.until("prompted")
        it.conversation(1).cancel(A_PERSON)
        await exchange.end()
        now = asyncio.get_running_loop().time()
        await it.answered(2, 20)
        assert asyncio.get_running_loop().time() == now
        assert repr(it.conversation(1)) == "<1 asleep, 1 held>"
        assert it.row(11) is Row.HELD
        it.conversation(1).resume()
        assert await held.end() == Completed("end_turn")


async def test_a_conversation_whose_inbox_is_held_goes_to_sleep_in_time(tmp_path: Path) -> None:
    """After the same idle time as others."""
    async with running_pool(tmp_path, idle_seconds=60, obedient=True) as it:
        exchange = it.say(1, 10, text="hang")
        it.say(1, 11)
        await exchange.until("prompted")
        it.conversation(1).cancel(A_PERSON)
        await exchange.end()
        await elapse(61)
        assert repr(it.conversation(1)) == "<1 asleep, 1 held>"
        assert it.factory.alive == 0


async def test_a_message_while_being_evicted_waits_and_wakes_behind_the_newcomer(tmp_path: Path) -> None:
    """It is not lost, and the slot goes to the first in line."""
    stops = asyncio.Event()
    async with running_pool(tmp_path, only(1, stops=stops), slots=1, obedient=True) as it:
        await it.answered(1, 10)
        await quiet()
        newcomer = it.say(2, 20)
        await quiet()
        assert newcomer.told == ["starting", "waiting 1"]
        assert repr(it.conversation(1)) == "<1 stopping>"
        late = it.say(1, 11)
        await quiet()
        assert repr(it.conversation(1)) == "<1 stopping, 1 waiting>"
        assert late.told == []
        stops.set()
        await newcomer.end()
        assert not late.endings
        assert await late.end() == Completed("end_turn")
        assert it.factory.most == 1


async def test_those_in_line_are_served_in_order(tmp_path: Path) -> None:
    """Each learns its place and every move of the line."""
    async with running_pool(tmp_path, slots=1, obedient=True) as it:
        await it.hang(1, 10)
        line = [it.say(thread_id, thread_id * 10) for thread_id in (2, 3, 4)]
        await line[2].until("waiting 3")
        assert [it.pool.place(it.conversation(thread_id)) for thread_id in (1, 2, 3, 4)] == [0, 1, 2, 3]
        assert repr(it.conversation(4)) == "<4 in line>"
        assert repr(it.pool) == "<Pool <Slots 1/1 held, 3 in line> <1 working> <2 in line> <3 in line> <4 in line>>"
        it.conversation(1).cancel(A_PERSON)
        for index, exchange in enumerate(line):
            await exchange.end()
            assert not any(later.endings for later in line[index + 1 :])
        places = [word for word in line[2].told if word.startswith("waiting")]
        assert places == ["waiting 3", "waiting 2", "waiting 1", "waiting 0"]


async def test_the_status_line_of_an_empty_pool_has_only_the_slots(tmp_path: Path) -> None:
    """Conversations and spares are added when there are some."""
    async with running_pool(tmp_path) as it:
        assert repr(it.pool) == "<Pool <Slots 0/2 held, 0 in line>>"
        assert it.pool.conversation(1) is None


async def test_a_pool_reports_its_load(tmp_path: Path) -> None:
    """The slots, their holders and how long they hold them, the line, and the running processes."""
    async with running_pool(tmp_path, slots=1, obedient=True) as it:
        assert (it.pool.load, it.pool.agents) == (Load(size=1, held=0, in_line=0), [])
        await it.hang(1, 10)
        await it.say(2, 20).until("waiting 1")
        await elapse(30)
        assert it.pool.load == Load(size=1, held=1, in_line=1)
        assert [agent.pid for agent in it.pool.agents] == [it.factory.agents[0].pid]
        assert it.conversation(1).lease.held_seconds == pytest.approx(30)
        assert it.conversation(2).lease.held_seconds == 0


# ---- fairness


async def test_a_busy_conversation_gives_its_slot_up_after_a_while(tmp_path: Path) -> None:
    """At the end of a turn, when others wait; it continues behind them, with its session."""
    async with running_pool(tmp_path, slots=1) as it:
        first, second = it.say(1, 10), it.say(1, 11)
        agent, prompt = await it.request(1, "session/prompt")
        newcomer = it.say(2, 20)
        await elapse(FAIR_SECONDS + 1)
        agent.end_turn(prompt)
        await first.end()
        other = await it.factory.agent(2)
        prompt = await other.expect("session/prompt")
        assert repr(it.pool) == "<Pool <Slots 1/1 held, 1 in line> <1 in line> <2 working>>"
        other.end_turn(prompt)
        await newcomer.end()
        agent = await it.factory.agent(3)
        await it.finish(agent, second)
        assert it.journal.threads.session_id(1) == "agent1-1"
        assert it.factory.most == 1


@pytest.mark.parametrize(
    ("seconds", "newcomers", "capabilities"),
    [
        pytest.param(FAIR_SECONDS - 1, [2], {"loadSession": True}, id="had it for a short time"),
        pytest.param(FAIR_SECONDS + 1, [], {"loadSession": True}, id="the line is empty"),
        pytest.param(FAIR_SECONDS + 1, [2], {}, id="its session would be lost"),
    ],
)
async def test_a_busy_conversation_keeps_its_slot_otherwise(
    tmp_path: Path, seconds: float, newcomers: list[int], capabilities: dict[str, bool]
) -> None:
    """The second message goes to the same agent immediately."""
    async with running_pool(tmp_path, every(capabilities=capabilities), slots=1) as it:
        first, agent, prompt = await it.prompted(10)
        it.say(1, 11)
        for thread_id in newcomers:
            it.say(thread_id, thread_id * 10)
        await elapse(seconds)
        agent.end_turn(prompt)
        await first.end()
        await agent.expect("session/prompt")
        assert len(it.factory.agents) == 1


# ---- isolation


async def test_a_dead_agent_affects_no_other_thread(tmp_path: Path) -> None:
    """A turn in another thread continues."""
    async with running_pool(tmp_path, obedient=True) as it:
        hung = await it.hang(2, 20)
        assert isinstance(await it.say(1, 10, text="die").end(), Failed)
        assert it.conversation(2).lease.state is ConversationState.WORKING
        it.conversation(2).cancel(A_PERSON)
        assert await hung.end() == Cancelled(A_PERSON, "cancelled")


async def test_a_thread_is_forgotten_when_it_sleeps_and_a_new_conversation_takes_over(tmp_path: Path) -> None:
    """A thread without work and agent keeps no memory; the journal knows its session."""
    async with running_pool(tmp_path, idle_seconds=AN_HOUR, obedient=True) as it:
        await it.answered(1, 10)
        conversation = it.conversation(1)
        await elapse(AN_HOUR + 1)
        assert list(it.pool.conversations) == []
        assert repr(conversation) == "<1 asleep>"
        await it.answered(1, 11)
        assert it.conversation(1) is not conversation


async def test_a_message_in_the_step_in_which_a_conversation_ends_is_not_lost(tmp_path: Path) -> None:
    """It goes to the old conversation's inbox or to a new conversation."""
    stops = asyncio.Event()

    for steps in range(6):
        async with running_pool(tmp_path / str(steps), every(stops=stops), idle_seconds=60, obedient=True) as it:
            stops.clear()
            await it.answered(1, 10)
            await elapse(61)
            assert it.conversation(1).lease.state is ConversationState.STOPPING
            stops.set()
            for _ in range(steps):
                await step()
            assert await it.say(1, 11).end() == Completed("end_turn")
        assert it.factory.most <= 2
