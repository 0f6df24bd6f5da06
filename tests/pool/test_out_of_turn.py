"""What an agent asks outside its turns: of whom, for how long, and what ends it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from acp import Accept
from pool.exchange import Cancelled, Completed
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
    """Ask for a form, about the session unless told otherwise."""
    asked = {"mode": "form", "message": "Who?", "requestedSchema": SCHEMA, **(about or {"sessionId": SESSION})}
    agent.say({"id": request_id, "method": "elicitation/create", "params": asked})


async def action(agent: MemoryAgent, request_id: int) -> str:
    """What the agent was answered."""
    return str((await agent.answer_to(request_id))["result"]["action"])


def out_of_turn(exchange: Recorder) -> list[str]:
    """What an exchange was told of questions."""
    return [word for word in exchange.told if word.startswith(("out-of-turn", "remind", "unanswered"))]


async def test_what_is_asked_between_turns_is_asked_in_the_name_of_the_last_exchange(tmp_path: Path) -> None:
    """As long as one is open all are that one's, also beside the next turn; then they are the next one's."""
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


async def test_it_is_reminded_of_and_ended_like_a_question_of_a_turn(tmp_path: Path) -> None:
    """When its time is over (P48); and before that where others wait, with an agent that is being started for it."""
    async with running_pool(tmp_path, bounds=BOUNDS, make=every(manual=("session/new",))) as it:
        exchange = it.say(1, 10)
        agent = await it.factory.agent(1)
        asked = await agent.expect("session/new")
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
        agent.end_turn(await agent.expect("session/prompt"))
        assert await exchange.end() == Completed("end_turn")


async def test_a_person_who_cancels_the_start_ends_what_was_asked_for_it(tmp_path: Path) -> None:
    """Else the request would wait for an answer that nobody wants to give."""
    async with running_pool(tmp_path, bounds=BOUNDS, make=every(manual=("session/new",))) as it:
        exchange = it.say(1, 10)
        agent = await it.factory.agent(1)
        asked = await agent.expect("session/new")
        elicit(agent, 0, requestId=asked["id"])
        await exchange.until("out-of-turn Elicitation")
        assert it.conversation(1).cancel(7).stopped
        assert await action(agent, 0) == "cancel"
        assert await exchange.end() == Cancelled(7)
        await exchange.until("out-of-turn Withdrawn")
        assert it.conversation(1).asked_since is None


async def test_an_exchange_that_cannot_ask_harms_no_reader(tmp_path: Path) -> None:
    """The agent is answered when the time is over, and works on."""
    async with running_pool(tmp_path, bounds=replace(BOUNDS, reminder=0)) as it:
        exchange = it.say(1, 10, Recorder(10, chokes=RuntimeError("no card")))
        agent = await it.factory.agent(1)
        agent.end_turn(await agent.expect("session/prompt"))
        await exchange.end()
        elicit(agent, 0)
        await elapse(1200 + 2 * LOOK)
        assert await action(agent, 0) == "cancel"
        second = it.say(1, 11)
        agent.end_turn(await agent.expect("session/prompt"))
        assert await second.end() == Completed("end_turn")


@pytest.mark.parametrize("number", [1, 2])
async def test_going_to_sleep_ends_what_is_open(tmp_path: Path, number: int) -> None:
    """Each is told (P54)."""
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
