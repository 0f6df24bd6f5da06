"""The questions of an agent outside its turns: their exchange, their deadlines, and their ends."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from acp import Accept
from pool.exchange import Cancelled
from pool.turn_watchdog import TurnLimits
from tests.support.memory_agent import MemoryAgent
from tests.support.virtual_time import elapse, quiet

from .pool_harness import every, running_pool
from .recording_exchange import Recorder

SESSION = "agent1-1"
BOUNDS = TurnLimits(question=1200, reminder=300)
LOOK = 1.0
SCHEMA = {"type": "object", "properties": {"name": {"type": "string"}}}


def elicit(agent: MemoryAgent, request_id: int, **about: Any) -> None:
    """Ask for a form, about the session by default."""
    asked = {"mode": "form", "message": "Who?", "requestedSchema": SCHEMA, **(about or {"sessionId": SESSION})}
    agent.say({"id": request_id, "method": "elicitation/create", "params": asked})


async def action(agent: MemoryAgent, request_id: int) -> str:
    """Return the answer to the agent."""
    return str((await agent.answer_to(request_id))["result"]["action"])


def out_of_turn(exchange: Recorder) -> list[str]:
    """Return the recorded out-of-turn events."""
    return [word for word in exchange.told if word.startswith(("out-of-turn", "remind", "unanswered"))]


async def test_a_question_between_turns_belongs_to_the_last_exchange(tmp_path: Path) -> None:
    """While one is open, all later ones belong to it too, also during the next turn."""
    async with running_pool(tmp_path, bounds=BOUNDS) as it:
        first = it.say(1, 10)
        agent = await it.factory.agent(1)
        agent.end_turn(await agent.expect("session/prompt"))
        await first.end()
        assert it.conversation(1).asked_since is None
        elicit(agent, 0)
        await first.until("out-of-turn Elicitation")
        assert it.conversation(1).asked_since is not None
        second = it.say(1, 11)
        agent.end_turn(await agent.expect("session/prompt"))
        await second.end()
        elicit(agent, 1)
        agent.notify("$/cancel_request", {"requestId": 0})
        await quiet()
        assert first.questions is not None
        assert first.questions.answer(1, Accept({"name": "Ann"}))
        assert [await action(agent, number) for number in (0, 1)] == ["cancel", "accept"]
        assert it.conversation(1).asked_since is None
        elicit(agent, 2)
        await second.until("out-of-turn Elicitation")
        agent.notify("elicitation/complete", {"elicitationId": "e"})
        await second.until("out-of-turn ElicitationCompleted")
        assert out_of_turn(first) == ["out-of-turn Elicitation", "out-of-turn Elicitation", "out-of-turn Withdrawn"]
        it.conversation(1).close(7)
        await second.until("out-of-turn Withdrawn")


async def test_the_permission_that_a_subagent_asks_for_after_the_turn_has_a_deadline_too(tmp_path: Path) -> None:
    """It is rejected by its own option, so that the subagent works on."""
    async with running_pool(tmp_path, bounds=BOUNDS) as it:
        exchange = it.say(1, 10)
        agent = await it.factory.agent(1)
        agent.update(SESSION, {"sessionUpdate": "subagent_update", "sessionId": "child", "title": "background"})
        agent.end_turn(await agent.expect("session/prompt"))
        await exchange.end()
        asked = agent.ask("child")
        await exchange.until("out-of-turn Question")
        assert it.conversation(1).asked_since is not None
        await elapse(1200 + 2 * LOOK)
        assert (await agent.answer_to(asked))["result"]["outcome"] == {"outcome": "selected", "optionId": "no"}
        assert out_of_turn(exchange)[-1] == f"unanswered {asked} TIME"


async def test_an_out_of_turn_question_is_reminded_of_and_rejected_like_another(tmp_path: Path) -> None:
    """At its deadline, or earlier when it is preempted, even while its agent starts."""
    async with running_pool(tmp_path, bounds=BOUNDS, make=every(manual=("session/new",))) as it:
        exchange = it.say(1, 10)
        agent, asked = await it.request(1, "session/new")
        elicit(agent, 0, requestId=asked["id"])
        await exchange.until("out-of-turn Elicitation")
        await elapse(1200 + 2 * LOOK)
        assert await action(agent, 0) == "cancel"
        elicit(agent, 1, requestId=asked["id"])
        await quiet()
        it.conversation(1).preempt()
        assert await action(agent, 1) == "cancel"
        assert [word.rsplit(" ", 1)[0] if "remind" in word else word for word in out_of_turn(exchange)] == [
            *("out-of-turn Elicitation", "remind 0", "unanswered 0 TIME"),
            *("out-of-turn Elicitation", "unanswered 1 OTHERS"),
        ]
        agent.reply(asked, {"sessionId": SESSION})
        await it.finish(agent, exchange)


async def test_cancelling_a_start_ends_its_questions(tmp_path: Path) -> None:
    """The agent would otherwise wait for an answer that is not coming."""
    async with running_pool(tmp_path, bounds=BOUNDS, make=every(manual=("session/new",))) as it:
        exchange = it.say(1, 10)
        agent, asked = await it.request(1, "session/new")
        elicit(agent, 0, requestId=asked["id"])
        await exchange.until("out-of-turn Elicitation")
        assert it.conversation(1).cancel(7).stopped
        assert await action(agent, 0) == "cancel"
        assert await exchange.end() == Cancelled(7)
        await exchange.until("out-of-turn Withdrawn")
        assert it.conversation(1).asked_since is None


async def test_an_exchange_that_fails_to_ask_does_not_stop_the_reader(tmp_path: Path) -> None:
    """The agent gets its answer at the deadline, and works on."""
    async with running_pool(tmp_path, bounds=replace(BOUNDS, reminder=0)) as it:
        exchange = it.say(1, 10, Recorder(10, chokes=RuntimeError("no card")))
        agent = await it.factory.agent(1)
        agent.end_turn(await agent.expect("session/prompt"))
        await exchange.end()
        elicit(agent, 0)
        await elapse(1200 + 2 * LOOK)
        assert await action(agent, 0) == "cancel"
        second = it.say(1, 11)
        await it.finish(agent, second)


@pytest.mark.parametrize("number", [1, 2])
async def test_going_to_sleep_ends_open_questions(tmp_path: Path, number: int) -> None:
    """Each is reported as withdrawn."""
    async with running_pool(tmp_path, bounds=BOUNDS) as it:
        exchange = it.say(1, 10)
        agent = await it.factory.agent(1)
        agent.end_turn(await agent.expect("session/prompt"))
        await exchange.end()
        for request_id in range(number):
            elicit(agent, request_id)
        await quiet()
        agent.die(1)
        await elapse(LOOK)
        assert out_of_turn(exchange) == ["out-of-turn Elicitation"] * number + ["out-of-turn Withdrawn"] * number
