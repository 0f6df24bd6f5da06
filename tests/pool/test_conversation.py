"""One conversation: its states, its order and its end, in virtual time with agents in memory."""

import asyncio
import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from pydantic import BaseModel
from structlog.testing import capture_logs

from acp import AgentClosed, AuthRequired, Event, RequestTimeout, SpawnFailed, StartProblem, Text
from acp.connection import LAST_WORDS_SECONDS
from acp.schema import ImageBlock, PromptCapabilities
from acp.timeouts import CANCEL_SECONDS, CLOSE_SECONDS
from pool.conversation import FAILED_STARTS
from pool.conversation_context import CancelResult, ConversationState
from pool.exchange import Cancelled, Completed, Dropped, ExchangeFailed, ExchangeRefused, Failed, ShutDown
from pool.inbox import SLICE
from pool.journal.message_states import MessageState as Row
from pool.session_setup import MODE, TITLE
from tests.pool.journals import LARGE, no_room
from tests.support.memory_agent import Json, MemoryAgent
from tests.support.virtual_time import elapse, quiet, step

from .pool_harness import AN_HOUR, MODES, every, only, prompt_text, running_pool
from .recording_exchange import Recorder

A_PERSON = 42


# ---- states


async def test_a_message_goes_from_sleep_to_work_and_back_to_idle(tmp_path: Path) -> None:
    """Every state of the status line on the way of one message, and all calls to the exchange."""
    async with running_pool(tmp_path, every(manual={"session/new"})) as it:
        exchange = it.say(1, 10)
        conversation = it.conversation(1)
        assert repr(conversation) == "<1 asleep, 1 waiting>"
        agent, request = await it.request(1, "session/new")
        assert repr(conversation) == "<1 starting>"
        agent.reply(request, {"sessionId": "s", "modes": MODES})
        prompt = await agent.expect("session/prompt")
        assert repr(conversation) == "<1 working>"
        assert it.row(10) is Row.PROMPTED
        it.say(1, 11)
        assert repr(conversation) == "<1 working, 1 waiting>"
        assert conversation.waiting == 1
        conversation.drop()
        agent.text("s", "good ")
        agent.text("s", "morning")
        agent.end_turn(prompt)
        assert await exchange.end() == Completed("end_turn")
        await quiet()
        assert repr(conversation) == "<1 idle>"
        assert exchange.told == ["starting", "waiting 0", "blocks", "prompted", "good ", "morning", "ended"]
        assert it.row(10) is Row.FINISHED
        assert it.journal.messages.pages(10) == ["good morning"]


async def test_an_idle_thread_sends_a_prompt_without_a_wait(tmp_path: Path) -> None:
    """No time passes between the message and its prompt, and no agent is said to be started."""
    async with running_pool(tmp_path, obedient=True) as it:
        assert not (await it.answered(1, 10)).found_awake
        await quiet()
        assert it.conversation(1).lease.state is ConversationState.IDLE
        now = asyncio.get_running_loop().time()
        assert (await it.answered(1, 11)).found_awake
        assert asyncio.get_running_loop().time() == now


async def test_a_linked_file_is_read_before_the_next_event(tmp_path: Path) -> None:
    """Other threads do not wait for that, and the turn ends after all its events."""
    async with running_pool(tmp_path, obedient=True) as it:
        exchange = Recorder(10, text="first")
        exchange.links = asyncio.Event()
        it.say(1, 10, exchange)
        await exchange.until("first")
        await it.answered(2, 20)
        await quiet()
        assert not exchange.endings
        exchange.links.set()
        assert await exchange.end() == Completed("end_turn")


async def test_messages_of_a_thread_reach_the_agent_in_order_and_one_at_a_time(tmp_path: Path) -> None:
    """However long the first one's files take, two prompts are never in flight."""
    async with running_pool(tmp_path) as it:
        fetched = asyncio.Event()
        exchanges = [it.say(1, 10, Recorder(10, text="first", fetched=fetched))]
        exchanges += [it.say(1, number, text=text) for number, text in ((11, "second"), (12, "third"))]
        agent = await it.factory.agent(1)
        await quiet()
        assert "session/prompt" not in agent.methods()
        fetched.set()
        for exchange, text in zip(exchanges, ("first", "second", "third"), strict=True):
            prompt = await agent.expect("session/prompt")
            await quiet()
            assert agent.methods()[-1] == "session/prompt"
            assert prompt_text(prompt) == text
            assert not exchange.endings
            agent.end_turn(prompt)
            assert await exchange.end() == Completed("end_turn")
        assert agent.methods().count("session/prompt") == 3
        assert len(it.factory.agents) == 1


async def test_an_exchange_of_several_messages_moves_all_its_rows(tmp_path: Path) -> None:
    """They are prompted, finished and closed together."""
    async with running_pool(tmp_path) as it:
        exchange = it.say(1, 10, Recorder(10, 11))
        dropped = it.say(1, 12, Recorder(12, 13))
        prompt = await (await it.factory.agent(1)).expect("session/prompt")
        assert [it.row(10), it.row(11)] == [Row.PROMPTED, Row.PROMPTED]
        assert it.conversation(1).cancel(A_PERSON).held == 1
        assert [it.row(12), it.row(13)] == [Row.HELD, Row.HELD]
        it.conversation(1).drop()
        assert [it.row(12), it.row(13)] == [Row.CLOSED, Row.CLOSED]
        assert dropped.ending == Dropped()
        it.factory.agents[0].end_turn(prompt, "cancelled")
        await exchange.end()
        assert [it.row(10), it.row(11)] == [Row.FINISHED, Row.FINISHED]


# ---- going to sleep


async def test_an_idle_agent_goes_to_sleep_and_the_next_message_loads_its_session(tmp_path: Path) -> None:
    """The process ends after the idle time; the session stays."""
    async with running_pool(tmp_path, idle_seconds=AN_HOUR, obedient=True) as it:
        await it.answered(1, 10)
        await elapse(AN_HOUR - 1)
        assert it.conversation(1).lease.state is ConversationState.IDLE
        await elapse(2)
        assert it.pool.conversation(1) is None
        assert it.factory.alive == 0
        exchange = await it.answered(1, 11)
        assert exchange.told == ["starting", "waiting 0", "blocks", "prompted", "hello", "ended"]
        assert "session/new" not in it.factory.agents[1].methods()
        assert it.journal.threads.session_id(1) == "agent1-1"


async def test_a_message_while_the_agent_stops_waits_for_the_stop_and_then_wakes_it(tmp_path: Path) -> None:
    """It is neither lost nor given to the stopping process, and two processes never overlap."""
    stops = asyncio.Event()
    async with running_pool(tmp_path, only(1, stops=stops), slots=1, idle_seconds=60, obedient=True) as it:
        await it.answered(1, 10)
        await elapse(61)
        conversation = it.conversation(1)
        assert repr(conversation) == "<1 stopping>"
        exchange = it.say(1, 11)
        await quiet()
        assert repr(conversation) == "<1 stopping, 1 waiting>"
        assert len(it.factory.agents) == 1
        stops.set()
        assert await exchange.end() == Completed("end_turn")
        assert it.conversation(1) is conversation
        assert it.factory.most == 1


async def test_a_message_in_the_same_step_as_the_end_of_the_idle_time_keeps_the_agent(tmp_path: Path) -> None:
    """The check and the change to stopping have no await between them."""
    async with running_pool(tmp_path, idle_seconds=60, obedient=True) as it:
        await it.answered(1, 10)
        await quiet()
        loop = asyncio.get_running_loop()
        exchange = Recorder(11)
        loop.call_at(it.conversation(1).lease.idle_since + 60, lambda: it.say(1, 11, exchange))
        await exchange.end()
        assert len(it.factory.agents) == 1


async def test_an_agent_that_cannot_load_sleeps_only_after_its_idle_time_and_the_thread_is_told(tmp_path: Path) -> None:
    """Its slot is not taken from it; the loss is shown before the answer, and the new id is kept."""
    async with running_pool(tmp_path, every(capabilities={}), slots=1, idle_seconds=60, obedient=True) as it:
        await it.answered(1, 10)
        await quiet()
        assert not it.conversation(1).lease.evictable
        newcomer = it.say(2, 20)
        await elapse(59)
        assert newcomer.told == ["starting", "waiting 1"]
        await newcomer.end()
        exchange = await it.answered(1, 11)
        assert exchange.told[1:] == ["waiting 1", "waiting 0", "FORGOTTEN", "blocks", "prompted", "hello", "ended"]
        assert it.journal.threads.session_id(1) == "agent3-1"


async def test_an_idle_agent_that_dies_is_replaced_on_the_next_message(tmp_path: Path) -> None:
    """Its death is not shown; the new agent loads its session."""
    async with running_pool(tmp_path, slots=1, obedient=True) as it:
        await it.answered(1, 10)
        await quiet()
        it.factory.agents[0].die(1)
        await quiet()
        assert it.pool.conversation(1) is None
        assert it.factory.alive == 0
        exchange = await it.answered(1, 11)
        assert exchange.ending == Completed("end_turn")
        assert it.journal.threads.session_id(1) == "agent1-1"


# ---- agents that die


async def test_an_agent_that_dies_before_it_got_a_byte_is_replaced_once(tmp_path: Path) -> None:
    """The prompt goes to a new agent, before the waiting ones, and is answered once."""
    fetched = asyncio.Event()
    async with running_pool(tmp_path, slots=1) as it:
        exchange = it.say(1, 10, Recorder(10, text="first", fetched=fetched))
        second = it.say(1, 11, text="second")
        await exchange.until("blocks")
        it.factory.agents[0].die(1)
        fetched.set()
        agent = await it.factory.agent(2)
        row = it.journal.messages.row(10)
        assert row is not None
        assert (row.state, row.prompt) == (Row.RECEIVED, None)  # A kill at this point does not interrupt it.
        for text, recorder in (("first", exchange), ("second", second)):
            prompt = await agent.expect("session/prompt")
            assert prompt_text(prompt) == text
            agent.end_turn(prompt)
            assert await recorder.end() == Completed("end_turn")
        assert it.row(10) is Row.FINISHED
        assert it.factory.most == 1


async def test_a_prompt_that_two_agents_could_not_be_given_fails(tmp_path: Path) -> None:
    """The reason of the second death is shown; the next message is answered."""
    async with running_pool(tmp_path, slots=1) as it:
        gates = asyncio.Event(), asyncio.Event()
        exchange = it.say(1, 10, Recorder(10, fetched=gates[0]))
        await exchange.until("blocks")
        it.factory.agents[0].die(1)
        gates[0].set()
        exchange._fetched = gates[1]
        agent = await it.factory.agent(2)
        await quiet()
        assert exchange.told.count("blocks") == 2
        assert it.row(10) is Row.RECEIVED
        agent.die(9)
        gates[1].set()
        await exchange.end()
        assert isinstance(exchange.error, AgentClosed)
        assert it.row(10) is Row.CLOSED
        second = it.say(1, 11)
        third_agent = await it.factory.agent(3)
        third_agent.end_turn(await third_agent.expect("session/prompt"))
        assert await second.end() == Completed("end_turn")


async def test_a_cancel_while_a_dead_agent_is_replaced_holds_the_message(tmp_path: Path) -> None:
    """It is sent only after a person resumes the inbox."""
    stops = asyncio.Event()
    fetched = asyncio.Event()
    async with running_pool(tmp_path, only(1, stops=stops), obedient=True) as it:
        exchange = it.say(1, 10, Recorder(10, fetched=fetched))
        await exchange.until("blocks")
        it.factory.agents[0].die(1)
        fetched.set()
        await quiet()
        assert it.conversation(1).cancel(A_PERSON) == CancelResult(stopped=False, held=1)
        stops.set()
        await quiet()
        assert repr(it.conversation(1)) == "<1 asleep, 1 held>"
        assert len(it.factory.agents) == 1
        it.conversation(1).resume()
        assert await exchange.end() == Completed("end_turn")


async def test_a_cancel_while_a_dead_agents_stderr_is_read_ends_the_exchange(tmp_path: Path) -> None:
    """The message is not retried, and no error is logged."""
    fetched = asyncio.Event()
    async with running_pool(tmp_path) as it:
        exchange = it.say(1, 10, Recorder(10, fetched=fetched))
        await exchange.until("blocks")
        agent = it.factory.agents[0]
        agent.pause_reading()  # Its end is not seen yet.
        agent.die(1)
        fetched.set()
        await quiet()
        assert it.row(10) is Row.PROMPTED
        with capture_logs() as logs:
            assert it.conversation(1).cancel(A_PERSON) == CancelResult(stopped=True, held=0)
            await elapse(LAST_WORDS_SECONDS)
            await quiet()
        assert exchange.ending == Cancelled(A_PERSON)
        assert it.row(10) is Row.CLOSED
        assert [line for line in logs if line["log_level"] == "error"] == []
        assert it.pool.conversation(1) is None
        assert len(it.factory.agents) == 1


async def test_an_agent_that_dies_in_a_turn_ends_that_exchange_only(tmp_path: Path) -> None:
    """Its text stays, the reason is shown, and a new agent answers the message behind it."""
    async with running_pool(tmp_path, obedient=True) as it:
        exchange = it.say(1, 10, text="die")
        second = it.say(1, 11)
        await exchange.end()
        assert str(exchange.error) == "process ended (exit status 3)\nout of memory"
        assert exchange.text == "I feel "
        assert it.row(10) is Row.FINISHED
        assert it.journal.messages.pages(10) == ["I feel "]
        assert await second.end() == Completed("end_turn")
        assert second.told[:3] == ["starting", "waiting 0", "blocks"]
        assert it.journal.threads.session_id(1) == "agent1-1"


async def test_an_agent_that_refuses_a_prompt_ends_that_exchange_only(tmp_path: Path) -> None:
    """Its error is shown in full, and the same agent gets the next message."""
    async with running_pool(tmp_path) as it:
        exchange = it.say(1, 10)
        second = it.say(1, 11)
        agent = await it.factory.agent(1)
        agent.fail(await agent.expect("session/prompt"), -32603, "Internal error", "quota used up")
        await exchange.end()
        assert str(exchange.error) == "session/prompt failed with -32603 Internal error: quota used up"
        await it.finish(agent, second)
        assert len(it.factory.agents) == 1


async def test_a_prompt_that_the_agent_cannot_take_ends_that_exchange_only(tmp_path: Path) -> None:
    """An image for an agent without that capability: the prompt is not sent, and the next message is answered."""

    class Picture(Recorder):
        async def blocks(self, capabilities: PromptCapabilities) -> Sequence[BaseModel]:
            return [*await super().blocks(capabilities), ImageBlock(data="", mime_type="image/png")]

    async with running_pool(tmp_path, obedient=True) as it:
        exchange = it.say(1, 10, Picture(10))
        assert str(await exchange.failure()) == "not supported: images"
        assert it.row(10) is Row.CLOSED
        assert (await it.answered(1, 11)).ending == Completed("end_turn")
        assert len(it.factory.agents) == 1


async def test_an_agent_that_needs_a_login_is_restarted_for_the_next_message(tmp_path: Path) -> None:
    """Only a new process reads a new login; the session is loaded."""
    async with running_pool(tmp_path) as it:
        exchange = it.say(1, 10)
        agent = await it.factory.agent(1)
        agent.fail(await agent.expect("session/prompt"), -32000, "Authentication required")
        assert isinstance(await exchange.failure(), AuthRequired)
        second = it.say(1, 11)
        agent = await it.factory.agent(2)
        await it.finish(agent, second)
        assert it.factory.most == 1
        assert it.journal.threads.session_id(1) == "agent1-1"


# ---- rights that were lost while something waited


async def test_an_author_without_the_right_to_ask_is_refused_before_an_agent_starts(tmp_path: Path) -> None:
    """The row is closed as refused, and the next message is answered."""
    async with running_pool(tmp_path, obedient=True) as it:
        banned = Recorder(10)
        banned.banned = True
        it.say(1, 10, banned)
        await banned.end()
        assert isinstance(banned.error, ExchangeRefused)
        row = it.journal.messages.row(10)
        assert row is not None
        assert (row.state, row.reason) == (Row.CLOSED, "refused")
        await quiet()
        assert it.factory.agents == []
        assert (await it.answered(1, 11)).ending == Completed("end_turn")


async def test_the_right_to_ask_is_checked_last_before_the_prompt(tmp_path: Path) -> None:
    """It may be lost while files are fetched. The agent then gets no prompt, and stays for the next message."""
    fetched = asyncio.Event()
    async with running_pool(tmp_path, obedient=True) as it:
        banned = it.say(1, 10, Recorder(10, fetched=fetched))
        second = it.say(1, 11)
        await banned.until("blocks")
        banned.banned = True
        fetched.set()
        assert isinstance(await banned.failure(), ExchangeRefused)
        assert await second.end() == Completed("end_turn")
        assert it.factory.agents[0].methods().count("session/prompt") == 1


async def test_an_exchange_that_waits_for_the_check_of_its_right_is_cancelled_immediately(tmp_path: Path) -> None:
    """However long Discord takes to return the roles; the next message does not wait for it."""
    async with running_pool(tmp_path, obedient=True) as it:
        asked = Recorder(10)
        asked.asked = asyncio.Event()
        it.say(1, 10, asked)
        await asked.until("starting")
        await quiet()
        assert it.conversation(1).cancel(A_PERSON) == CancelResult(stopped=True, held=0)
        assert asked.ending == Cancelled(A_PERSON)
        assert (await it.answered(1, 11)).ending == Completed("end_turn")


async def test_an_agent_is_not_evicted_while_a_right_is_checked(tmp_path: Path) -> None:
    """It is idle, but its thread has a current exchange: the other thread waits."""
    async with running_pool(tmp_path, slots=1, obedient=True) as it:
        await it.answered(1, 10)
        asked = Recorder(11)
        asked.asked = asyncio.Event()
        it.say(1, 11, asked)
        other = it.say(2, 20)
        await quiet()
        assert repr(it.conversation(1)) == "<1 starting>"
        assert len(it.factory.agents) == 1
        asked.asked.set()
        assert await asked.end() == Completed("end_turn")
        assert await other.end() == Completed("end_turn")


# ---- cancel


async def test_a_cancel_ends_the_running_turn_and_holds_the_inbox(tmp_path: Path) -> None:
    """The held messages run in order after a person resumes them."""
    async with running_pool(tmp_path, obedient=True) as it:
        exchange = it.say(1, 10, text="hang")
        held = [it.say(1, number, text=f"message {number}") for number in (11, 12)]
        await exchange.until("prompted")
        assert it.conversation(1).cancel(A_PERSON) == CancelResult(stopped=True, held=2)
        assert await exchange.end() == Cancelled(A_PERSON, "cancelled")
        await quiet()
        assert repr(it.conversation(1)) == "<1 idle, 2 held>"
        assert [it.row(11), it.row(12)] == [Row.HELD, Row.HELD]
        assert all(recorder.told == [] for recorder in held)
        it.conversation(1).resume()
        assert it.row(12) is Row.RECEIVED
        for recorder in held:
            assert await recorder.end() == Completed("end_turn")
        assert it.factory.agents[0].methods().count("session/prompt") == 3


async def test_the_next_message_resumes_the_held_ones_before_it(tmp_path: Path) -> None:
    """Earlier messages are neither lost nor overtaken."""
    async with running_pool(tmp_path) as it:
        exchange, agent, prompt = await it.prompted(10)
        it.say(1, 11, text="held")
        it.conversation(1).cancel(A_PERSON)
        agent.end_turn(prompt, "cancelled")
        await exchange.end()
        it.say(1, 12, text="new")
        assert [it.row(11), it.row(12)] == [Row.RECEIVED, Row.RECEIVED]
        for text in ("held", "new"):
            prompt = await agent.expect("session/prompt")
            assert prompt_text(prompt) == text
            agent.end_turn(prompt)


@pytest.mark.parametrize(("way", "reason"), [("drop", "dropped"), ("thread_deleted", "gone")])
async def test_very_many_are_closed_a_few_at_a_time(tmp_path: Path, way: str, reason: str) -> None:
    """Other threads get their turn; a new message runs, and a failing end keeps no other exchange open."""
    async with running_pool(tmp_path, obedient=True) as it:
        first = await it.hang(1, 1)
        broken = Recorder(2, breaks=RuntimeError("broken"))
        it.say(1, 2, broken)
        held = [it.say(1, message_id) for message_id in range(3, 3 + 3 * SLICE)]
        it.conversation(1).cancel(A_PERSON)
        await first.end()
        with pytest.raises(RuntimeError, match="broken"):
            getattr(it.conversation(1), way)()
        assert (it.conversation(1).waiting, it.row(2)) == (0, "closed")
        assert not any(each.endings for each in held)
        await step()
        assert sum(bool(each.endings) for each in held) == SLICE
        last = it.say(1, 1_000)
        await last.end()
        assert [each.endings for each in held] == [[Dropped()]] * len(held)
        rows = [it.journal.messages.row(message_id) for message_id in range(3, 3 + len(held))]
        assert {None if row is None else row.reason for row in rows} == {reason}


async def test_a_stop_closes_the_rest_of_a_dropped_inbox(tmp_path: Path) -> None:
    """The next start finds none of these rows."""
    async with running_pool(tmp_path, obedient=True) as it:
        first = await it.hang(1, 1)
        held = [it.say(1, message_id) for message_id in range(2, 2 + 20 * SLICE)]
        it.conversation(1).cancel(A_PERSON)
        await first.end()
        it.conversation(1).drop()
        await it.pool.__aexit__()
        assert [each.endings for each in held] == [[Dropped()]] * len(held)
        assert {it.row(message_id) for message_id in range(2, 2 + len(held))} == {"closed"}


async def test_a_conversation_lives_until_its_dropped_inbox_is_closed(tmp_path: Path) -> None:
    """Also without an agent."""
    async with running_pool(tmp_path, obedient=True) as it:
        held = [it.receive(1, Recorder(message_id)) for message_id in range(1, 1 + 20 * SLICE)]
        it.pool.restore(1, held, held=True)
        await quiet()
        it.conversation(1).drop()
        await step()
        assert it.pool.conversation(1) is not None
        await quiet()
        assert it.pool.conversation(1) is None
        assert [each.endings for each in held] == [[Dropped()]] * len(held)


async def test_dropping_a_held_inbox_closes_it(tmp_path: Path) -> None:
    """Each row and exchange ends, and the next message is answered."""
    async with running_pool(tmp_path, obedient=True) as it:
        exchange = it.say(1, 10, text="hang")
        held = [it.say(1, 11), it.say(1, 12)]
        await exchange.until("prompted")
        it.conversation(1).cancel(A_PERSON)
        await exchange.end()
        assert it.conversation(1).drop() == 2
        assert [recorder.ending for recorder in held] == [Dropped(), Dropped()]
        assert [it.row(11), it.row(12)] == [Row.CLOSED, Row.CLOSED]
        assert it.conversation(1).drop() == 0
        assert repr(it.conversation(1)) == "<1 idle>"
        await it.answered(1, 13)


async def test_a_second_cancel_has_no_effect(tmp_path: Path) -> None:
    """One session/cancel is sent, and the first person is named."""
    async with running_pool(tmp_path) as it:
        exchange, agent, prompt = await it.prompted(10)
        assert it.conversation(1).cancel(A_PERSON) == CancelResult(stopped=True, held=0)
        assert it.conversation(1).cancel(43) == CancelResult(stopped=True, held=0)
        agent.end_turn(prompt, "cancelled")
        assert await exchange.end() == Cancelled(A_PERSON, "cancelled")
        assert agent.methods().count("session/cancel") == 1
        assert it.conversation(1).cancel(A_PERSON) == CancelResult(stopped=False, held=0)


async def test_a_cancel_at_the_moment_of_the_response_does_not_cancel_the_turn(tmp_path: Path) -> None:
    """The turn has completed; the inbox is held all the same."""
    async with running_pool(tmp_path) as it:
        exchange, agent, prompt = await it.prompted(10)
        it.say(1, 11)
        done: list[tuple[bool, CancelResult]] = []

        def cancel() -> None:
            running = it.conversation(1).running
            done.append((running is not None and running.turn.ended, it.conversation(1).cancel(A_PERSON)))

        agent.end_turn(prompt)
        # After the response is dispatched, before the conversation's task wakes up.
        asyncio.get_running_loop().call_soon(cancel)
        assert await exchange.end() == Completed("end_turn")
        assert done == [(True, CancelResult(stopped=False, held=1))]
        await quiet()
        assert repr(it.conversation(1)) == "<1 idle, 1 held>"
        assert "session/cancel" not in agent.methods()


async def test_a_cancel_right_after_a_turn_stops_no_exchange(tmp_path: Path) -> None:
    """There is no current exchange in the step in which one ends."""
    async with running_pool(tmp_path, obedient=True) as it:
        await it.answered(1, 10)
        assert it.conversation(1).cancel(A_PERSON) == CancelResult(stopped=False, held=0)


async def test_an_agent_that_ignores_a_cancel_loses_its_connection(tmp_path: Path) -> None:
    """After the grace period the turn ends and the agent is stopped, so that the next prompt cannot overlap it."""
    async with running_pool(tmp_path, slots=1) as it:
        exchange = it.say(1, 10)
        await exchange.until("prompted")
        began = asyncio.get_running_loop().time()
        it.conversation(1).cancel(A_PERSON)
        ending = await exchange.end()
        assert asyncio.get_running_loop().time() - began == pytest.approx(CANCEL_SECONDS)
        assert isinstance(ending, Failed)
        assert ending.cancelled_by == A_PERSON
        assert isinstance(ending.error, AgentClosed)
        second = it.say(1, 11)
        agent = await it.factory.agent(2)
        await it.finish(agent, second)
        assert it.factory.most == 1


async def test_a_cancel_in_line_takes_the_message_out_of_the_line(tmp_path: Path) -> None:
    """Its row is closed, no agent is started for it, and those behind it move up."""
    async with running_pool(tmp_path, slots=1, obedient=True) as it:
        await it.hang(1, 10)
        exchange, behind, other = it.say(2, 20), it.say(2, 21), it.say(3, 30)
        await other.until("waiting 2")
        assert repr(it.conversation(2)) == "<2 in line, 1 waiting>"
        assert it.conversation(2).cancel(A_PERSON) == CancelResult(stopped=True, held=1)
        assert exchange.ending == Cancelled(A_PERSON)
        assert it.row(20) is Row.CLOSED
        await quiet()
        assert repr(it.conversation(2)) == "<2 asleep, 1 held>"
        assert other.told == ["starting", "waiting 2", "waiting 1"]
        assert behind.told == []
        it.conversation(1).cancel(A_PERSON)
        await other.end()
        assert it.journal.threads.session_id(2) is None
        it.conversation(2).resume()
        assert await behind.end() == Completed("end_turn")


async def test_a_cancel_in_the_step_in_which_a_slot_is_granted_passes_it_on(tmp_path: Path) -> None:
    """The slot goes to the next in line."""
    async with running_pool(tmp_path, slots=1, obedient=True) as it:
        done: list[CancelResult] = []
        slots = it.pool._placement.slots("here")
        told = slots._on_line_moved

        def moved() -> None:
            told()
            # Thread 2 has just been granted the slot; its task has not run yet.
            if slots.line == (it.conversation(3).lease,):
                done.append(it.conversation(2).cancel(A_PERSON))

        await it.hang(1, 10)
        cancelled, next_one = it.say(2, 20), it.say(3, 30)
        await next_one.until("waiting 2")
        slots._on_line_moved = moved
        it.conversation(1).cancel(A_PERSON)
        assert await next_one.end() == Completed("end_turn")
        assert done == [CancelResult(stopped=True, held=0)]
        assert cancelled.told == ["starting", "waiting 1", "ended"]
        assert it.factory.most == 1
        assert len(it.factory.agents) == 2


async def test_a_cancel_while_the_agent_starts_sends_no_prompt(tmp_path: Path) -> None:
    """The start continues, for the next message."""
    async with running_pool(tmp_path, every(manual={"session/new"})) as it:
        exchange = it.say(1, 10)
        agent, request = await it.request(1, "session/new")
        assert it.conversation(1).cancel(A_PERSON) == CancelResult(stopped=True, held=0)
        assert exchange.ending == Cancelled(A_PERSON)
        assert it.row(10) is Row.CLOSED
        agent.reply(request, {"sessionId": "s", "modes": MODES})
        await quiet()
        assert repr(it.conversation(1)) == "<1 idle>"
        assert "session/prompt" not in agent.methods()
        assert exchange.told == ["starting", "waiting 0", "ended"]
        second = it.say(1, 11, text="second")
        prompt = await agent.expect("session/prompt")
        assert prompt_text(prompt) == "second"
        agent.end_turn(prompt)
        await second.end()
        assert len(it.factory.agents) == 1


async def test_a_start_that_fails_after_a_cancel_is_not_shown(tmp_path: Path) -> None:
    """The cancelled exchange has ended once already."""
    async with running_pool(tmp_path, every(manual={"session/new"})) as it:
        exchange = it.say(1, 10)
        agent, request = await it.request(1, "session/new")
        it.conversation(1).cancel(A_PERSON)
        agent.fail(request, -32603, "Internal error")
        await quiet()
        assert exchange.ending == Cancelled(A_PERSON)
        assert it.pool.conversation(1) is None


async def test_a_cancel_while_fetching_ends_the_fetching_and_the_next_message_runs(tmp_path: Path) -> None:
    """The files never come, and no other message of the thread waits for them."""
    async with running_pool(tmp_path, obedient=True) as it:
        exchange = it.say(1, 10, Recorder(10, fetched=asyncio.Event()))
        await exchange.until("blocks")
        with capture_logs() as logs:
            assert it.conversation(1).cancel(A_PERSON) == CancelResult(stopped=True, held=0)
            assert it.row(10) is Row.CLOSED
            async with asyncio.timeout(1):
                assert (await it.answered(1, 11, "next")).text == "next"
        assert logs == []
        assert exchange.told[-1] == "ended"
        assert exchange.ending == Cancelled(A_PERSON)
        assert it.factory.agents[0].methods().count("session/prompt") == 1


async def test_a_cancel_as_the_files_arrive_sends_no_prompt(tmp_path: Path) -> None:
    """The attachments are dropped with their message."""
    fetched = asyncio.Event()
    async with running_pool(tmp_path, obedient=True) as it:
        exchange = it.say(1, 10, Recorder(10, fetched=fetched))
        await exchange.until("blocks")
        fetched.set()
        it.conversation(1).cancel(A_PERSON)
        await quiet()
        assert exchange.ending == Cancelled(A_PERSON)
        assert "session/prompt" not in it.factory.agents[0].methods()


async def test_a_timeout_of_the_prompts_own_work_is_a_failure(tmp_path: Path) -> None:
    """It differs from the timeout that a cancel uses."""
    async with running_pool(tmp_path, obedient=True) as it:
        exchange = it.say(1, 10, Recorder(10, refuses=TimeoutError("too slow")))
        with capture_logs():
            await exchange.end()
        assert isinstance(exchange.error, TimeoutError)
        assert (await it.answered(1, 11, "next")).text == "next"


async def test_who_cancelled_an_earlier_turn_is_not_named_in_a_later_one(tmp_path: Path) -> None:
    """The next turn has its own outcome."""
    async with running_pool(tmp_path, obedient=True) as it:
        exchange = await it.hang(1, 10)
        it.conversation(1).cancel(A_PERSON)
        await exchange.end()
        assert (await it.answered(1, 11)).ending == Completed("end_turn")
        waiting = it.say(1, 12, Recorder(12, fetched=asyncio.Event()))
        await waiting.until("blocks")
    assert waiting.ending == ShutDown()


# ---- sessions


async def test_a_mode_that_is_chosen_while_another_is_being_set_is_set_before_the_prompt(tmp_path: Path) -> None:
    """A choice during a start must take effect in that session."""
    modes = {**MODES, "availableModes": [*MODES["availableModes"], {"id": "plan", "name": "Plan"}]}
    async with running_pool(tmp_path, every(modes=modes, manual={"session/set_mode"})) as it:
        it.say(1, 10)
        agent, first = await it.request(1, "session/set_mode")
        it.journal.threads.choose(1, MODE, "plan")
        agent.reply(first, {})
        second = await agent.expect("session/set_mode")
        assert (first["params"]["modeId"], second["params"]["modeId"]) == ("default", "plan")
        assert "session/prompt" not in agent.methods()
        agent.reply(second, {})
        await agent.expect("session/prompt")


async def test_a_session_is_stored_the_moment_its_first_prompt_is_sent(tmp_path: Path) -> None:
    """A crash long before the first answer does not lose it. Before the prompt there is nothing in it to lose."""
    fetched = asyncio.Event()
    async with running_pool(tmp_path) as it:
        exchange = it.say(1, 10, Recorder(10, fetched=fetched))
        await exchange.until("blocks")
        assert it.journal.threads.session_id(1) is None
        fetched.set()
        await exchange.until("prompted")
        assert it.journal.threads.session_id(1) == "agent1-1"


async def test_a_session_that_is_refused_is_replaced_and_the_thread_is_told_first(tmp_path: Path) -> None:
    """The notice comes before the answer, once, and the new id is kept."""
    async with running_pool(tmp_path, only(2, manual={"session/load"}), idle_seconds=60, obedient=True) as it:
        await it.answered(1, 10)
        await elapse(61)
        exchange = it.say(1, 11)
        agent = await it.factory.agent(2)
        agent.fail(await agent.expect("session/load"), -32002, "Resource not found")
        await exchange.end()
        assert exchange.told == ["starting", "waiting 0", "FORGOTTEN", "blocks", "prompted", "hello", "ended"]
        assert it.journal.threads.session_id(1) == "agent2-1"
        await elapse(61)
        assert "FORGOTTEN" not in (await it.answered(1, 12)).told
        assert it.journal.threads.session_id(1) == "agent2-1"


async def test_a_session_slow_to_load_is_kept_and_the_exchange_fails(tmp_path: Path) -> None:
    """A timeout is no refusal: no new session is opened, and the next message loads the old one."""
    async with running_pool(tmp_path, only(2, manual={"session/load"}), slots=1, idle_seconds=60, obedient=True) as it:
        await it.answered(1, 10)
        await elapse(61)
        exchange = it.say(1, 11)
        await exchange.end()
        assert isinstance(exchange.error, RequestTimeout)
        assert it.row(11) is Row.CLOSED
        assert it.journal.threads.session_id(1) == "agent1-1"
        assert "session/new" not in it.factory.agents[1].methods()
        again = await it.answered(1, 12)
        assert again.ending == Completed("end_turn")
        assert "FORGOTTEN" not in again.told
        assert it.journal.threads.session_id(1) == "agent1-1"


async def test_a_session_that_waits_for_a_login_is_kept(tmp_path: Path) -> None:
    """An agent that needs a login before it loads has not forgotten the session."""
    async with running_pool(tmp_path, only(2, manual={"session/load"}), slots=1, idle_seconds=60, obedient=True) as it:
        await it.answered(1, 10)
        await elapse(61)
        exchange = it.say(1, 11)
        agent = await it.factory.agent(2)
        agent.fail(await agent.expect("session/load"), -32000, "Authentication required")
        assert isinstance(await exchange.failure(), AuthRequired)
        again = await it.answered(1, 12)
        assert again.ending == Completed("end_turn")
        assert "FORGOTTEN" not in again.told
        assert it.journal.threads.session_id(1) == "agent1-1"


async def test_a_notice_that_a_cancelled_exchange_missed_goes_to_the_next_one(tmp_path: Path) -> None:
    """A session that is lost in a cancelled start must not be lost silently."""
    async with running_pool(tmp_path, only(2, manual={"session/load"}), idle_seconds=60, obedient=True) as it:
        await it.answered(1, 10)
        await elapse(61)
        exchange = it.say(1, 11)
        agent, request = await it.request(2, "session/load")
        it.conversation(1).cancel(A_PERSON)
        agent.fail(request, -32002, "Resource not found")
        await quiet()
        assert "FORGOTTEN" not in exchange.told
        assert "FORGOTTEN" in (await it.answered(1, 12)).told


async def test_a_session_is_replaced_when_the_first_prompt_of_the_new_one_is_sent(tmp_path: Path) -> None:
    """A start that fails after the agent has refused to load it loses nothing: the next one tries it again."""

    def make(number: int) -> MemoryAgent:
        return every(manual=[(), {"session/load", "session/set_mode"}, {"session/load"}][number - 1])(number)

    async with running_pool(tmp_path, make, idle_seconds=60, obedient=True) as it:
        await it.answered(1, 10)
        await elapse(61)
        failed = it.say(1, 11)
        agent = await it.factory.agent(2)
        agent.fail(await agent.expect("session/load"), -32002, "Resource not found")
        assert isinstance(await failed.failure(), RequestTimeout)
        assert failed.told == ["starting", "waiting 0", "ended"]
        assert it.journal.threads.session_id(1) == "agent1-1"
        exchange = it.say(1, 12)
        agent = await it.factory.agent(3)
        agent.fail(await agent.expect("session/load"), -32002, "Resource not found")
        await exchange.end()
        assert "FORGOTTEN" in exchange.told
        assert it.journal.threads.session_id(1) == "agent3-1"
        assert "FORGOTTEN" not in (await it.answered(1, 13)).told


async def test_an_exchange_shows_a_notice_once_although_its_agent_dies_before_the_prompt(tmp_path: Path) -> None:
    """The next agent refuses to load the session too, and gets the same prompt."""
    fetched = asyncio.Event()

    def make(number: int) -> MemoryAgent:
        return every(manual=() if number == 1 else {"session/load"})(number)

    async with running_pool(tmp_path, make, idle_seconds=60, obedient=True) as it:
        await it.answered(1, 10)
        await elapse(61)
        exchange = it.say(1, 11, Recorder(11, fetched=fetched))
        agent = await it.factory.agent(2)
        agent.fail(await agent.expect("session/load"), -32002, "Resource not found")
        await exchange.until("blocks")
        agent.die(1)
        fetched.set()
        agent = await it.factory.agent(3)
        agent.fail(await agent.expect("session/load"), -32002, "Resource not found")
        assert await exchange.end() == Completed("end_turn")
        assert (len(it.factory.agents), exchange.told.count("FORGOTTEN")) == (3, 1)
        assert "FORGOTTEN" not in (await it.answered(1, 12)).told


async def test_an_agent_that_cannot_be_made_to_ask_is_announced(tmp_path: Path) -> None:
    """The thread's first line says that this agent may act unasked."""
    async with running_pool(tmp_path, every(modes=None), obedient=True) as it:
        exchange = await it.answered(1, 10)
        assert exchange.told == ["starting", "waiting 0", "UNASKED", "blocks", "prompted", "hello", "ended"]
        assert "UNASKED" not in (await it.answered(1, 11)).told


async def test_a_reset_ends_the_turn_and_the_next_message_gets_a_new_session(tmp_path: Path) -> None:
    """The same agent opens it, and no notice says that something was forgotten: a person wanted it."""
    async with running_pool(tmp_path, obedient=True) as it:
        exchange = it.say(1, 10, text="hang")
        held = it.say(1, 11)
        await exchange.until("prompted")
        assert it.conversation(1).reset(A_PERSON) == CancelResult(stopped=True, held=1)
        assert it.journal.threads.session_id(1) is None
        assert await exchange.end() == Cancelled(A_PERSON, "cancelled")
        assert it.row(11) is Row.HELD
        it.conversation(1).resume()
        await held.end()
        assert "FORGOTTEN" not in held.told
        assert it.journal.threads.session_id(1) == "agent1-2"
        assert len(it.factory.agents) == 1


@pytest.mark.parametrize("method", ["session/new", "session/set_mode"])
async def test_a_reset_during_a_start_forgets_the_new_session(tmp_path: Path, method: str) -> None:
    """It is kept neither here nor in the journal."""
    async with running_pool(tmp_path, every(session_prefix="s", manual={method})) as it:
        exchange = it.say(1, 10)
        agent = await it.factory.agent(1)
        request = await agent.expect(method)
        it.conversation(1).reset(A_PERSON)
        assert exchange.ending == Cancelled(A_PERSON)
        agent.reply(request, {"sessionId": "s-0", "modes": MODES})
        await quiet()
        assert it.journal.threads.session_id(1) is None
        assert it.conversation(1).lease.session is None
        second = it.say(1, 11)
        agent.reply(await agent.expect(method), {"sessionId": "s-2", "modes": MODES})
        await second.until("prompted")
        assert it.journal.threads.session_id(1) == "s-2"
        assert "FORGOTTEN" not in second.told


async def test_a_reset_during_a_load_forgets_the_session(tmp_path: Path) -> None:
    """Although it could have been loaded."""
    async with running_pool(tmp_path, only(2, manual={"session/load"}), idle_seconds=60, obedient=True) as it:
        await it.answered(1, 10)
        await elapse(61)
        it.say(1, 11)
        agent, request = await it.request(2, "session/load")
        it.conversation(1).reset(A_PERSON)
        agent.reply(request, {"modes": MODES})
        exchange = await it.answered(1, 12)
        assert exchange.told == ["starting", "waiting 0", "blocks", "prompted", "hello", "ended"]
        assert it.journal.threads.session_id(1) == "agent2-1"


CLOSES: Json = {"loadSession": True, "sessionCapabilities": {"close": {}}}


def closed(agent: MemoryAgent) -> list[str]:
    """Return the sessions that the agent was asked to close."""
    return [each["params"]["sessionId"] for each in agent.received if each.get("method") == "session/close"]


async def test_the_agent_closes_the_sessions_that_a_reset_forgets(tmp_path: Path) -> None:
    """Immediately if it is idle, else after its turn: some agents run a process for each session."""
    async with running_pool(tmp_path, every(capabilities=CLOSES), obedient=True) as it:
        for number in range(1, 4):
            await it.answered(1, 10 * number)
            it.conversation(1).reset(A_PERSON)
            await quiet()
            assert closed(it.factory.agents[0]) == [f"agent1-{each}" for each in range(1, number + 1)]
        exchange = await it.hang(1, 50)
        it.conversation(1).reset(A_PERSON)
        await exchange.end()
        await it.answered(1, 51)
        methods = it.factory.agents[0].methods()
        assert methods.index("session/cancel") < len(methods) - 1 - methods[::-1].index("session/close")
        assert closed(it.factory.agents[0])[-1] == "agent1-4"
        agent = it.conversation(1).lease.agent
        assert agent is not None
        assert [*agent._dispatch.sessions] == ["agent1-5"]
        assert len(it.factory.agents) == 1


async def test_a_session_that_comes_after_a_reset_is_closed(tmp_path: Path) -> None:
    """It would never be used."""
    async with running_pool(tmp_path, every(capabilities=CLOSES, manual={"session/new"})) as it:
        it.say(1, 10)
        agent, request = await it.request(1, "session/new")
        it.conversation(1).reset(A_PERSON)
        agent.reply(request, {"sessionId": "s-0", "modes": MODES})
        await quiet()
        assert closed(agent) == ["s-0"]


async def test_an_agent_that_does_not_close_a_session_delays_the_next_message_little(tmp_path: Path) -> None:
    """The wait for it is bounded."""
    async with running_pool(tmp_path, every(capabilities=CLOSES, manual={"session/close"}), obedient=True) as it:
        await it.answered(1, 10)
        it.conversation(1).reset(A_PERSON)
        await it.factory.agents[0].expect("session/close")
        began = asyncio.get_running_loop().time()
        assert (await it.answered(1, 11)).ending == Completed("end_turn")
        assert asyncio.get_running_loop().time() - began < CLOSE_SECONDS + 1


async def test_an_agent_that_is_closing_a_session_is_stopped_after_it(tmp_path: Path) -> None:
    """As soon as the session is closed."""
    async with running_pool(tmp_path, every(capabilities=CLOSES, manual={"session/close"}), obedient=True) as it:
        await it.answered(1, 10)
        it.conversation(1).reset(A_PERSON)
        agent = it.factory.agents[0]
        request = await agent.expect("session/close")
        it.conversation(1).close(A_PERSON)
        agent.reply(request, {})
        await quiet()
        assert agent.stopped
        await it.answered(1, 11)


# ---- starts that fail


async def test_three_failed_starts_hold_the_inbox(tmp_path: Path) -> None:
    """Each failure is shown with its reason, and the fourth message is kept. A resume allows as many tries again."""
    broken = True

    def make(number: int) -> MemoryAgent:
        if broken:
            raise SpawnFailed(StartProblem.COMMAND_MISSING, "agent")
        return every()(number)

    async with running_pool(tmp_path, make, slots=1, obedient=True) as it:
        exchanges = [it.say(1, number) for number in range(10, 18)]
        for round_of_starts in range(2):
            first = round_of_starts * FAILED_STARTS
            for exchange in exchanges[first : first + FAILED_STARTS]:
                assert str(await exchange.failure()) == "command not found: agent"
            await quiet()
            waiting = range(10 + first + FAILED_STARTS, 18)
            assert repr(it.conversation(1)) == f"<1 asleep, {len(waiting)} held>"
            assert {it.row(number) for number in waiting} == {Row.HELD}
            it.conversation(1).resume()
            assert {it.row(number) for number in waiting} == {Row.RECEIVED}
        broken = False
        for exchange in exchanges[2 * FAILED_STARTS :]:
            assert await exchange.end() == Completed("end_turn")


async def test_a_successful_start_resets_the_count(tmp_path: Path) -> None:
    """Only failed starts in a row hold the inbox."""

    def make(number: int) -> MemoryAgent:
        if number != FAILED_STARTS:
            raise SpawnFailed(StartProblem.COMMAND_MISSING, "agent")
        return every()(number)

    async with running_pool(tmp_path, make, slots=1, obedient=True) as it:
        exchanges = [it.say(1, number, text=text) for number, text in enumerate(["", "", "die", "", "", "", ""])]
        for exchange in exchanges[:6]:
            await exchange.end()
        await quiet()
        assert repr(it.conversation(1)) == "<1 asleep, 1 held>"


async def test_a_start_with_an_unexpected_error_ends_that_exchange_and_returns_the_slot(tmp_path: Path) -> None:
    """Any exception, not only the expected ones."""

    def make(number: int) -> MemoryAgent:
        if number == 1:
            raise RuntimeError("out of file descriptors")
        return every()(number)

    async with running_pool(tmp_path, make, slots=1, obedient=True) as it:
        exchange, second = it.say(1, 10), it.say(1, 11)
        assert str(await exchange.failure()) == "out of file descriptors"
        assert it.row(10) is Row.CLOSED
        assert await second.end() == Completed("end_turn")
        assert it.factory.most == 1


# ---- exchanges that are slow or fail


async def test_more_than_two_unfinished_replies_hold_the_next_prompt(tmp_path: Path) -> None:
    """While Discord is far behind the agent gets no more prompts; one confirmed reply releases the next one."""
    confirmed = asyncio.Event()
    async with running_pool(tmp_path, obedient=True) as it:
        exchanges = [it.say(1, number, Recorder(number, confirmed=confirmed)) for number in range(10, 15)]
        await exchanges[2].end()
        await quiet()
        assert exchanges[3].told == ["starting", "waiting 0"]
        assert it.row(13) is Row.RECEIVED
        confirmed.set()
        assert await exchanges[4].end() == Completed("end_turn")


async def test_a_cancel_while_replies_are_unfinished_sends_no_prompt(tmp_path: Path) -> None:
    """The delayed prompt is never sent."""
    confirmed = asyncio.Event()
    async with running_pool(tmp_path, obedient=True) as it:
        for number in (10, 11, 12):
            await it.say(1, number, Recorder(number, confirmed=confirmed)).end()
        exchange = it.say(1, 13)
        await exchange.until("waiting 0")
        await quiet()
        it.conversation(1).cancel(A_PERSON)
        confirmed.set()
        await quiet()
        assert exchange.ending == Cancelled(A_PERSON)
        assert it.factory.agents[0].methods().count("session/prompt") == 3


async def test_a_reply_whose_confirmation_fails_delays_no_later_prompt(tmp_path: Path) -> None:
    """The error costs one exchange, not every later one."""

    class Unconfirmed(Recorder):
        async def settled(self) -> None:
            raise RuntimeError("the channel is gone")

    async with running_pool(tmp_path, obedient=True) as it:
        await it.say(1, 10, Unconfirmed(10)).end()
        for number in (11, 12):
            await it.answered(1, number)
        assert str((await it.answered(1, 13)).error) == "the channel is gone"
        assert (await it.answered(1, 14)).ending == Completed("end_turn")


async def test_an_exchange_that_cannot_be_carried_out_fails_with_its_reason(tmp_path: Path) -> None:
    """No prompt is sent, and the agent stays for the next message."""
    async with running_pool(tmp_path, obedient=True) as it:
        exchange = it.say(1, 10, Recorder(10, refuses=ExchangeFailed("the attachment is too large")))
        assert str(await exchange.failure()) == "the attachment is too large"
        assert it.row(10) is Row.CLOSED
        assert (await it.answered(1, 11)).ending == Completed("end_turn")
        assert len(it.factory.agents) == 1
        assert it.factory.agents[0].methods().count("session/prompt") == 1


async def test_an_error_in_an_event_ends_that_exchange_only(tmp_path: Path) -> None:
    """The turn is cancelled and awaited before the next prompt, so that they never overlap."""
    async with running_pool(tmp_path) as it:
        exchange, agent, prompt = await it.prompted(10, Recorder(10, chokes=RuntimeError("no such emoji")))
        second = it.say(1, 11)
        agent.text("agent1-1", "a")
        await agent.expect("session/cancel")
        await quiet()
        assert agent.methods().count("session/prompt") == 1
        agent.end_turn(prompt, "cancelled")
        assert str(await exchange.failure()) == "no such emoji"
        assert it.row(10) is Row.CLOSED
        await it.finish(agent, second)
        assert len(it.factory.agents) == 1


async def test_an_exchange_that_fails_at_its_end_affects_no_other(tmp_path: Path) -> None:
    """Neither its own thread's next message nor another thread."""
    async with running_pool(tmp_path, obedient=True) as it:
        await it.hang(2, 20)
        broken = it.say(1, 10, Recorder(10, breaks=RuntimeError("no")))
        second = it.say(1, 11)
        assert await second.end() == Completed("end_turn")
        assert broken.endings[0] == Completed("end_turn")
        assert it.row(10) is Row.CLOSED
        assert it.conversation(2).lease.state is ConversationState.WORKING


async def test_a_prompt_waits_until_it_can_be_written_down(tmp_path: Path) -> None:
    """It is sent after that; a cancelled one is not sent, and the one behind it is."""
    async with running_pool(tmp_path, obedient=True) as it:
        await it.answered(1, 10)
        first, second = it.say(1, 11, text=LARGE), it.say(1, 12)
        with no_room(it.journal):
            await elapse(5)
            assert it.row(11) is Row.RECEIVED
            it.conversation(1).cancel(7)
            assert first.ending == Cancelled(7)
            await elapse(5)
        it.conversation(1).resume()
        assert await second.end() == Completed("end_turn")
        assert [it.row(message_id) for message_id in (11, 12)] == [Row.CLOSED, Row.FINISHED]
        assert sum(message.get("method") == "session/prompt" for message in it.factory.agents[0].received) == 2


async def test_a_turn_that_ends_while_the_disk_is_full_is_written_down_later(tmp_path: Path) -> None:
    """All threads continue; the keeper notices that there is room again."""
    async with running_pool(tmp_path) as it:
        exchange, agent, prompt = await it.prompted(10)
        with no_room(it.journal):
            agent.text(prompt["params"]["sessionId"], LARGE)
            agent.end_turn(prompt)
            assert await exchange.end() == Completed("end_turn")
            await elapse(5)
            assert it.row(10) is Row.PROMPTED
            assert it.conversation(1).lease.state is ConversationState.IDLE
        await elapse(2)
        assert it.row(10) is Row.FINISHED
        assert it.journal.messages.pages(10) == [LARGE]


async def test_a_journal_that_cannot_be_written_ends_the_exchange_once(tmp_path: Path) -> None:
    """The complete reply stays, and the conversation continues."""
    async with running_pool(tmp_path) as it:
        exchange, agent, prompt = await it.prompted(10)
        second = it.say(1, 11)
        it.journal.messages.close((10,), "by another hand")
        agent.end_turn(prompt)
        assert await exchange.end() == Completed("end_turn")
        await it.finish(agent, second)
        assert exchange.ending == Completed("end_turn")


async def test_a_late_event_goes_to_the_last_exchange(tmp_path: Path) -> None:
    """It is neither lost nor put into the next reply."""
    async with running_pool(tmp_path) as it:
        agent_name = "agent1-1"
        exchange = it.say(1, 10)
        agent = await it.factory.agent(1)
        agent.end_turn(await agent.expect("session/prompt"))
        agent.text(agent_name, "one more thing")
        await exchange.until("one more thing")
        assert exchange.told[-2:] == ["ended", "one more thing"]
        second = it.say(1, 11)
        prompt = await agent.expect("session/prompt")
        agent.text(agent_name, "new")
        agent.end_turn(prompt)
        await second.end()
        assert second.events == [Text("new")]
        agent.text(agent_name, "late again")
        await second.until("late again")
        assert exchange.text == "one more thing"


async def test_an_exchange_that_fails_on_a_late_event_affects_no_other(tmp_path: Path) -> None:
    """The agent's reader and the thread continue."""

    class Choking(Recorder):
        def on_event(self, event: Event) -> None:
            if self.ending is not None:
                raise ValueError("too late")
            super().on_event(event)

    async with running_pool(tmp_path) as it:
        exchange = Choking(10)
        it.say(1, 10, exchange)
        agent = await it.factory.agent(1)
        agent.end_turn(await agent.expect("session/prompt"))
        await exchange.end()
        agent.text("agent1-1", "one more thing")
        await quiet()
        second = it.say(1, 11)
        await it.finish(agent, second)
        assert it.factory.alive == 1


# ---- calls without effect


async def test_disconnecting_a_conversation_without_an_agent_has_no_effect(tmp_path: Path) -> None:
    """Its inbox stays held."""
    async with running_pool(tmp_path, idle_seconds=60, obedient=True) as it:
        exchange = it.say(1, 10, text="hang")
        it.say(1, 11)
        await exchange.until("prompted")
        it.conversation(1).cancel(A_PERSON)
        await exchange.end()
        await elapse(61)
        it.conversation(1).disconnect()
        await quiet()
        assert repr(it.conversation(1)) == "<1 asleep, 1 held>"


async def test_a_conversation_without_a_current_exchange_shows_no_place(tmp_path: Path) -> None:
    """A place belongs to the exchange that waits."""
    async with running_pool(tmp_path, obedient=True) as it:
        exchange = await it.answered(1, 10)
        it.conversation(1).placed(1, ())
        assert not any(re.fullmatch("waiting [1-9]", word) for word in exchange.told)


async def test_the_name_that_a_person_gives_the_thread_goes_to_its_session(tmp_path: Path) -> None:
    """While a turn runs, without waiting for it; and to the session that is opened later."""
    offer = {"loadSession": True, "sessionCapabilities": {"title": {}}}
    async with running_pool(tmp_path, every(capabilities=offer)) as it:
        exchange = it.say(1, 10)
        agent = await it.factory.agent(1)
        prompt = await agent.expect("session/prompt")
        it.journal.threads.choose(1, TITLE, "Dates")
        await it.conversation(1).lease.send_title()
        assert (await agent.expect("session/set_title"))["params"]["title"] == "Dates"
        it.conversation(1).reset(7)
        agent.end_turn(prompt, "cancelled")
        await exchange.end()
        await it.conversation(1).lease.send_title()
        second = it.say(1, 11)
        await agent.expect("session/set_title")
        await it.finish(agent, second)
    assert agent.methods().count("session/set_title") == 2
