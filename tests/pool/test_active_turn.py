"""A sent prompt: its deadlines, its open questions, and the reasons of its end. In virtual time."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from acp import Elicitation
from acp.timeouts import CANCEL_SECONDS
from pool.conversation_context import CancelResult
from pool.exchange import Completed, TimedOut
from pool.journal.message_states import MessageState as Row
from pool.turn_watchdog import LONG_SECONDS, TOOL_SECONDS, TurnLimits, WatchdogAlert
from tests.support.memory_agent import OPTIONS, Json
from tests.support.virtual_time import elapse, quiet

from .pool_harness import running_pool
from .recording_exchange import Recorder

A_PERSON = 42
SESSION = "agent1-1"
BOUNDS = TurnLimits(silence=120, ceiling=900, question=1200)

# How much later than due something may be noticed: the keeper looks every second.
LOOK = 1.1


def told(exchange: Recorder, due: WatchdogAlert) -> int:
    """Count the alerts of this kind."""
    return sum(word.startswith(f"{due.name} ") for word in exchange.told)


def now() -> float:
    """Return the loop's time."""
    return asyncio.get_running_loop().time()


# ---- the clock


async def test_a_silent_turn_is_announced_and_announced_again_after_an_event(tmp_path: Path) -> None:
    """With the length of the silence; the turn itself continues."""
    async with running_pool(tmp_path, bounds=BOUNDS) as it:
        exchange, agent, prompt = await it.prompted(10)
        await elapse(119)
        assert told(exchange, WatchdogAlert.SILENT) == 0
        await elapse(1 + LOOK)
        assert exchange.told[-1] in {"SILENT 120", "SILENT 121"}
        await elapse(500)
        assert told(exchange, WatchdogAlert.SILENT) == 1
        agent.text(SESSION, "a word")
        await elapse(120 + LOOK)
        assert told(exchange, WatchdogAlert.SILENT) == 2
        agent.end_turn(prompt)
        assert await exchange.end() == Completed("end_turn")
        await elapse(1000)
        assert told(exchange, WatchdogAlert.SILENT) == 2


async def test_a_running_tool_is_no_silence_for_ten_minutes(tmp_path: Path) -> None:
    """A test suite takes its time."""
    async with running_pool(tmp_path, bounds=BOUNDS) as it:
        exchange, agent, _ = await it.prompted(10)
        agent.update(SESSION, {"sessionUpdate": "tool_call", "toolCallId": "a", "title": "make test"})
        await elapse(TOOL_SECONDS - 1)
        assert told(exchange, WatchdogAlert.SILENT) == 0
        await elapse(1 + LOOK)
        assert told(exchange, WatchdogAlert.SILENT) == 1


async def test_a_long_turn_is_announced_once_and_continues(tmp_path: Path) -> None:
    """Even if the agent is never silent."""
    async with running_pool(tmp_path, bounds=TurnLimits(silence=120, ceiling=LONG_SECONDS * 3)) as it:
        exchange, agent, prompt = await it.prompted(10)
        while now() < 1000 + LONG_SECONDS * 2:
            agent.text(SESSION, ".")
            await elapse(100)
        assert told(exchange, WatchdogAlert.LONG) == 1
        assert told(exchange, WatchdogAlert.SILENT) == 0
        assert not exchange.endings
        agent.end_turn(prompt)
        assert await exchange.end() == Completed("end_turn")


async def test_the_ceiling_cancels_a_turn_and_says_so(tmp_path: Path) -> None:
    """The outcome names no person, even after a later cancel; the next message is answered."""
    async with running_pool(tmp_path, bounds=BOUNDS) as it:
        exchange, agent, prompt = await it.prompted(10)
        began = now()
        await agent.expect("session/cancel")
        assert now() - began == pytest.approx(900, abs=LOOK)
        assert it.conversation(1).cancel(A_PERSON) == CancelResult(stopped=True, held=0)
        await elapse(5)
        agent.end_turn(prompt, "cancelled")
        assert await exchange.end() == TimedOut(900.0, "cancelled")
        assert agent.methods().count("session/cancel") == 1
        second = it.say(1, 11)
        await it.finish(agent, second)


async def test_an_agent_that_ignores_the_ceiling_is_stopped(tmp_path: Path) -> None:
    """After the grace period of the cancel; the slot goes to the next exchange."""
    async with running_pool(tmp_path, slots=1, bounds=BOUNDS) as it:
        exchange, other = it.say(1, 10), it.say(2, 20)
        await exchange.until("prompted")
        began = now()
        assert await exchange.end() == TimedOut(900.0)
        assert now() - began == pytest.approx(900 + CANCEL_SECONDS, abs=LOOK)
        agent = await it.factory.agent(2)
        await it.finish(agent, other)
        assert it.factory.most == 1


async def test_a_turn_that_ends_at_its_ceiling_by_itself_has_ended_by_itself(tmp_path: Path) -> None:
    """The response comes before the check of the deadline, and counts."""
    async with running_pool(tmp_path, bounds=BOUNDS) as it:
        await elapse(0.5)  # The keeper's next look is half a second after the ceiling.
        exchange, agent, prompt = await it.prompted(10)
        loop = asyncio.get_running_loop()
        looks: list[bool] = []

        def look() -> None:
            conversation = it.conversation(1)
            looks.append(conversation.running is not None and conversation.running.turn.ended)
            conversation.tick()

        def end() -> None:
            agent.end_turn(prompt)
            loop.call_soon(look)  # The response is dispatched, and the conversation has not run yet.

        loop.call_later(900.2, end)
        with capture_logs() as logs:
            assert await exchange.end() == Completed("end_turn")
        assert looks == [True]
        assert logs == []


async def test_time_with_an_open_question_does_not_count(tmp_path: Path) -> None:
    """Neither as silence nor towards the ceiling; the time runs on afterwards."""
    async with running_pool(tmp_path, bounds=BOUNDS) as it:
        exchange, agent, _ = await it.prompted(10)
        await elapse(100)
        request_id = agent.ask(SESSION)
        await exchange.until("Question")
        await elapse(1100)
        assert told(exchange, WatchdogAlert.SILENT) == told(exchange, WatchdogAlert.LONG) == 0
        assert "session/cancel" not in agent.methods()
        assert exchange.turn is not None
        assert exchange.turn.answer(request_id, "yes")
        began = now()
        await elapse(115)
        assert told(exchange, WatchdogAlert.SILENT) == 0
        await elapse(5 + 2 * LOOK)
        assert told(exchange, WatchdogAlert.SILENT) == 1
        await agent.expect("session/cancel")
        assert now() - began == pytest.approx(800, abs=2 * LOOK)


async def test_a_failed_check_of_deadlines_affects_no_other_thread(tmp_path: Path) -> None:
    """Neither the pool nor other conversations, nor the turn itself."""

    class Speechless(Recorder):
        def on_alert(self, due: WatchdogAlert, silent_seconds: float) -> None:
            raise RuntimeError("no words")

    async with running_pool(tmp_path, bounds=BOUNDS) as it:
        broken = it.say(1, 10, Speechless(10))
        other = it.say(2, 20)
        agent, prompt = await it.request(1, "session/prompt")
        with capture_logs() as logs:
            await other.until("prompted")
            await elapse(120 + LOOK)
        assert [log["event"] for log in logs] == ["a check of deadlines failed"]
        assert told(other, WatchdogAlert.SILENT) == 1
        agent.end_turn(prompt)
        assert await broken.end() == Completed("end_turn")


# ---- questions without an answer

ONCE, ALWAYS = ({"optionId": kind, "name": kind, "kind": kind} for kind in ("reject_once", "reject_always"))
ALLOW = OPTIONS[0]
ANOTHER = {"optionId": "another", "name": "No, and tell it why", "kind": "reject_once"}
CHOSEN: list[tuple[Sequence[Json], Json]] = [
    ((ALLOW, ONCE, ALWAYS), {"outcome": "selected", "optionId": "reject_once"}),
    ((ALWAYS, ONCE, ALLOW), {"outcome": "selected", "optionId": "reject_once"}),
    ((ALLOW, ALWAYS), {"outcome": "selected", "optionId": "reject_always"}),
    ((ALLOW, ONCE, ANOTHER), {"outcome": "selected", "optionId": "reject_once"}),
    ((ALLOW,), {"outcome": "cancelled"}),
    ((), {"outcome": "cancelled"}),
]


@pytest.mark.parametrize(("options", "outcome"), CHOSEN, ids=str)
async def test_an_expired_question_is_rejected_and_the_turn_continues(
    tmp_path: Path, options: Sequence[Json], outcome: Json
) -> None:
    """By the agent's option to reject once rather than always; without one by `cancelled`."""
    async with running_pool(tmp_path, bounds=BOUNDS) as it:
        exchange, agent, prompt = await it.prompted(10)
        began = now()
        request_id = agent.ask(SESSION, options=options)
        assert (await agent.answer_to(request_id))["result"] == {"outcome": outcome}
        assert now() - began == pytest.approx(1200, abs=2 * LOOK)
        await exchange.until(f"unanswered {request_id} TIME")
        await quiet()
        assert "session/cancel" not in agent.methods()
        assert not exchange.endings
        agent.text(SESSION, "as you wish")
        agent.end_turn(prompt)
        assert await exchange.end() == Completed("end_turn")
        assert it.row(10) is Row.FINISHED


@pytest.mark.parametrize("reminder", [300, 0, 1200])
async def test_an_open_question_is_reminded_of_once(tmp_path: Path, reminder: float) -> None:
    """With the remaining time; not if reminders are off, nor at its end."""
    async with running_pool(tmp_path, bounds=replace(BOUNDS, reminder=reminder)) as it:
        exchange, agent, _ = await it.prompted(10)
        first = agent.ask(SESSION)
        await elapse(200)
        answered = agent.ask(SESSION)
        await quiet()
        assert exchange.turn is not None
        assert exchange.turn.answer(answered, "yes")
        await elapse(200)
        await agent.answer_to(first)
        again = agent.ask(SESSION, request_id=first)  # An id that is used again is another question.
        await elapse(400)
        assert exchange.turn.answer(again, "yes")
        reminded = [word.rpartition(" ")[0] for word in exchange.told if word.startswith("remind ")]
        assert reminded == ([f"remind {first}"] * 2 if reminder == 300 else [])


async def test_an_elicitation_is_reminded_of_and_cancelled_like_a_question(tmp_path: Path) -> None:
    """It has no option to reject; its time does not count either."""
    async with running_pool(tmp_path, bounds=replace(BOUNDS, reminder=1000)) as it:
        exchange, _, _ = await it.prompted(10)
        await exchange.until("prompted")
        assert exchange.turn is not None
        answers: list[object] = []
        exchange.turn.ask(Elicitation("e", "form", "Who?", {}), answers.append)
        await elapse(1200 + 2 * LOOK)
        assert answers == [None]
        assert [word for word in exchange.told if word.startswith("unanswered")] == ["unanswered e TIME"]
        assert sum(word.startswith("remind e ") for word in exchange.told) == 1
        assert told(exchange, WatchdogAlert.SILENT) == 0


async def test_each_question_has_its_own_time(tmp_path: Path) -> None:
    """The second is open when the first is rejected, and an answered one is not rejected."""
    async with running_pool(tmp_path, bounds=BOUNDS) as it:
        exchange, agent, _ = await it.prompted(10)
        first = agent.ask(SESSION)
        await exchange.until("Question")
        running = it.conversation(1).running
        assert running is not None
        assert running.asked_since == now()
        await elapse(600)
        second, third = agent.ask(SESSION), agent.ask(SESSION)
        await quiet()
        assert exchange.turn is not None
        assert exchange.turn.answer(third, "yes")
        await agent.answer_to(first)
        assert [question.request_id for question in exchange.turn.unanswered] == [second]
        await agent.answer_to(second)
        await elapse(LOOK)
        assert running.asked_since is None
        ended = [word for word in exchange.told if word.startswith("unanswered")]
        assert ended == ["unanswered 0 TIME", "unanswered 1 TIME"]


async def test_preempting_rejects_every_open_question(tmp_path: Path) -> None:
    """Immediately, whatever their remaining time."""
    async with running_pool(tmp_path, bounds=BOUNDS) as it:
        exchange, agent, _ = await it.prompted(10)
        asked = [agent.ask(SESSION), agent.ask(SESSION)]
        await quiet()
        began = now()
        it.conversation(1).preempt()
        for request_id in asked:
            assert (await agent.answer_to(request_id))["result"]["outcome"]["optionId"] == "no"
        assert now() == began
        assert it.conversation(1).asked_since is None
        assert exchange.told[-2:] == ["unanswered 0 OTHERS", "unanswered 1 OTHERS"]
