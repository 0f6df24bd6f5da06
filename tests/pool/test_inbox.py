"""The waiting exchanges of a thread: restored, held, resumed, put first. In virtual time."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from pool.agent_lease import FAIR_SECONDS
from pool.conversation import FAILED_STARTS, Conversation
from pool.conversation_context import CancelResult, ConversationState
from pool.exchange import Cancelled, Completed, Dropped, TakenBack
from pool.journal.message_states import MessageState as Row
from tests.support.memory_agent import MemoryAgent
from tests.support.virtual_time import elapse, quiet

from .pool_harness import RunningPool, every, only, prompt_text, running_pool
from .recording_exchange import Recorder

A_PERSON = 42
TEN_MINUTES = 600.0


def restored(it: RunningPool, *message_ids: int, held: bool, seconds: float | None = None) -> list[Recorder]:
    """Restore exchanges of thread 1 that an earlier run received; each says its number."""
    exchanges = [it.receive(1, Recorder(number, text=str(number))) for number in message_ids]
    it.pool.restore(1, exchanges, held=held, seconds=seconds)
    return exchanges


async def prompts(agent: MemoryAgent, count: int) -> list[str]:
    """Answer this many prompts, one after the other, and return their texts."""
    said = []
    for _ in range(count):
        prompt = await agent.expect("session/prompt")
        said.append(prompt_text(prompt))
        agent.end_turn(prompt)
    return said


# ---- after a restart


async def test_restored_exchanges_are_answered_first_and_in_order(tmp_path: Path) -> None:
    """Also if the inbox has a new one already."""
    async with running_pool(tmp_path) as it:
        it.say(1, 20, text="new")
        restored(it, 10, 11, held=False)
        assert await prompts(await it.factory.agent(1), 3) == ["10", "11", "new"]
        assert not it.conversation(1).held


async def test_exchanges_behind_an_interrupted_turn_run_after_their_time(tmp_path: Path) -> None:
    """No agent is started before."""
    async with running_pool(tmp_path, obedient=True) as it:
        exchanges = restored(it, 10, 11, held=True, seconds=TEN_MINUTES)
        await elapse(TEN_MINUTES - 1)
        assert repr(it.conversation(1)) == "<1 asleep, 2 held>"
        assert it.factory.agents == []
        assert it.row(10) is Row.RECEIVED
        for exchange in exchanges:
            assert await exchange.end() == Completed("end_turn")


async def test_a_persons_hold_outlasts_a_restart(tmp_path: Path) -> None:
    """It ends when a person resumes it, and not by time; the rows say so."""
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


async def test_restoring_no_exchange_holds_no_later_one(tmp_path: Path) -> None:
    """An interrupted turn with an empty inbox does not delay the next message."""
    async with running_pool(tmp_path, obedient=True) as it:
        restored(it, held=True, seconds=TEN_MINUTES)
        await quiet()
        assert it.pool.conversation(1) is None
        await it.answered(1, 10)


async def test_the_next_message_resumes_the_restored_ones_before_it(tmp_path: Path) -> None:
    """Immediately."""
    async with running_pool(tmp_path) as it:
        restored(it, 10, 11, held=True, seconds=TEN_MINUTES)
        it.say(1, 20, text="new")
        assert await prompts(await it.factory.agent(1), 3) == ["10", "11", "new"]


async def test_the_time_limit_of_a_dropped_hold_does_not_end_a_later_one(tmp_path: Path) -> None:
    """A later cancel holds without a time limit."""
    async with running_pool(tmp_path) as it:
        exchanges = restored(it, 10, 11, held=True, seconds=TEN_MINUTES)
        assert it.conversation(1).drop() == 2
        assert [exchange.ending for exchange in exchanges] == [Dropped(), Dropped()]
        assert [it.row(10), it.row(11)] == [Row.CLOSED, Row.CLOSED]
        await it.hang(1, 12)
        it.say(1, 13)
        it.conversation(1).cancel(A_PERSON)
        await elapse(TEN_MINUTES + 1)
        assert it.row(13) is Row.HELD


async def test_a_cancel_makes_a_temporary_hold_permanent(tmp_path: Path) -> None:
    """Only a person ends it, also after the next restart."""
    async with running_pool(tmp_path, obedient=True) as it:
        (exchange,) = restored(it, 10, held=True, seconds=TEN_MINUTES)
        assert it.conversation(1).held_until is not None
        assert it.conversation(1).cancel(A_PERSON) == CancelResult(stopped=False, held=1)
        assert it.row(10) is Row.HELD
        assert it.conversation(1).held_until is None
        await elapse(TEN_MINUTES + 1)
        assert repr(it.conversation(1)) == "<1 asleep, 1 held>"
        it.conversation(1).resume()
        assert await exchange.end() == Completed("end_turn")


async def test_an_exchange_behind_a_choice_waits_for_it(tmp_path: Path) -> None:
    """As long as the others that wait; alone for its own time, or until the next message."""
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


async def test_an_exchange_behind_a_choice_joins_a_persons_hold(tmp_path: Path) -> None:
    """Time does not end a person's hold."""
    async with running_pool(tmp_path, obedient=True) as it:
        restored(it, 10, held=True, seconds=None)
        it.pool.wait(1, it.receive(1, Recorder(11)), TEN_MINUTES)
        await elapse(TEN_MINUTES + 1)
        assert repr(it.conversation(1)) == "<1 asleep, 2 held>"
        assert it.factory.agents == []


async def test_a_request_that_is_sent_again_runs_before_all_others(tmp_path: Path) -> None:
    """A person chose Retry: the exchanges behind it are no longer held."""
    async with running_pool(tmp_path) as it:
        restored(it, 10, 11, held=True, seconds=TEN_MINUTES)
        it.pool.go_first(1, it.receive(1, Recorder(9, text="again")))
        assert await prompts(await it.factory.agent(1), 3) == ["again", "10", "11"]


async def test_a_request_that_goes_first_does_not_overtake_the_current_one(tmp_path: Path) -> None:
    """It is the next one, and `on_queue` is called."""
    seen: list[int] = []
    async with running_pool(tmp_path, on_queue=lambda conversation: seen.append(conversation.waiting)) as it:
        _, agent, prompt = await it.prompted(10, text="running")
        it.say(1, 11, text="waiting")
        seen.clear()
        it.pool.go_first(1, it.receive(1, Recorder(9, text="again")))
        assert seen == [2]
        agent.end_turn(prompt)
        assert await prompts(agent, 2) == ["again", "waiting"]


async def test_a_stopping_pool_accepts_no_exchange(tmp_path: Path) -> None:
    """The rows stay as they are, for the next start."""
    async with running_pool(tmp_path) as it:
        await it.pool.__aexit__()
        (exchange,) = restored(it, 10, held=False)
        it.pool.wait(1, it.receive(1, Recorder(8)), TEN_MINUTES)
        it.pool.go_first(1, it.receive(1, Recorder(9)))
        assert exchange.told == []
        assert [it.row(number) for number in (8, 9, 10)] == [Row.RECEIVED] * 3
        assert it.factory.agents == []


async def test_an_inbox_that_failed_starts_hold_is_tried_as_often_again(tmp_path: Path) -> None:
    """A resume begins a new count; a resume without a hold does not."""
    async with running_pool(tmp_path, every(manual={"initialize"})) as it:
        for number in range(10, 10 + FAILED_STARTS + 1):
            it.say(1, number)
        for number in range(1, FAILED_STARTS + 1):
            it.conversation(1).resume()  # Without a hold it begins no new count.
            (await it.factory.agent(number)).die(1)
            await quiet()
        assert it.conversation(1).held


# ---- close


async def test_closing_an_idle_thread_stops_its_agent_and_keeps_its_session(tmp_path: Path) -> None:
    """The next message wakes it, and its agent then stays."""
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
    """Whether or not its session can be loaded: a person wanted it. The inbox is held until they resume it."""
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
    """It has no agent to stop, and its later agent is not stopped for that."""
    async with running_pool(tmp_path, slots=1, obedient=True) as it:
        await it.hang(1, 10)
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


async def test_closing_a_thread_that_starts_stops_the_agent_after_its_start(tmp_path: Path) -> None:
    """But not the agent of the next message."""
    async with running_pool(tmp_path, only(1, manual={"session/new"}), obedient=True) as it:
        it.say(1, 10)
        agent, request = await it.request(1, "session/new")
        it.conversation(1).close(A_PERSON)
        agent.reply(request, {"sessionId": "s"})
        await quiet()
        assert agent.stopped
        await it.answered(1, 11)
        await quiet()
        assert it.conversation(1).lease.state is ConversationState.IDLE


async def test_a_message_in_the_step_of_a_close_wakes_the_thread_again(tmp_path: Path) -> None:
    """It waits for the stop, is answered, and its agent is not stopped for the earlier close."""
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


async def test_a_preempted_conversation_sleeps_after_its_turn_and_rejoins_the_line(tmp_path: Path) -> None:
    """At the end of the line; its session is kept, and its inbox runs later, in order."""
    async with running_pool(tmp_path, slots=1) as it:
        first, second = it.say(1, 10), it.say(1, 11)
        agent, prompt = await it.request(1, "session/prompt")
        other = it.say(2, 20)
        await other.until("waiting 1")
        it.conversation(1).preempt()
        agent.end_turn(prompt)
        await first.end()
        agent, prompt = await it.request(2, "session/prompt")
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
    """Its question is rejected all the same; it sleeps only after its idle time."""
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
async def test_a_release_without_an_agent_stops_no_later_one(
    tmp_path: Path, release: Callable[[Conversation], object]
) -> None:
    """The thread keeps the agent of its next turn."""
    async with running_pool(tmp_path, obedient=True) as it:
        (exchange,) = restored(it, 10, held=True)
        release(it.conversation(1))
        it.conversation(1).resume()
        await exchange.end()
        await quiet()
        assert it.conversation(1).lease.state is ConversationState.IDLE


# ---- taken together, sent now, taken back


async def test_exchanges_that_belong_together_are_merged(tmp_path: Path) -> None:
    """They share a prompt, and their rows move together; others have their own prompt."""
    async with running_pool(tmp_path) as it:
        _, agent, prompt = await it.prompted(10, text="running")
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


async def test_send_now_ends_the_turn_and_runs_its_exchange_alone(tmp_path: Path) -> None:
    """After the response, not before it; the held ones run behind it."""
    async with running_pool(tmp_path) as it:
        first, agent, prompt = await it.prompted(10, text="running")
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


async def test_steering_messages_run_before_the_waiting_ones_and_are_merged(tmp_path: Path) -> None:
    """In their own order, behind an exchange that was sent now; the turn is cancelled once."""
    async with running_pool(tmp_path) as it:
        _, agent, prompt = await it.prompted(10, text="running")
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


async def test_send_now_without_a_running_turn_runs_its_exchange_next(tmp_path: Path) -> None:
    """Held or not; no turn is cancelled."""
    async with running_pool(tmp_path) as it:
        restored(it, 10, 11, held=True)
        conversation = it.conversation(1)
        conversation.send_now(conversation.queue[1], A_PERSON)
        assert await prompts(await it.factory.agent(1), 2) == ["11", "10"]


async def test_steering_without_a_running_turn_cancels_none(tmp_path: Path) -> None:
    """Before the agent is started, or when its turn has just ended."""
    async with running_pool(tmp_path) as it:
        for number in (10, 11):
            it.say(1, number, text=str(number))
        conversation = it.conversation(1)
        conversation.steer(conversation.queue[-1], A_PERSON)
        agent = await it.factory.agent(1)
        assert await prompts(agent, 2) == ["11", "10"]
        assert agent.methods().count("session/cancel") == 0


async def test_a_waiting_exchange_can_be_withdrawn(tmp_path: Path) -> None:
    """Its row says why, and the others run; a temporary hold ends with its last exchange."""
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
async def test_an_emptied_inbox_holds_no_later_exchange(
    tmp_path: Path, take_back: Callable[[Conversation, Recorder], object]
) -> None:
    """The hold belongs to the exchanges, and ends with the last of them."""
    async with running_pool(tmp_path, obedient=True) as it:
        await it.answered(1, 9)
        (exchange,) = restored(it, 10, held=True)
        assert it.conversation(1).held
        take_back(it.conversation(1), exchange)
        assert not it.conversation(1).held
        (later,) = restored(it, 11, held=False)
        assert await later.end() == Completed("end_turn")


async def test_a_message_can_be_withdrawn_until_its_prompt_is_sent(tmp_path: Path) -> None:
    """In line, starting or fetching. Later it is not found."""
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


async def test_a_message_that_gets_no_thread_moves_to_another_conversation(tmp_path: Path) -> None:
    """Its agent is stopped; the other conversation runs it, and no call is made twice."""
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


async def test_an_exchange_is_retried_alone(tmp_path: Path) -> None:
    """The second try is the last, so newer messages are not merged into it."""
    fetched = asyncio.Event()
    async with running_pool(tmp_path) as it:
        exchange = it.say(1, 10, Recorder(10, text="10", fetched=fetched, joins=True))
        await exchange.until("blocks")
        it.say(1, 11, Recorder(11, text="11", joins=True))
        it.factory.agents[0].die(1)
        fetched.set()
        assert await prompts(await it.factory.agent(2), 2) == ["10", "11"]


async def test_every_change_of_the_inbox_is_announced(tmp_path: Path) -> None:
    """New, current, held, resumed and dropped exchanges."""
    seen: list[tuple[int, bool]] = []

    def look(conversation: Conversation) -> None:
        if not seen or seen[-1] != (conversation.waiting, conversation.held):
            seen.append((conversation.waiting, conversation.held))

    async with running_pool(tmp_path, on_queue=look) as it:
        _, agent, prompt = await it.prompted(10, text="running")
        it.say(1, 11)
        it.say(1, 12)
        it.conversation(1).cancel(A_PERSON)
        it.conversation(1).resume()
        it.conversation(1).drop()
        agent.end_turn(prompt, "cancelled")
        await quiet()
        assert seen == [(1, False), (0, False), (1, False), (2, False), (2, True), (2, False), (0, False)]


async def test_the_additional_directories_of_a_session_exist_when_it_is_opened(tmp_path: Path) -> None:
    """With access for the bot's user only."""
    async with running_pool(tmp_path, every(capabilities={"sessionCapabilities": {"additionalDirectories": {}}})) as it:
        it.say(1, 10)
        opened = await (await it.factory.agent(1)).expect("session/new")
        assert opened["params"]["additionalDirectories"] == [str(tmp_path / "files")]
        assert (tmp_path / "files").stat().st_mode & 0o077 == 0
