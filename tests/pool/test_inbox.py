"""What waits in a thread: taken up after a restart, held, released, put first. In virtual time."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from pool.agent_lease import FAIR_SECONDS
from pool.conversation import FAILED_STARTS, Conversation
from pool.conversation_context import CancelResult, ConversationState
from pool.exchange import Cancelled, Completed, Dropped, TakenBack
from pool.journal.journal import MessageState as Row
from tests.support.memory_agent import MemoryAgent
from tests.support.virtual_time import elapse, quiet

from .pool_harness import RunningPool, every, only, prompt_text, running_pool
from .recording_exchange import Recorder

A_PERSON = 42
TEN_MINUTES = 600.0


def restored(it: RunningPool, *message_ids: int, held: bool, seconds: float | None = None) -> list[Recorder]:
    """Take up exchanges of thread 1 that an earlier run had received; each says its number."""
    exchanges = [it.receive(1, Recorder(number, text=str(number))) for number in message_ids]
    it.pool.restore(1, exchanges, held=held, seconds=seconds)
    return exchanges


async def prompts(agent: MemoryAgent, count: int) -> list[str]:
    """Answer so many prompts, one after the other, and return what they said."""
    said = []
    for _ in range(count):
        prompt = await agent.expect("session/prompt")
        said.append(prompt_text(prompt))
        agent.end_turn(prompt)
    return said


# ---- after a restart


async def test_what_an_earlier_run_had_received_is_answered_first_and_in_order(tmp_path: Path) -> None:
    """Also where something new is in the inbox already (P1, invariant 7)."""
    async with running_pool(tmp_path) as it:
        it.say(1, 20, text="new")
        restored(it, 10, 11, held=False)
        assert await prompts(await it.factory.agent(1), 3) == ["10", "11", "new"]
        assert not it.conversation(1).held


async def test_what_waits_behind_an_interrupted_turn_goes_on_by_itself_after_its_time(tmp_path: Path) -> None:
    """No agent is started before (DESIGN 5)."""
    async with running_pool(tmp_path, obedient=True) as it:
        exchanges = restored(it, 10, 11, held=True, seconds=TEN_MINUTES)
        await elapse(TEN_MINUTES - 1)
        assert repr(it.conversation(1)) == "<1 asleep, 2 held>"
        assert it.factory.agents == []
        assert it.row(10) is Row.RECEIVED
        for exchange in exchanges:
            assert await exchange.end() == Completed("end_turn")


async def test_what_a_person_held_is_held_after_a_restart_for_as_long_as_it_takes(tmp_path: Path) -> None:
    """An hour changes nothing; a word of a person does, and the rows say so (P28)."""
    async with running_pool(tmp_path, obedient=True) as it:
        exchange = it.receive(1, Recorder(10))
        it.journal.messages.hold((10,), held=True)
        it.pool.restore(1, [exchange], held=True)
        await elapse(3600)
        assert repr(it.conversation(1)) == "<1 asleep, 1 held>"
        assert it.row(10) is Row.HELD
        it.conversation(1).resume()
        assert it.row(10) is Row.RECEIVED
        assert await exchange.end() == Completed("end_turn")


async def test_nothing_to_take_up_holds_nothing(tmp_path: Path) -> None:
    """An interrupted turn with nothing behind it does not keep the next message waiting."""
    async with running_pool(tmp_path, obedient=True) as it:
        restored(it, held=True, seconds=TEN_MINUTES)
        await quiet()
        assert it.pool.conversation(1) is None
        await it.answered(1, 10)


async def test_the_next_message_lets_what_was_restored_go_on_before_it(tmp_path: Path) -> None:
    """At once (P4)."""
    async with running_pool(tmp_path) as it:
        restored(it, 10, 11, held=True, seconds=TEN_MINUTES)
        it.say(1, 20, text="new")
        assert await prompts(await it.factory.agent(1), 3) == ["10", "11", "new"]


async def test_the_time_of_what_was_dropped_lets_nothing_go_on_that_is_held_later(tmp_path: Path) -> None:
    """A later cancel holds for good, whatever an earlier hold was for."""
    async with running_pool(tmp_path) as it:
        exchanges = restored(it, 10, 11, held=True, seconds=TEN_MINUTES)
        assert it.conversation(1).drop() == 2
        assert [exchange.ending for exchange in exchanges] == [Dropped(), Dropped()]
        assert [it.row(10), it.row(11)] == [Row.CLOSED, Row.CLOSED]
        exchange = it.say(1, 12, text="hang")
        await exchange.until("prompted")
        it.say(1, 13)
        it.conversation(1).cancel(A_PERSON)
        await elapse(TEN_MINUTES + 1)
        assert it.row(13) is Row.HELD


async def test_a_cancel_holds_for_good_what_was_held_for_a_time(tmp_path: Path) -> None:
    """A person has said stop; only a person lets it go on, also after the next restart (P28)."""
    async with running_pool(tmp_path, obedient=True) as it:
        (exchange,) = restored(it, 10, held=True, seconds=TEN_MINUTES)
        assert it.conversation(1).cancel(A_PERSON) == CancelResult(stopped=False, held=1)
        assert it.row(10) is Row.HELD
        await elapse(TEN_MINUTES + 1)
        assert repr(it.conversation(1)) == "<1 asleep, 1 held>"
        it.conversation(1).resume()
        assert await exchange.end() == Completed("end_turn")


async def test_what_comes_behind_a_choice_waits_for_it(tmp_path: Path) -> None:
    """Behind what waits already, as long as that does; alone for its own time, or until somebody writes."""
    async with running_pool(tmp_path, obedient=True) as it:
        restored(it, 10, held=True, seconds=1)
        behind = it.receive(1, Recorder(11))
        it.pool.wait(1, behind, TEN_MINUTES)
        assert repr(it.conversation(1)) == "<1 asleep, 2 held>"
        assert it.row(11) is Row.RECEIVED
        assert await behind.end() == Completed("end_turn")
        assert it.row(10) is Row.FINISHED
        alone = it.receive(2, Recorder(20))
        it.pool.wait(2, alone, TEN_MINUTES)
        await elapse(TEN_MINUTES - 1)
        assert repr(it.conversation(2)) == "<2 asleep, 1 held>"
        last = it.say(2, 21)
        assert await last.end() == Completed("end_turn")
        assert it.row(20) is Row.FINISHED


async def test_what_comes_behind_a_choice_and_what_a_person_held_waits_for_that_person(tmp_path: Path) -> None:
    """Time lets go of nothing that somebody has held."""
    async with running_pool(tmp_path, obedient=True) as it:
        restored(it, 10, held=True, seconds=None)
        it.pool.wait(1, it.receive(1, Recorder(11)), TEN_MINUTES)
        await elapse(TEN_MINUTES + 1)
        assert repr(it.conversation(1)) == "<1 asleep, 2 held>"
        assert it.factory.agents == []


async def test_a_request_that_is_sent_again_goes_before_all_that_waits(tmp_path: Path) -> None:
    """A person chose Retry: what waited behind it the first time waits behind it now, and is no longer held."""
    async with running_pool(tmp_path) as it:
        restored(it, 10, 11, held=True, seconds=TEN_MINUTES)
        it.pool.go_first(1, it.receive(1, Recorder(9, text="again")))
        assert await prompts(await it.factory.agent(1), 3) == ["again", "10", "11"]


async def test_a_request_that_goes_first_does_not_overtake_what_runs(tmp_path: Path) -> None:
    """It is the next one, and who shows what waits learns of it."""
    seen: list[int] = []
    async with running_pool(tmp_path, on_queue=lambda conversation: seen.append(conversation.waiting)) as it:
        it.say(1, 10, text="running")
        it.say(1, 11, text="waiting")
        agent = await it.factory.agent(1)
        prompt = await agent.expect("session/prompt")
        seen.clear()
        it.pool.go_first(1, it.receive(1, Recorder(9, text="again")))
        assert seen == [2]
        agent.end_turn(prompt)
        assert await prompts(agent, 2) == ["again", "waiting"]


async def test_nothing_is_taken_up_while_the_pool_stops(tmp_path: Path) -> None:
    """The rows stay as they are, for the next start."""
    async with running_pool(tmp_path) as it:
        await it.pool.__aexit__()
        (exchange,) = restored(it, 10, held=False)
        it.pool.wait(1, it.receive(1, Recorder(8)), TEN_MINUTES)
        it.pool.go_first(1, it.receive(1, Recorder(9)))
        assert exchange.told == []
        assert [it.row(number) for number in (8, 9, 10)] == [Row.RECEIVED] * 3
        assert it.factory.agents == []


async def test_what_failed_starts_hold_is_tried_as_often_again(tmp_path: Path) -> None:
    """A person's word begins a new count; a word where nothing is held does not."""
    async with running_pool(tmp_path, every(manual={"initialize"})) as it:
        for number in range(10, 10 + FAILED_STARTS + 1):
            it.say(1, number)
        for number in range(1, FAILED_STARTS + 1):
            it.conversation(1).resume()  # Nothing is held: this is no new count.
            (await it.factory.agent(number)).die(1)
            await quiet()
        assert it.conversation(1).held


# ---- close


async def test_closing_an_idle_thread_stops_its_agent_and_keeps_its_session(tmp_path: Path) -> None:
    """The next message wakes it, and its agent then stays (P37)."""
    async with running_pool(tmp_path, obedient=True) as it:
        await it.answered(1, 10)
        await quiet()
        assert it.conversation(1).close(A_PERSON) == CancelResult(stopped=False, held=0)
        await quiet()
        assert it.pool.conversation(1) is None
        assert it.factory.alive == 0
        exchange = await it.answered(1, 11)
        assert "FORGOTTEN" not in exchange.told
        assert it.journal.threads.session_id(1) == "agent1-1"
        await quiet()
        assert it.conversation(1).lease.state is ConversationState.IDLE


@pytest.mark.parametrize("capabilities", [{"loadSession": True}, {}], ids=["can load", "cannot load"])
async def test_closing_a_working_thread_ends_its_turn_and_stops_its_agent(
    tmp_path: Path, capabilities: dict[str, bool]
) -> None:
    """Whether or not its session can be loaded: a person wanted it. What waits is held, and runs when they say so."""
    async with running_pool(tmp_path, every(capabilities=capabilities), obedient=True) as it:
        exchange, behind = it.say(1, 10, text="hang"), it.say(1, 11)
        await exchange.until("prompted")
        assert it.conversation(1).close(A_PERSON) == CancelResult(stopped=True, held=1)
        assert await exchange.end() == Cancelled(A_PERSON, "cancelled")
        await quiet()
        assert repr(it.conversation(1)) == "<1 asleep, 1 held>"
        assert it.factory.alive == 0
        it.conversation(1).resume()
        assert await behind.end() == Completed("end_turn")
        await quiet()
        assert repr(it.conversation(1)) == "<1 idle>"


async def test_closing_a_thread_in_line_takes_it_out_of_the_line(tmp_path: Path) -> None:
    """It has no agent to stop; when what was behind it goes on, the agent that it gets is not stopped for that."""
    async with running_pool(tmp_path, slots=1, obedient=True) as it:
        await it.say(1, 10, text="hang").until("prompted")
        exchange, behind = it.say(2, 20), it.say(2, 21)
        await exchange.until("waiting 1")
        assert it.conversation(2).close(A_PERSON) == CancelResult(stopped=True, held=1)
        await quiet()
        assert exchange.ending == Cancelled(A_PERSON)
        assert repr(it.conversation(2)) == "<2 asleep, 1 held>"
        assert len(it.factory.agents) == 1
        it.conversation(1).close(A_PERSON)
        it.conversation(2).resume()
        assert await behind.end() == Completed("end_turn")
        await quiet()
        assert it.conversation(2).lease.state is ConversationState.IDLE


async def test_closing_a_thread_that_starts_stops_the_agent_when_it_is_there(tmp_path: Path) -> None:
    """And not the one of the next message."""
    async with running_pool(tmp_path, only(1, manual={"session/new"}), obedient=True) as it:
        it.say(1, 10)
        agent = await it.factory.agent(1)
        request = await agent.expect("session/new")
        it.conversation(1).close(A_PERSON)
        agent.reply(request, {"sessionId": "s"})
        await quiet()
        assert agent.stopped
        await it.answered(1, 11)
        await quiet()
        assert it.conversation(1).lease.state is ConversationState.IDLE


async def test_a_message_in_the_step_of_a_close_wakes_the_thread_again(tmp_path: Path) -> None:
    """It waits for the stop to end, is answered, and its agent is not stopped for the close before it (P5)."""
    stops = asyncio.Event()
    async with running_pool(tmp_path, only(1, stops=stops), slots=1, obedient=True) as it:
        await it.answered(1, 10)
        await quiet()
        it.conversation(1).close(A_PERSON)
        exchange = it.say(1, 11)
        await quiet()
        assert repr(it.conversation(1)) == "<1 stopping, 1 waiting>"
        stops.set()
        assert await exchange.end() == Completed("end_turn")
        await quiet()
        assert it.conversation(1).lease.state is ConversationState.IDLE
        assert it.factory.most == 1


# ---- making way


async def test_a_conversation_that_makes_way_sleeps_after_its_turn_and_rejoins_the_line(tmp_path: Path) -> None:
    """Behind who waited; its session is kept, and what waits in it goes on later, in order."""
    async with running_pool(tmp_path, slots=1) as it:
        first, second = it.say(1, 10), it.say(1, 11)
        agent = await it.factory.agent(1)
        prompt = await agent.expect("session/prompt")
        other = it.say(2, 20)
        await other.until("waiting 1")
        it.conversation(1).preempt()
        agent.end_turn(prompt)
        await first.end()
        agent = await it.factory.agent(2)
        prompt = await agent.expect("session/prompt")
        assert repr(it.pool) == "<Pool <Slots 1/1 held, 1 in line> <1 in line> <2 working>>"
        agent.end_turn(prompt)
        await other.end()
        agent = await it.factory.agent(3)
        assert await prompts(agent, 1) == ["hello"]
        assert "session/load" in agent.methods()
        assert await second.end() == Completed("end_turn")
        await quiet()
        assert it.conversation(1).lease.state is ConversationState.IDLE


async def test_a_conversation_whose_session_would_be_lost_keeps_its_slot(tmp_path: Path) -> None:
    """Its question is ended all the same; it sleeps only after its idle time (P43)."""
    async with running_pool(tmp_path, every(capabilities={}), slots=1) as it:
        exchange, agent, prompt = await it.prompted(10)
        it.say(2, 20)
        request_id = agent.ask("agent1-1")
        await exchange.until("Question")
        it.conversation(1).preempt()
        await agent.answer_to(request_id)
        await elapse(FAIR_SECONDS + 1)
        agent.end_turn(prompt)
        await exchange.end()
        await quiet()
        assert it.conversation(1).lease.state is ConversationState.IDLE


@pytest.mark.parametrize(
    "release", [Conversation.preempt, lambda conversation: conversation.close(A_PERSON)], ids=["preempted", "closed"]
)
async def test_a_thread_that_sleeps_over_what_is_held_lets_no_later_agent_go(
    tmp_path: Path, release: Callable[[Conversation], object]
) -> None:
    """Asked to while there is none, it keeps the agent of its next turn."""
    async with running_pool(tmp_path, obedient=True) as it:
        (exchange,) = restored(it, 10, held=True)
        release(it.conversation(1))
        it.conversation(1).resume()
        await exchange.end()
        await quiet()
        assert it.conversation(1).lease.state is ConversationState.IDLE


# ---- taken together, sent now, taken back


async def test_what_waits_is_taken_together_where_it_belongs_together(tmp_path: Path) -> None:
    """In one prompt, and all rows move at once; what does not belong stays a prompt of its own."""
    async with running_pool(tmp_path) as it:
        it.say(1, 10, text="running")
        agent = await it.factory.agent(1)
        prompt = await agent.expect("session/prompt")
        for number in (11, 12):
            it.say(1, number, Recorder(number, text=str(number), joins=True))
        it.say(1, 13, text="other")
        last = it.say(1, 14, Recorder(14, text="14", joins=True))
        assert it.conversation(1).waiting == 4
        agent.end_turn(prompt)
        together = await agent.expect("session/prompt")
        assert prompt_text(together) == "11+12"
        assert [it.row(11), it.row(12), it.row(13)] == [Row.PROMPTED, Row.PROMPTED, Row.RECEIVED]
        rows = {row.message_id: row.exchange_id for row in it.journal.messages.open_rows()}
        assert (rows[11], rows[12], rows[13]) == (12, 12, 13)
        agent.end_turn(together)
        assert await prompts(agent, 2) == ["other", "14"]
        await last.end()
        assert [it.row(11), it.row(12)] == [Row.FINISHED, Row.FINISHED]


async def test_what_is_sent_now_ends_the_turn_and_goes_alone_before_the_rest(tmp_path: Path) -> None:
    """After the response, not before (P30); what was held goes on behind it."""
    async with running_pool(tmp_path) as it:
        first = it.say(1, 10, text="running")
        agent = await it.factory.agent(1)
        prompt = await agent.expect("session/prompt")
        for number in (11, 12, 13):
            it.say(1, number, Recorder(number, text=str(number), joins=True))
        conversation = it.conversation(1)
        conversation.send_now(conversation.queue[1], A_PERSON)
        await agent.expect("session/cancel")
        await quiet()
        assert agent.methods().count("session/prompt") == 1
        agent.end_turn(prompt, "cancelled")
        assert await first.end() == Cancelled(A_PERSON, "cancelled")
        assert await prompts(agent, 2) == ["12", "11+13"]


async def test_what_steers_goes_before_what_waited_and_together_where_it_belongs_together(tmp_path: Path) -> None:
    """In its own order, behind what a person has sent now; the turn is cancelled once."""
    async with running_pool(tmp_path) as it:
        it.say(1, 10, text="running")
        agent = await it.factory.agent(1)
        prompt = await agent.expect("session/prompt")
        for number in (11, 12):
            it.say(1, number, text=str(number))
        conversation = it.conversation(1)
        for number in (13, 14):
            it.say(1, number, Recorder(number, text=str(number), joins=True))
            conversation.steer(conversation.queue[-1], A_PERSON)
        conversation.send_now(conversation.queue[3], A_PERSON)
        it.say(1, 15, text="15")
        conversation.steer(conversation.queue[-1], A_PERSON)
        agent.end_turn(prompt, "cancelled")
        assert await prompts(agent, 4) == ["12", "13+14", "15", "11"]
        assert agent.methods().count("session/cancel") == 1


async def test_what_is_sent_now_before_anything_runs_is_the_next(tmp_path: Path) -> None:
    """Held or not; nothing is cancelled, for there is nothing."""
    async with running_pool(tmp_path) as it:
        restored(it, 10, 11, held=True)
        conversation = it.conversation(1)
        conversation.send_now(conversation.queue[1], A_PERSON)
        assert await prompts(await it.factory.agent(1), 2) == ["11", "10"]


async def test_what_steers_where_nothing_runs_yet_goes_first_and_cancels_nothing(tmp_path: Path) -> None:
    """Before the agent is there, or while its turn has just ended."""
    async with running_pool(tmp_path) as it:
        for number in (10, 11):
            it.say(1, number, text=str(number))
        conversation = it.conversation(1)
        conversation.steer(conversation.queue[-1], A_PERSON)
        agent = await it.factory.agent(1)
        assert await prompts(agent, 2) == ["11", "10"]
        assert agent.methods().count("session/cancel") == 0


async def test_what_waits_can_be_taken_back(tmp_path: Path) -> None:
    """Its row says why, and the others go on; the time of those that were held ends with the last of them."""
    async with running_pool(tmp_path, obedient=True) as it:
        first, second = restored(it, 10, 11, held=True, seconds=TEN_MINUTES)
        assert it.conversation(1).find_unsent(12) is None
        it.conversation(1).withdraw(first, "deleted")
        assert repr(it.conversation(1)) == "<1 asleep, 1 held>"
        it.conversation(1).withdraw(second, "deleted")
        assert [each.ending for each in (first, second)] == [Dropped(), Dropped()]
        assert [it.row(10), it.row(11)] == [Row.CLOSED, Row.CLOSED]
        await elapse(TEN_MINUTES + 1)
        assert it.pool.conversation(1) is None


TAKEN_BACK: dict[str, Callable[[Conversation, Recorder], object]] = {
    "withdrawn": lambda conversation, exchange: conversation.withdraw(exchange, "dropped"),
    "given away": lambda conversation, exchange: conversation.release(exchange),
    "dropped": lambda conversation, _: conversation.drop(),
}


@pytest.mark.parametrize("take_back", TAKEN_BACK.values(), ids=TAKEN_BACK)
async def test_an_inbox_that_was_emptied_holds_nothing_that_comes_later(
    tmp_path: Path, take_back: Callable[[Conversation, Recorder], object]
) -> None:
    """What is held is held, not the thread: with the last of it the wait for a person is over."""
    async with running_pool(tmp_path, obedient=True) as it:
        await it.answered(1, 9)
        (exchange,) = restored(it, 10, held=True)
        assert it.conversation(1).held
        take_back(it.conversation(1), exchange)
        assert not it.conversation(1).held
        (later,) = restored(it, 11, held=False)
        assert await later.end() == Completed("end_turn")


async def test_a_message_can_be_taken_back_until_the_agent_has_it(tmp_path: Path) -> None:
    """In line, starting, fetching: nothing is sent. With the agent it is no longer to be found."""
    fetched = asyncio.Event()
    async with running_pool(tmp_path) as it:
        exchange = it.say(1, 10, Recorder(10, fetched=fetched))
        behind = it.say(1, 11, text="next")
        agent = await it.factory.agent(1)
        await exchange.until("blocks")
        assert it.conversation(1).current is exchange
        assert it.conversation(1).find_unsent(10) is exchange
        assert it.conversation(1).find_unsent(11) is behind
        it.conversation(1).withdraw(exchange, "deleted")
        fetched.set()
        prompt = await agent.expect("session/prompt")
        assert prompt_text(prompt) == "next"
        assert exchange.ending == TakenBack()
        assert it.row(10) is Row.CLOSED
        assert it.conversation(1).find_unsent(11) is None
        agent.end_turn(prompt)
        await behind.end()


async def test_a_message_that_gets_no_thread_goes_on_in_another_conversation(tmp_path: Path) -> None:
    """The agent that was started for it is let go; the other conversation has its turn, and nothing is told twice."""
    fetched = asyncio.Event()
    async with running_pool(tmp_path) as it:
        exchange = it.say(10, 10, Recorder(10, text="moved", fetched=fetched))
        waiting = it.say(10, 11, text="moved too")
        agent = await it.factory.agent(1)
        await exchange.until("blocks")
        for each in (waiting, exchange):
            it.journal.messages.move(each.message_ids[0], 1, "in the channel")
            it.conversation(10).release(each)
            it.pool.submit(1, each)
        assert it.row(10) is Row.RECEIVED
        fetched.set()
        prompt = await (await it.factory.agent(2)).expect("session/prompt")
        assert prompt_text(prompt) == "moved too"
        it.factory.agents[1].end_turn(prompt)
        await it.factory.agents[1].expect("session/prompt")
        assert agent.stopped
        assert exchange.endings == []
        assert it.pool.conversation(10) is None


async def test_an_exchange_that_is_tried_again_is_tried_alone(tmp_path: Path) -> None:
    """The second try is the last: what came meanwhile is not taken together with it."""
    fetched = asyncio.Event()
    async with running_pool(tmp_path) as it:
        exchange = it.say(1, 10, Recorder(10, text="10", fetched=fetched, joins=True))
        await exchange.until("blocks")
        it.say(1, 11, Recorder(11, text="11", joins=True))
        it.factory.agents[0].die(1)
        fetched.set()
        assert await prompts(await it.factory.agent(2), 2) == ["10", "11"]


async def test_whoever_shows_what_waits_learns_of_every_change(tmp_path: Path) -> None:
    """Of what comes, begins, is held, goes on, is dropped."""
    seen: list[tuple[int, bool]] = []

    def look(conversation: Conversation) -> None:
        if not seen or seen[-1] != (conversation.waiting, conversation.held):
            seen.append((conversation.waiting, conversation.held))

    async with running_pool(tmp_path, on_queue=look) as it:
        it.say(1, 10, text="running")
        agent = await it.factory.agent(1)
        prompt = await agent.expect("session/prompt")
        it.say(1, 11)
        it.say(1, 12)
        it.conversation(1).cancel(A_PERSON)
        it.conversation(1).resume()
        it.conversation(1).drop()
        agent.end_turn(prompt, "cancelled")
        await quiet()
        assert seen == [(1, False), (0, False), (1, False), (2, False), (2, True), (2, False), (0, False)]


async def test_the_directories_of_a_threads_session_are_there_when_it_is_opened(tmp_path: Path) -> None:
    """For nobody else."""
    async with running_pool(tmp_path, every(capabilities={"sessionCapabilities": {"additionalDirectories": {}}})) as it:
        it.say(1, 10)
        opened = await (await it.factory.agent(1)).expect("session/new")
        assert opened["params"]["additionalDirectories"] == [str(tmp_path / "files")]
        assert (tmp_path / "files").stat().st_mode & 0o077 == 0
