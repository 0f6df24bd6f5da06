"""Agents at other places: which place a thread keeps, and what happens when it cannot be reached. In virtual time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from acp import AgentClosed, CloseReason, LoginState, PlaceUnreachable
from acp.places.here import HERE
from acp.places.place import Ran
from pool.agent_lease import TRY_SECONDS
from pool.conversation_context import ConversationState
from pool.exchange import Cancelled, Completed, Failed, LinkLost, ShutDown
from pool.journal.message_states import MessageState as Row
from pool.place_news import HeldForPlace, unreached
from pool.placement import Room
from pool.pool import FAR_SECONDS, TURN_SECONDS
from pool.thread_place import CONFIRM_SECONDS
from tests.support.memory_agent import MemoryAgent
from tests.support.stand_in_place import StandInPlace
from tests.support.virtual_time import elapse, quiet

from .pool_harness import MODES, RunningPool, every, only, running_pool
from .recording_exchange import CHOICE_SECONDS, Recorder

ONE, TWO = "worker1", "worker2"

A_PERSON = 42

FORKS = {"loadSession": True, "sessionCapabilities": {"fork": {}, "list": {}}}


@asynccontextmanager
async def two_places(tmp_path: Path, make: Any = None, *, slots: int = 2, **options: Any) -> AsyncIterator[RunningPool]:
    """A pool whose agents run at worker1 and worker2, with `slots` each."""
    far = [Room(StandInPlace(name), slots) for name in (ONE, TWO)]
    async with running_pool(tmp_path, make, **{"far": far, "places": (ONE, TWO), "obedient": True, **options}) as it:
        yield it


def place(it: RunningPool, name: str) -> StandInPlace:
    """Return one of the places."""
    return it.factory.far[name]


# ---- which place


async def test_a_thread_keeps_the_place_of_its_first_start(tmp_path: Path) -> None:
    """Its session is loaded there, although another one has more room by then."""
    async with two_places(tmp_path, idle_seconds=10) as it:
        first = await it.answered(1, 10)
        assert not it.pool._far_starts, "a start that is over is kept"
        assert (it.journal.threads.agent_place(1), it.pool.place_of(1)) == (ONE, ONE)
        await it.answered(2, 20)
        assert it.journal.threads.agent_place(2) == TWO
        await it.answered(3, 30)
        await elapse(11)
        await it.hang(3, 31)
        second = await it.answered(1, 11)
        assert it.factory.places == [ONE, TWO, ONE, ONE, ONE]
        assert first.new_session
        assert not second.new_session
        assert it.factory.agents[4].methods()[1] == "session/load"
        assert it.conversation(1).lease.place == ONE
        assert it.pool.loads[ONE].held == 2
        it.conversation(3).cancel(A_PERSON)


async def test_only_the_agents_of_this_machine_can_be_measured(tmp_path: Path) -> None:
    """The process here of one elsewhere is only the client that leads to it."""
    async with two_places(tmp_path, warm=1, places=(ONE, HERE)) as it:
        await it.answered(1, 10)
        await it.answered(2, 20)
        assert {it.conversation(each).lease.place for each in (1, 2)} == {HERE, ONE}
        far = [it.conversation(each).lease.agent for each in (1, 2) if it.conversation(each).lease.place == ONE]
        assert [each for each in it.pool.agents if each not in it.pool.near_agents] == far


async def test_a_place_is_kept_when_the_agent_has_started_and_not_before(tmp_path: Path) -> None:
    """A thread is not bound to a place that it has never reached."""
    async with two_places(tmp_path) as it:
        starts = place(it, ONE).starts = asyncio.Event()
        exchange = it.say(1, 10)
        await quiet()
        assert it.journal.threads.agent_place(1) == ""
        starts.set()
        await exchange.end()
        assert it.journal.threads.agent_place(1) == ONE


async def test_the_slots_of_each_place_are_counted_apart(tmp_path: Path) -> None:
    """Each has a line of its own, with its own numbers; others are not told."""
    async with two_places(tmp_path, slots=1) as it:
        for thread_id in (1, 2):
            await it.hang(thread_id, thread_id * 10)
        waiting = [it.say(thread_id, thread_id * 10) for thread_id in (3, 4)]
        await quiet()
        assert [each.places for each in waiting] == [[1], [1]]
        assert {name: (load.held, load.in_line) for name, load in it.pool.loads.items()} == {
            HERE: (0, 0),
            ONE: (1, 1),
            TWO: (1, 1),
        }
        assert it.pool.load.in_line == 2
        assert [it.pool.place(it.conversation(thread_id)) for thread_id in (1, 3, 4)] == [0, 1, 1]
        for thread_id in (1, 2):
            it.conversation(thread_id).cancel(A_PERSON)
        assert [await each.end() for each in waiting] == [Completed("end_turn")] * 2


async def test_an_idle_agent_makes_room_only_for_those_who_wait_at_its_place(tmp_path: Path) -> None:
    """A slot elsewhere would not help them."""
    async with two_places(tmp_path, slots=1) as it:
        await it.answered(1, 10)
        await it.hang(2, 20)
        assert it.factory.places == [ONE, TWO]
        it.journal.messages.receive(30, thread_id=3, channel_id=1, guild_id=None, author_id=7)
        it.journal.threads.set_agent_place(3, TWO)
        bound = Recorder(30)
        it.pool.submit(3, bound)
        await bound.until("waiting 1")
        await quiet()
        assert it.conversation(1).lease.state is ConversationState.IDLE
        free = await it.answered(4, 40)
        assert free.ending == Completed("end_turn")
        assert it.factory.places == [ONE, TWO, ONE]
        it.conversation(2).cancel(A_PERSON)
        await bound.end()
        assert it.factory.places[-1] == TWO


async def test_a_new_thread_in_line_starts_where_a_slot_becomes_free_first(tmp_path: Path) -> None:
    """It waits in one line, and changes to the other place."""
    async with two_places(tmp_path, slots=1) as it:
        for thread_id in (1, 2):
            await it.hang(thread_id, thread_id * 10)
        waiting = it.say(3, 30)
        await waiting.until("waiting 1")
        assert it.conversation(3).lease.place == ONE
        it.conversation(2).cancel(A_PERSON)
        assert await waiting.end() == Completed("end_turn")
        assert it.factory.places == [ONE, TWO, TWO]
        it.conversation(1).cancel(A_PERSON)


async def test_memory_is_reserved_at_the_place(tmp_path: Path) -> None:
    """A free slot without the memory for the agent is none."""
    far = [Room(StandInPlace(ONE), 5, memory=10)]
    async with two_places(tmp_path, far=far, places=(ONE,), memory=6) as it:
        await it.hang(1, 10)
        waiting = it.say(2, 20)
        await waiting.until("waiting 1")
        it.conversation(1).close(A_PERSON)
        assert await waiting.end() == Completed("end_turn")


async def test_a_thread_whose_agent_gets_another_place_in_line_starts_there(tmp_path: Path) -> None:
    """The settings are read again when the slot is there."""
    async with two_places(tmp_path, slots=1) as it:
        await it.hang(1, 10)
        it.journal.messages.receive(20, thread_id=2, channel_id=1, guild_id=None, author_id=7)
        it.journal.threads.set_agent_place(2, ONE)
        waiting = Recorder(20)
        it.pool.submit(2, waiting)
        await waiting.until("waiting 1")
        it.journal.threads.set_agent_place(2, TWO)
        it.conversation(1).cancel(A_PERSON)
        assert await waiting.end() == Completed("end_turn")
        await quiet()
        assert it.factory.places == [ONE, TWO]
        assert {name: load.held for name, load in it.pool.loads.items()} == {HERE: 0, ONE: 0, TWO: 1}


async def test_a_cancel_in_the_line_of_a_place_ends_the_wait(tmp_path: Path) -> None:
    """As in the line of this machine."""
    async with two_places(tmp_path, slots=1, far=[Room(StandInPlace(ONE), 1)], places=(ONE,)) as it:
        await it.hang(1, 10)
        waiting = it.say(2, 20)
        await waiting.until("waiting 1")
        it.conversation(2).cancel(A_PERSON)
        assert await waiting.end() == Cancelled(A_PERSON)
        assert it.factory.places == [ONE]
        it.conversation(1).cancel(A_PERSON)


async def test_a_spare_of_this_machine_serves_a_thread_that_may_run_here(tmp_path: Path) -> None:
    """And none that must run elsewhere, or keeps another place."""
    async with two_places(tmp_path, warm=1, places=(ONE, HERE)) as it:
        await it.factory.agent(1)
        await quiet()
        it.journal.messages.receive(10, thread_id=1, channel_id=1, guild_id=None, author_id=7)
        it.journal.threads.set_agent_place(1, ONE)
        kept = Recorder(10)
        it.pool.submit(1, kept)
        await kept.end()
        assert it.factory.places == [HERE, ONE]
        await it.answered(2, 20)
        assert it.journal.threads.agent_place(2) == HERE
        assert it.conversation(2).lease.place == HERE


async def test_threads_of_two_places_never_share_a_directory(tmp_path: Path) -> None:
    """The same path is another directory there; at one place they wait for each other."""
    async with two_places(tmp_path, exclusive=True) as it:
        await it.hang(1, 10)
        other = await it.answered(2, 20)
        assert other.ending == Completed("end_turn")
        assert it.factory.places == [ONE, TWO]
        third = it.say(3, 30)
        await third.until("waits for 1")
        it.conversation(1).cancel(A_PERSON)
        assert await third.end() == Completed("end_turn")


async def test_a_session_at_a_place_that_the_agent_lost_is_begun_anew_elsewhere(tmp_path: Path) -> None:
    """The thread is told from where it comes: the session and the files stay there."""
    async with two_places(tmp_path, places=(TWO,)) as it:
        it.journal.messages.receive(9, thread_id=1, channel_id=1, guild_id=None, author_id=7)
        it.journal.threads.set_agent_place(1, ONE)
        it.journal.threads.set_session(1, "left behind")
        exchange = await it.answered(1, 10)
        assert f"moved {ONE} {TWO}" in exchange.told
        assert exchange.new_session
        assert "session/load" not in it.factory.agents[0].methods()
        assert (it.journal.threads.agent_place(1), it.journal.threads.session_place(1)) == (TWO, TWO)


@pytest.mark.parametrize("awake", [True, False], ids=["awake", "asleep"])
async def test_a_move_is_told_by_the_next_exchange_when_the_first_one_ends_before_its_prompt(
    tmp_path: Path, *, awake: bool
) -> None:
    """A person may stop it while files are being fetched; the agent learns where it is with the first prompt."""
    async with two_places(tmp_path, places=(TWO,)) as it:
        it.journal.messages.receive(9, thread_id=1, channel_id=1, guild_id=None, author_id=7)
        it.journal.threads.set_agent_place(1, ONE)
        it.journal.threads.set_session(1, "left behind")
        stopped = it.say(1, 10, Recorder(10, fetched=asyncio.Event()))
        await stopped.until("blocks")
        it.conversation(1).cancel(A_PERSON)
        assert await stopped.end() == Cancelled(A_PERSON)
        if not awake:
            it.conversation(1).close(A_PERSON)
            await quiet()
            assert it.pool.conversation(1) is None
        first, second = await it.answered(1, 11), await it.answered(1, 12)
        moved = [f"moved {ONE} {TWO}" in each.told for each in (stopped, first, second)]
        assert moved == [True, True, False]
        assert [each.new_session for each in (first, second)] == [True, False]


# ---- forks, lists and logins


async def test_a_fork_is_taken_at_the_place_of_its_parent(tmp_path: Path) -> None:
    """The session that it copies is there; this machine's spares are of no use."""
    async with two_places(tmp_path, every(capabilities=FORKS), warm=1) as it:
        await it.factory.agent(1)
        await it.answered(2, 20)
        await it.hang(1, 10)
        point = it.journal.forks.point(20)
        assert point is not None
        await it.hang(2, 21)
        fork = await it.pool.forks.take(2, point, lambda _place, _asking: None)
        assert it.factory.places[-1] == it.journal.threads.agent_place(2) == ONE
        assert fork.session_id
        for thread_id in (1, 2):
            it.conversation(thread_id).cancel(A_PERSON)


async def test_sessions_are_listed_by_an_agent_of_the_place(tmp_path: Path) -> None:
    """A probe is started there, and is not asked about another place."""
    async with two_places(tmp_path, every(capabilities=FORKS, history={"s": []})) as it:
        await it.answered(1, 10)
        for name in (ONE, TWO):
            assert [each.session_id for each in await it.pool.listing.sessions(it.settings(1), name)] == ["s"]
        assert it.factory.places == [ONE, TWO]


async def test_a_login_is_one_of_its_place(tmp_path: Path) -> None:
    """The agents of the other place stay as they are."""
    async with two_places(tmp_path) as it:
        await it.answered(1, 10)
        await it.answered(2, 20)

        async def work(_agent: object) -> None:
            pass

        await it.pool.logins.log_in(it.settings(1), TWO, work)
        await quiet()
        assert it.factory.places == [ONE, TWO, TWO]
        assert it.pool.logins.state("default", TWO) is LoginState.LOGGED_IN
        assert it.pool.conversation(2) is None
        assert it.conversation(1).lease.state is ConversationState.IDLE


@pytest.mark.parametrize("awake", [True, False], ids=["awake", "asleep"])
async def test_a_session_that_a_person_chooses_is_loaded_at_its_place(tmp_path: Path, *, awake: bool) -> None:
    """An idle agent at another place ends before that: it does not have the session."""
    async with two_places(tmp_path) as it:
        await it.answered(1, 10)
        first = it.journal.threads.session_id(1)
        assert first is not None
        it.conversation(1).close(A_PERSON)
        await quiet()
        it.journal.threads.set_agent_place(1, TWO)
        await it.answered(1, 11)
        if not awake:
            it.conversation(1).close(A_PERSON)
            await quiet()
            assert it.pool.conversation(1) is None
        else:
            it.conversation(1).reset(A_PERSON)
        it.journal.threads.resume_session(1, first, TWO)
        exchange = await it.answered(1, 12)
        assert (it.journal.threads.session_id(1), it.journal.threads.agent_place(1)) == (first, ONE)
        assert not any(word.startswith("moved") for word in exchange.told)
        assert it.factory.places == [ONE, TWO, ONE]
        assert it.factory.agents[-1].methods()[1] == "session/load"
        assert {name: load.held for name, load in it.pool.loads.items()} == {HERE: 0, ONE: 1, TWO: 0}


# ---- queued at the place


async def test_a_start_that_the_place_queues_shows_each_reason(tmp_path: Path) -> None:
    """Until the agent has started."""
    async with two_places(tmp_path) as it:
        place(it, ONE).reasons = ["Pending: Priority", "Pending: Resources"]
        exchange = await it.answered(1, 10)
        queued = [f"queued at {ONE}: Pending: {why}" for why in ("Priority", "Resources")]
        assert exchange.told[:5] == ["starting", "waiting 0", *queued, "blocks"]


async def test_a_start_that_stays_queued_too_long_holds_the_message_after_one_try(tmp_path: Path) -> None:
    """It has waited long already. A resume queues it again."""
    async with two_places(tmp_path, places=(ONE,)) as it:
        place(it, ONE).reasons, place(it, ONE).queued_seconds = ["Pending: Resources"], 600
        exchange = it.say(1, 10)
        await exchange.until(f"held for {ONE}")
        assert exchange.told[2:] == [f"queued at {ONE}: Pending: Resources", f"held for {ONE}"]
        assert exchange.news[-1] == HeldForPlace(ONE, "Pending: Resources", [], queued_seconds=600)
        assert place(it, ONE).tries == 1
        place(it, ONE).queued_seconds = 0
        it.conversation(1).resume()
        assert await exchange.end() == Completed("end_turn")


async def test_a_new_thread_whose_start_stays_queued_too_long_starts_elsewhere(tmp_path: Path) -> None:
    """Immediately, and without a word of a place that is not reached."""
    async with two_places(tmp_path) as it:
        place(it, ONE).reasons, place(it, ONE).queued_seconds = ["Pending: Resources"], 600
        exchange = await it.answered(1, 10)
        assert it.factory.places == [ONE, TWO]
        assert not any(word.startswith(("tries", "held")) for word in exchange.told)


async def test_a_cancel_does_not_wait_for_the_queue_of_the_place(tmp_path: Path) -> None:
    """The start is given up, the slot is returned, and the next message starts another."""
    async with two_places(tmp_path, slots=1) as it:
        starts = place(it, ONE).starts = asyncio.Event()
        exchange = it.say(1, 10)
        await quiet()
        it.conversation(1).cancel(A_PERSON)
        assert await exchange.end() == Cancelled(A_PERSON)
        await quiet()
        assert place(it, ONE).given_up == 1
        assert it.pool.loads[ONE].held == 0
        assert it.pool.conversation(1) is None
        starts.set()
        await it.answered(1, 11)


async def test_a_message_waits_until_the_place_confirms_the_end_of_a_start_that_was_given_up(tmp_path: Path) -> None:
    """Its thread can say so, as after a turn whose link was lost."""
    told: list[bool] = []
    async with two_places(
        tmp_path, slots=1, on_queue=lambda conversation: told.append(conversation.lease.unconfirmed)
    ) as it:
        place(it, ONE).starts, confirmed = asyncio.Event(), asyncio.Event()
        place(it, ONE).lets_go = confirmed
        it.say(1, 10)
        await quiet()
        it.conversation(1).cancel(A_PERSON)
        waiting = it.say(1, 11)
        await elapse(CONFIRM_SECONDS + 1)
        assert (told[-1], waiting.told, it.pool.loads[ONE].held) == (True, [], 1)
        place(it, ONE).starts = None
        confirmed.set()
        assert await waiting.end() == Completed("end_turn")
        assert not told[-1]


async def test_the_end_of_the_bot_ends_a_queued_start(tmp_path: Path) -> None:
    """The message waits for the next run."""
    async with two_places(tmp_path) as it:
        place(it, ONE).starts = asyncio.Event()
        exchange = it.say(1, 10)
        await quiet()
        await it.pool.__aexit__()
        assert exchange.ending == ShutDown()
        assert (it.row(10), place(it, ONE).given_up) == (Row.RECEIVED, 1)


async def test_an_agent_that_has_just_started_when_the_bot_stops_is_stopped(tmp_path: Path) -> None:
    """At that moment its thread has not seen it yet."""
    stopping: list[asyncio.Task[None]] = []
    async with two_places(tmp_path) as it:
        it.factory.after_start = lambda _: stopping.append(asyncio.create_task(it.pool.__aexit__()))
        exchange = it.say(1, 10)
        assert await exchange.end() == ShutDown()
        await stopping[0]
        assert it.factory.alive == 0


async def test_a_time_out_of_the_start_itself_is_no_cancel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It fails the exchange like any other error."""
    async with two_places(tmp_path) as it:

        async def late(_on_waiting: object) -> None:
            raise TimeoutError("too late")

        monkeypatch.setattr(place(it, ONE), "open", late)
        exchange = it.say(1, 10)
        assert isinstance(await exchange.failure(), TimeoutError)


# ---- what an earlier run left


async def test_a_first_start_waits_until_what_an_earlier_run_left_has_ended(tmp_path: Path) -> None:
    """Its thread says so; a place that is swept already does not wait."""
    far = [Room(StandInPlace(name), 2) for name in (ONE, TWO)]
    for room in far:
        assert isinstance(room.place, StandInPlace)
        room.place.confirms = asyncio.Event()
    async with two_places(tmp_path, far=far) as it:
        exchange, other = it.say(1, 10), it.say(2, 20)
        await quiet()
        assert exchange.told == ["starting", "waiting 0", f"unconfirmed at {ONE}"]
        assert it.factory.places == []
        confirms = place(it, ONE).confirms
        assert confirms is not None
        confirms.set()
        assert await exchange.end() == Completed("end_turn")
        assert exchange.told[3] == "waiting 0"
        assert not other.endings
        assert (place(it, ONE).swept, place(it, TWO).swept) == (1, 1)
        it.conversation(2).cancel(A_PERSON)
        assert await other.end() == Cancelled(A_PERSON)
    assert [isinstance(room.place, StandInPlace) and room.place.closed for room in far] == [True, True]


async def test_a_probe_waits_for_that_too(tmp_path: Path) -> None:
    """Nothing starts at a place before it is swept: the sweep would end it."""
    far = [Room(StandInPlace(ONE), 2)]
    assert isinstance(far[0].place, StandInPlace)
    swept = far[0].place.confirms = asyncio.Event()
    async with two_places(tmp_path, every(capabilities=FORKS), far=far, places=(ONE,)) as it:
        listing = asyncio.create_task(it.pool.listing.sessions(it.settings(1), ONE))
        await quiet()
        assert it.factory.places == []
        swept.set()
        assert await listing == []


async def test_a_place_that_cannot_be_swept_may_be_used_all_the_same(tmp_path: Path) -> None:
    """An unexpected error there stops no thread; the log has it."""
    far = [Room(StandInPlace(ONE), 2)]
    assert isinstance(far[0].place, StandInPlace)
    far[0].place.breaks = RuntimeError("odd")
    with capture_logs() as logs:
        async with two_places(tmp_path, far=far, places=(ONE,)) as it:
            await it.answered(1, 10)
    assert [each["place"] for each in logs if "earlier run" in each["event"]] == [ONE]


# ---- a lost link


async def lost_in_turn(it: RunningPool, *, after: str = "") -> tuple[Recorder, MemoryAgent]:
    """Lose the link of the first agent in its turn."""
    exchange = it.say(1, 10)
    agent, prompt = await it.request(1, "session/prompt")
    if after:
        agent.text(prompt["params"]["sessionId"], after)
    agent.lose_link(ONE)
    await exchange.end()
    return exchange, agent


async def test_a_link_lost_in_a_turn_interrupts_it(tmp_path: Path) -> None:
    """It is not sent again; what was said stays, and a person decides. The next message loads the session there."""
    async with two_places(tmp_path, obedient=False) as it:
        exchange, agent = await lost_in_turn(it, after="half")
        assert exchange.ending == LinkLost(ONE)
        assert exchange.told[-1] == f"lost {ONE}"
        row = it.journal.messages.row(10)
        assert row is not None
        assert (row.state, row.lost, row.prompt) == (Row.PROMPTED, ONE, "hello")
        assert it.journal.messages.pages(10) == ["half"]
        await quiet()
        assert agent.stopped
        second = it.say(1, 11)
        again, prompt = await it.request(2, "session/prompt")
        assert again.methods()[1] == "session/load"
        again.end_turn(prompt)
        assert await second.end() == Completed("end_turn")
        assert it.factory.places == [ONE, ONE]
        assert agent.methods().count("session/prompt") == again.methods().count("session/prompt") == 1


async def test_what_waits_behind_a_lost_turn_waits_for_the_choice(tmp_path: Path) -> None:
    """No longer than behind a turn that a restart has interrupted; its rows are not held for good."""
    async with two_places(tmp_path, obedient=False) as it:
        exchange = it.say(1, 10)
        agent, _ = await it.request(1, "session/prompt")
        behind = it.say(1, 11)
        agent.lose_link(ONE)
        await exchange.end()
        await quiet()
        assert (it.conversation(1).held, it.row(11)) == (True, Row.RECEIVED)
        await elapse(CHOICE_SECONDS + 1)
        again, prompt = await it.request(2, "session/prompt")
        again.end_turn(prompt)
        assert await behind.end() == Completed("end_turn")


async def test_a_hold_of_a_person_stays_when_the_link_is_lost(tmp_path: Path) -> None:
    """The choice about the lost turn does not let it go."""
    async with two_places(tmp_path, obedient=False) as it:
        it.say(1, 10)
        agent, prompt = await it.request(1, "session/prompt")
        behind = it.say(1, 11)
        it.conversation(1).cancel(A_PERSON)
        it.conversation(1).resume()
        it.conversation(1).cancel(A_PERSON)
        agent.lose_link(ONE)
        await quiet()
        await elapse(CHOICE_SECONDS + 1)
        assert it.row(11) is Row.HELD
        assert behind.told == []
        assert prompt["id"]


async def test_what_waits_for_another_choice_already_goes_on_waiting_for_that(tmp_path: Path) -> None:
    """The lost turn does not make it wait longer."""
    async with two_places(tmp_path, obedient=False) as it:
        it.say(1, 10)
        agent, _ = await it.request(1, "session/prompt")
        behind = it.receive(1, Recorder(11))
        it.pool.wait(1, behind, 30)
        until = it.conversation(1).held_until
        agent.lose_link(ONE)
        await quiet()
        assert it.conversation(1).held_until == until
        await elapse(31)
        again, prompt = await it.request(2, "session/prompt")
        again.end_turn(prompt)
        assert await behind.end() == Completed("end_turn")


async def test_a_turn_that_a_person_cancelled_is_not_asked_about_when_its_link_is_lost(tmp_path: Path) -> None:
    """They did not want it any more."""
    async with two_places(tmp_path, obedient=False) as it:
        exchange = it.say(1, 10)
        agent, _ = await it.request(1, "session/prompt")
        it.conversation(1).cancel(A_PERSON)
        agent.lose_link(ONE)
        await exchange.end()
        assert isinstance(exchange.ending, Failed)
        assert exchange.ending.cancelled_by == A_PERSON
        assert it.row(10) is Row.FINISHED


async def test_a_message_waits_until_the_place_confirms_that_the_earlier_agent_has_ended(tmp_path: Path) -> None:
    """Its thread can say so; the slot stays taken until then."""
    told: list[bool] = []
    stops = asyncio.Event()
    async with two_places(
        tmp_path,
        only(1, stops=stops),
        obedient=False,
        slots=1,
        on_queue=lambda conversation: told.append(conversation.lease.unconfirmed),
    ) as it:
        await lost_in_turn(it)
        lease = it.conversation(1).lease
        waiting = it.say(1, 11)
        await elapse(CONFIRM_SECONDS - 1)
        assert not lease.unconfirmed
        await elapse(1)
        assert lease.unconfirmed
        assert told[-1]
        assert (lease.state, it.pool.loads[ONE].held) == (ConversationState.STOPPING, 1)
        assert waiting.told == []
        stops.set()
        agent, prompt = await it.request(2, "session/prompt")
        assert not told[-1]
        agent.end_turn(prompt)
        assert await waiting.end() == Completed("end_turn")


async def test_an_agent_that_loses_its_link_while_idle_is_started_again(tmp_path: Path) -> None:
    """Nobody need be asked."""
    async with two_places(tmp_path) as it:
        await it.answered(1, 10)
        it.factory.agents[0].lose_link(ONE)
        await quiet()
        assert it.pool.conversation(1) is None
        await it.answered(1, 11)
        assert it.factory.places == [ONE, ONE]


async def test_a_link_that_is_lost_while_the_session_is_opened_counts_as_a_failed_try(tmp_path: Path) -> None:
    """The prompt was not sent, so the next try may send it."""
    async with two_places(tmp_path, only(1, manual={"session/new"}), places=(ONE,)) as it:
        exchange = it.say(1, 10)
        agent, _ = await it.request(1, "session/new")
        agent.lose_link(ONE)
        assert await exchange.end() == Completed("end_turn")
        assert [f"unconfirmed at {ONE}", f"tries {ONE} in {TRY_SECONDS[0]:g}"] == exchange.told[2:4]
        assert it.factory.places == [ONE, ONE]


async def test_a_message_whose_prompt_never_gets_onto_the_link_is_held(tmp_path: Path) -> None:
    """Once it is tried again immediately, as with an agent that has died; then the place counts as not reached."""

    def mute(number: int) -> MemoryAgent:
        agent = every()(number)
        send = agent.write

        def write(data: bytes) -> bool:
            if b"session/prompt" in data:
                agent.lose_link(ONE)
                return False
            return send(data)

        agent.write = write  # type: ignore[method-assign]
        return agent

    async with two_places(tmp_path, mute, places=(ONE,)) as it:
        exchange = it.say(1, 10)
        await exchange.until(f"held for {ONE}")
        assert it.row(10) is Row.HELD
        assert it.conversation(1).held
        assert len(it.factory.places) == 2


# ---- a place that is not reached


async def test_a_message_is_held_after_three_tries_with_a_growing_pause(tmp_path: Path) -> None:
    """Not failed; its row and those behind it say so, and a resume tries again."""
    async with two_places(tmp_path, places=(ONE,)) as it:
        await it.answered(1, 10)
        it.conversation(1).close(A_PERSON)
        await quiet()
        place(it, ONE).reachable = False
        loop = asyncio.get_running_loop()
        began = loop.time()
        exchange, behind = it.say(1, 11), it.say(1, 12)
        await exchange.until(f"held for {ONE}")
        assert loop.time() - began == pytest.approx(sum(TRY_SECONDS), abs=0.1)
        assert place(it, ONE).tries == 1 + 3
        pauses = [f"tries {ONE} in {seconds:g}" for seconds in TRY_SECONDS]
        assert [each for each in exchange.told if each.startswith("tries")] == pauses
        assert exchange.news[-1] == HeldForPlace(ONE, "no route to host", [])
        assert (it.row(11), it.row(12)) == (Row.HELD, Row.HELD)
        assert (it.conversation(1).held, it.conversation(1).current) == (True, None)
        assert it.pool.loads[ONE].held == 0
        assert [each.message_ids for each in it.conversation(1).queue] == [(11,), (12,)]
        place(it, ONE).reachable = True
        it.conversation(1).resume()
        assert [await each.end() for each in (exchange, behind)] == [Completed("end_turn")] * 2
        assert it.factory.agents[-1].methods()[1] == "session/load"


async def test_a_place_that_is_reached_again_in_time_holds_no_message(tmp_path: Path) -> None:
    """The second try succeeds."""
    async with two_places(tmp_path, places=(ONE,)) as it:
        place(it, ONE).reachable = False
        exchange = it.say(1, 10)
        await exchange.until(f"tries {ONE} in {TRY_SECONDS[0]:g}")
        place(it, ONE).reachable = True
        assert await exchange.end() == Completed("end_turn")
        assert place(it, ONE).tries == 2


async def test_a_new_thread_starts_elsewhere_when_a_place_is_not_reached(tmp_path: Path) -> None:
    """Immediately, since nothing of it is at the first place; later threads avoid that place."""
    async with two_places(tmp_path) as it:
        place(it, ONE).reachable = False
        loop = asyncio.get_running_loop()
        began = loop.time()
        first = await it.answered(1, 10)
        await it.answered(2, 20)
        assert loop.time() == began
        assert not any(word.startswith("tries") for word in first.told)
        assert it.factory.places == [ONE, TWO, TWO]


async def test_the_places_that_have_the_directory_are_offered(tmp_path: Path) -> None:
    """One that is not reached or lacks it is not; nor is the place itself."""
    far = [
        Room(StandInPlace(ONE, reachable=False), 2),
        Room(StandInPlace(TWO, directories=[]), 2),
        Room(StandInPlace("worker3"), 2),
    ]
    async with two_places(tmp_path, far=far, places=(ONE, TWO, "worker3")) as it:
        it.journal.messages.receive(10, thread_id=1, channel_id=1, guild_id=None, author_id=7)
        it.journal.threads.set_agent_place(1, ONE)
        exchange = Recorder(10)
        it.pool.submit(1, exchange)
        await exchange.until(f"held for {ONE} worker3")


async def test_a_thread_that_is_given_another_place_begins_a_session_there(tmp_path: Path) -> None:
    """It is told where the earlier one was, once; it then keeps the new place."""
    async with two_places(tmp_path) as it:
        await it.answered(1, 10)
        it.conversation(1).close(A_PERSON)
        await quiet()
        place(it, ONE).reachable = False
        exchange = it.say(1, 11)
        await exchange.until(f"held for {ONE} {TWO}")
        it.journal.threads.set_agent_place(1, TWO)
        it.conversation(1).resume()
        assert await exchange.end() == Completed("end_turn")
        assert f"moved {ONE} {TWO}" in exchange.told
        later = await it.answered(1, 12)
        assert not any(word.startswith("moved") for word in later.told)
        assert it.factory.places[-1] == TWO
        assert it.journal.threads.session_place(1) == TWO


@pytest.mark.parametrize("when", ["the pause", "the look at other places", "the end of that look"])
async def test_a_cancel_while_a_place_is_not_reached_ends_the_exchange(
    tmp_path: Path, when: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not held, and not tried again."""
    async with two_places(tmp_path) as it:
        it.journal.messages.receive(10, thread_id=1, channel_id=1, guild_id=None, author_id=7)
        it.journal.threads.set_agent_place(1, ONE)
        place(it, ONE).reachable = False
        looks = asyncio.Event()

        async def run(*_args: Any, **_options: Any) -> Ran:
            looks.set()
            await asyncio.Event().wait()
            return Ran(0, b"")

        async def having(*_args: Any) -> list[str]:
            it.conversation(1).cancel(A_PERSON)
            looks.set()
            return []

        monkeypatch.setattr(place(it, TWO), "run", run)
        if when == "the end of that look":
            monkeypatch.setattr(it.pool._placement, "having", having)
        exchange = Recorder(10)
        it.pool.submit(1, exchange)
        it.say(1, 11)
        await (exchange.until(f"tries {ONE} in 2") if when == "the pause" else looks.wait())
        it.conversation(1).cancel(A_PERSON)
        assert await exchange.end() == Cancelled(A_PERSON)
        await quiet()
        assert it.row(10) is Row.CLOSED
        assert it.row(11) is Row.HELD
        assert not any(word.startswith("held") for word in exchange.told)


async def test_a_cancel_in_the_step_in_which_a_place_is_found_unreachable_ends_the_exchange(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is nothing left to hold."""
    async with two_places(tmp_path) as it:

        async def cancelled(_on_waiting: object) -> None:
            it.conversation(1).cancel(A_PERSON)
            raise PlaceUnreachable(ONE)

        monkeypatch.setattr(place(it, ONE), "open", cancelled)
        exchange = it.say(1, 10)
        assert await exchange.end() == Cancelled(A_PERSON)
        await quiet()
        assert (it.row(10), exchange.news) == (Row.CLOSED, [])


async def test_an_exchange_that_is_given_up_is_told_no_more_of_its_place(tmp_path: Path) -> None:
    """Its link is lost while its agent opens the session; its reply has ended by then."""
    async with two_places(tmp_path, places=(ONE,), obedient=False) as it:
        exchange = it.say(1, 10)
        agent, _ = await it.request(1, "session/new")
        it.conversation(1).cancel(A_PERSON)
        agent.lose_link(ONE)
        await quiet()
        assert (exchange.ending, exchange.news) == (Cancelled(A_PERSON), [])


async def test_the_end_of_the_bot_in_a_pause_leaves_the_message_for_the_next_run(tmp_path: Path) -> None:
    """Nothing accepted is lost."""
    async with two_places(tmp_path, places=(ONE,)) as it:
        place(it, ONE).reachable = False
        exchange = it.say(1, 10)
        await exchange.until(f"tries {ONE} in {TRY_SECONDS[0]:g}")
        await it.pool.__aexit__()
        assert exchange.ending == ShutDown()
        assert it.row(10) is Row.RECEIVED


async def test_an_exchange_that_cannot_be_held_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An unexpected error in the look at other places is no reason to lose the conversation."""
    async with two_places(tmp_path) as it:
        it.journal.messages.receive(10, thread_id=1, channel_id=1, guild_id=None, author_id=7)
        it.journal.threads.set_agent_place(1, ONE)
        place(it, ONE).reachable = False

        async def run(*_args: Any, **_options: Any) -> Any:
            raise RuntimeError("odd")

        monkeypatch.setattr(place(it, TWO), "run", run)
        exchange = Recorder(10)
        it.pool.submit(1, exchange)
        with capture_logs() as logs:
            assert isinstance(await exchange.end(), Failed)
        assert "an exchange could not be held" in [each["event"] for each in logs]
        place(it, ONE).reachable = True
        await it.answered(1, 11)


# ---- the end


async def test_an_agent_whose_end_is_not_confirmed_does_not_keep_the_bot(tmp_path: Path) -> None:
    """Its link is cut after a while: it ends by itself."""
    stops = asyncio.Event()

    def make(number: int) -> MemoryAgent:
        agent = MemoryAgent(modes=MODES, session_prefix=f"agent{number}", stops=stops)
        agent.kill = stops.set  # type: ignore[method-assign]
        return agent

    async with two_places(tmp_path, make) as it:
        await it.answered(1, 10)
        loop = asyncio.get_running_loop()
        began = loop.time()
        await it.pool.__aexit__()
        assert loop.time() - began == pytest.approx(TURN_SECONDS + FAR_SECONDS)
        assert stops.is_set()


async def test_a_start_whose_end_is_not_confirmed_does_not_keep_the_bot(tmp_path: Path) -> None:
    """It is cancelled again."""
    async with two_places(tmp_path) as it:
        place(it, ONE).starts = place(it, ONE).lets_go = asyncio.Event()
        exchange = it.say(1, 10)
        await quiet()
        loop = asyncio.get_running_loop()
        began = loop.time()
        await it.pool.__aexit__()
        assert loop.time() - began == pytest.approx(TURN_SECONDS + FAR_SECONDS)
        assert (exchange.ending, it.row(10)) == (ShutDown(), Row.RECEIVED)


async def test_an_agent_of_this_machine_is_never_left_to_itself(tmp_path: Path) -> None:
    """Its stop is bounded, and nothing else would end it."""
    stops = asyncio.Event()
    async with two_places(tmp_path, every(stops=stops), places=(HERE,)) as it:
        await it.answered(1, 10)
        asyncio.get_running_loop().call_later(TURN_SECONDS + FAR_SECONDS + 1, stops.set)
        await it.pool.__aexit__()
        assert not it.factory.agents[0].killed


def test_only_a_place_that_is_not_reached_holds_a_message() -> None:
    """An agent that ends by itself is another matter."""
    assert unreached(AgentClosed(CloseReason.ENDED)) is None
