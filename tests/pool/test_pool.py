"""Many threads, few agents: who gets a slot, who waits, and who notices whom. In virtual time."""

import asyncio
from pathlib import Path

import pytest

from pool.agent_lease import FAIR_SECONDS
from pool.conversation_context import ConversationState
from pool.exchange import Cancelled, Completed, Failed
from pool.journal.journal import MessageState as Row
from pool.slots import Load
from tests.support.virtual_time import elapse, quiet, step

from .pool_harness import AN_HOUR, every, only, running_pool

A_PERSON = 42


# ---- nobody waits for anybody else


async def test_a_hung_turn_delays_no_other_thread(tmp_path: Path) -> None:
    """A thread that is known and one that is new are answered while the first hangs, in no time (P25, invariant 1)."""
    async with running_pool(tmp_path, slots=3, obedient=True) as it:
        await it.answered(2, 20)
        await quiet()
        hung = it.say(1, 10, text="hang")
        await hung.until("prompted")
        now = asyncio.get_running_loop().time()
        await it.answered(2, 21)
        await it.answered(3, 30)
        assert asyncio.get_running_loop().time() == now
        assert it.conversation(1).lease.state is ConversationState.WORKING
        assert hung.told[-1] == "prompted"


async def test_two_messages_to_a_hung_thread_delay_no_other(tmp_path: Path) -> None:
    """What waits for one connection holds nothing that others need (P26)."""
    async with running_pool(tmp_path, slots=2, obedient=True) as it:
        hung = it.say(1, 10, text="hang")
        await hung.until("prompted")
        it.say(1, 11)
        it.say(1, 12)
        await it.answered(2, 20)
        await it.answered(2, 21)
        assert repr(it.conversation(1)) == "<1 working, 2 waiting>"


async def test_a_start_that_hangs_delays_no_other_thread(tmp_path: Path) -> None:
    """An agent that never finishes its handshake holds up its own thread only (P32)."""
    async with running_pool(tmp_path, only(1, manual={"initialize"}), obedient=True) as it:
        slow = it.say(1, 10)
        await it.factory.agent(1)
        await it.answered(2, 20)
        assert it.conversation(1).lease.state is ConversationState.STARTING
        assert isinstance(await slow.end(), Failed)
        assert (await it.answered(1, 11)).ending == Completed("end_turn")


async def test_an_agent_that_will_not_stop_delays_no_other_thread(tmp_path: Path) -> None:
    """Its slot stays taken until its processes are gone, and only its slot."""
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
    """All are answered, each thread started one agent, and no process was started and thrown away (P36, inv. 4)."""
    async with running_pool(tmp_path, slots=8, obedient=True) as it:
        exchanges = [it.say(thread_id, 1000 + thread_id) for thread_id in range(100)]
        for exchange in exchanges:
            assert await exchange.end() == Completed("end_turn")
        assert it.factory.most == 8
        assert len(it.factory.agents) == 100
        assert all(agent.methods().count("session/prompt") == 1 for agent in it.factory.agents)


async def test_many_messages_at_once_to_one_thread_start_one_agent(tmp_path: Path) -> None:
    """However many come before the agent is there."""
    async with running_pool(tmp_path, slots=8, obedient=True) as it:
        exchanges = [it.say(1, number) for number in range(100)]
        for exchange in exchanges:
            await exchange.end()
        assert len(it.factory.agents) == 1
        assert it.factory.agents[0].methods().count("session/new") == 1


async def test_every_agent_gets_a_marker_of_its_own(tmp_path: Path) -> None:
    """The journal's id and a number that is never used twice: by it the processes are found again (P35)."""
    async with running_pool(tmp_path, obedient=True) as it:
        for thread_id in (1, 2, 3):
            await it.answered(thread_id, thread_id)
        assert it.factory.markers == [f"{it.journal.journal_id}/{number}" for number in (1, 2, 3)]


async def test_the_longest_idle_conversation_makes_room(tmp_path: Path) -> None:
    """It sleeps with its session kept; the one used last stays (P37)."""
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


async def test_one_conversation_makes_room_for_one(tmp_path: Path) -> None:
    """While it stops, no other idle one is sent to sleep for the same newcomer."""
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


async def test_a_conversation_with_something_in_its_inbox_is_not_evicted(tmp_path: Path) -> None:
    """A message and a newcomer in the same step: the message is answered by the agent that is there (P5)."""
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
    """Whatever its state says: the connection's lock decides, and nothing awaits between the look and the stop."""
    async with running_pool(tmp_path, obedient=True) as it:
        await it.answered(1, 10)
        await quiet()
        agent = it.conversation(1).lease.agent
        assert agent is not None
        async with agent.connection.lock:
            assert not it.conversation(1).lease.evictable
        assert it.conversation(1).lease.evictable


async def test_a_conversation_whose_inbox_is_held_makes_room(tmp_path: Path) -> None:
    """What waits for a person needs no agent: it must not keep the others from theirs (P32, P37)."""
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
    """Its idle time is like any other's."""
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
    """It is not lost, and the slot goes to who was first in line (P5)."""
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


async def test_those_in_line_are_served_in_the_order_in_which_they_came(tmp_path: Path) -> None:
    """Each learns its place, and every move of the line."""
    async with running_pool(tmp_path, slots=1, obedient=True) as it:
        busy = it.say(1, 10, text="hang")
        await busy.until("prompted")
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


async def test_an_empty_pool_says_so(tmp_path: Path) -> None:
    """Its status line has the slots and nothing else."""
    async with running_pool(tmp_path) as it:
        assert repr(it.pool) == "<Pool <Slots 0/2 held, 0 in line>>"
        assert it.pool.conversation(1) is None


async def test_a_pool_says_in_numbers_how_full_it_is(tmp_path: Path) -> None:
    """Slots, who holds one and since when, who waits, and which processes run."""
    async with running_pool(tmp_path, slots=1, obedient=True) as it:
        assert (it.pool.load, it.pool.agents) == (Load(size=1, held=0, in_line=0), [])
        await it.say(1, 10, text="hang").until("prompted")
        await it.say(2, 20).until("waiting 1")
        await elapse(30)
        assert it.pool.load == Load(size=1, held=1, in_line=1)
        assert [agent.pid for agent in it.pool.agents] == [it.factory.agents[0].pid]
        assert it.conversation(1).lease.held_seconds == pytest.approx(30)
        assert it.conversation(2).lease.held_seconds == 0


# ---- fairness


async def test_a_busy_conversation_gives_its_slot_up_when_it_has_had_it_for_long(tmp_path: Path) -> None:
    """At the end of a turn, when others wait; it goes on behind them, with its session."""
    async with running_pool(tmp_path, slots=1) as it:
        first, second = it.say(1, 10), it.say(1, 11)
        agent = await it.factory.agent(1)
        prompt = await agent.expect("session/prompt")
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
        agent.end_turn(await agent.expect("session/prompt"))
        assert await second.end() == Completed("end_turn")
        assert it.journal.threads.session_id(1) == "agent1-1"
        assert it.factory.most == 1


@pytest.mark.parametrize(
    ("seconds", "newcomers", "capabilities"),
    [
        pytest.param(FAIR_SECONDS - 1, [2], {"loadSession": True}, id="had it for a short time"),
        pytest.param(FAIR_SECONDS + 1, [], {"loadSession": True}, id="nobody waits"),
        pytest.param(FAIR_SECONDS + 1, [2], {}, id="its session would be lost"),
    ],
)
async def test_a_busy_conversation_keeps_its_slot_otherwise(
    tmp_path: Path, seconds: float, newcomers: list[int], capabilities: dict[str, bool]
) -> None:
    """The second message goes to the same agent at once."""
    async with running_pool(tmp_path, every(capabilities=capabilities), slots=1) as it:
        first = it.say(1, 10)
        it.say(1, 11)
        agent = await it.factory.agent(1)
        prompt = await agent.expect("session/prompt")
        for thread_id in newcomers:
            it.say(thread_id, thread_id * 10)
        await elapse(seconds)
        agent.end_turn(prompt)
        await first.end()
        await agent.expect("session/prompt")
        assert len(it.factory.agents) == 1


# ---- isolation


async def test_a_dead_agent_is_no_other_threads_concern(tmp_path: Path) -> None:
    """A turn in another thread goes on over it (invariant 1)."""
    async with running_pool(tmp_path, obedient=True) as it:
        hung = it.say(2, 20, text="hang")
        await hung.until("prompted")
        assert isinstance(await it.say(1, 10, text="die").end(), Failed)
        assert it.conversation(2).lease.state is ConversationState.WORKING
        it.conversation(2).cancel(A_PERSON)
        assert await hung.end() == Cancelled(A_PERSON, "cancelled")


async def test_a_thread_is_forgotten_when_it_sleeps_and_a_new_conversation_takes_over(tmp_path: Path) -> None:
    """Nothing is kept for a thread without work and without an agent; the journal knows its session."""
    async with running_pool(tmp_path, idle_seconds=AN_HOUR, obedient=True) as it:
        await it.answered(1, 10)
        conversation = it.conversation(1)
        await elapse(AN_HOUR + 1)
        assert list(it.pool.conversations) == []
        assert repr(conversation) == "<1 asleep>"
        await it.answered(1, 11)
        assert it.conversation(1) is not conversation


async def test_a_message_in_the_step_in_which_a_conversation_ends_is_not_lost(tmp_path: Path) -> None:
    """Said the moment the agent is gone, it finds either the old conversation's inbox or a new one (P5)."""
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
