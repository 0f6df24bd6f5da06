import asyncio
from typing import Any

import pytest

from acp import Steered, Text, Unsupported
from acp.schema import ImageBlock, InitializeResponse, TextBlock
from acp.timeouts import STEERING_SECONDS
from tests.acp.official import by_the_schema
from tests.acp.opened import HELLO, opened
from tests.support.memory_agent import Json, MemoryAgent
from tests.support.virtual_time import quiet

pytestmark = by_the_schema

MORE = [TextBlock(text="and bananas")]
METHOD = "_session/steering"


@pytest.mark.parametrize(
    ("answer", "supported"),
    [
        ({}, False),
        ({"_meta": None}, False),
        ({"_meta": {"steering": "yes"}}, False),
        ({"_meta": {"steering": {"supported": False}}}, False),
        ({"_meta": {"steering": {"supported": {}}}}, False),
        ({"_meta": {"steering": {"supported": True}}}, True),
    ],
)
def test_the_answer_to_initialize_says_whether_an_agent_can_be_steered(answer: Json, *, supported: bool) -> None:
    """In its `_meta`, as Claude Code and Codex do; anything else there means no."""
    info = InitializeResponse.model_validate({"protocolVersion": 1, **answer})
    assert info.extensions.steering.supported is supported


async def test_a_message_goes_into_the_running_turn_without_the_lock() -> None:
    """The prompt holds the lock all the while, and the turn continues."""
    async with opened(MemoryAgent(steerable=True)) as (peer, agent, session), session.prompt(HELLO) as turn:
        prompt = await peer.expect("session/prompt")
        async with asyncio.TaskGroup() as tasks:
            steering = tasks.create_task(session.steer(MORE))
            request = await peer.expect(METHOD)
            assert request["params"] == {
                "sessionId": session.session_id,
                "prompt": [{"type": "text", "text": "and bananas"}],
                "_meta": {"steering": {"idleBehavior": "promptRequired"}},
            }
            assert agent.connection.lock.locked()
            peer.reply(request, {"outcome": "injected"})
        assert steering.result() is Steered.INJECTED
        peer.text(session.session_id, "bananas")
        peer.end_turn(prompt)
        assert [event async for event in turn] == [Text("bananas")]
        assert not turn.cancelled


@pytest.mark.parametrize(
    ("result", "outcome"),
    [
        ({"outcome": "injected"}, Steered.INJECTED),
        ({"outcome": "injected", "reason": "x" * 1_000_000}, Steered.INJECTED),
        ({"outcome": "promptRequired", "reason": "noRunningTurn"}, Steered.PROMPT_REQUIRED),
        ({"outcome": "startedNewTurn"}, Steered.STARTED_NEW_TURN),
        ({"outcome": "refused"}, Steered.UNKNOWN),
        ({"outcome": ["injected"]}, Steered.UNKNOWN),
        ({"outcome": "y" * 1_000_000}, Steered.UNKNOWN),
        ({}, Steered.UNKNOWN),
        (None, Steered.UNKNOWN),
        (["injected"], Steered.UNKNOWN),
        ("injected", Steered.UNKNOWN),
    ],
)
async def test_each_answer_has_one_meaning(result: Any, outcome: Steered) -> None:
    """An answer that cannot be read leaves open whether the message was taken in."""
    async with opened(MemoryAgent(steerable=True)) as (peer, _, session), asyncio.TaskGroup() as tasks:
        steering = tasks.create_task(session.steer(MORE))
        peer.reply(await peer.expect(METHOD), result)
        assert await steering is outcome


async def test_an_error_means_that_the_message_was_not_taken_in() -> None:
    """A login that is missing does too."""
    async with opened(MemoryAgent(steerable=True)) as (peer, _, session), asyncio.TaskGroup() as tasks:
        for code in (-32601, -32000):
            steering = tasks.create_task(session.steer(MORE))
            peer.fail(await peer.expect(METHOD), code, "no")
            assert await steering is Steered.REFUSED


async def test_a_missing_answer_ends_the_wait_and_a_late_one_is_dropped() -> None:
    """After ten seconds it is unknown what became of the message. Two late answers change nothing."""
    async with opened(MemoryAgent(steerable=True)) as (peer, _, session):
        loop = asyncio.get_running_loop()
        began = loop.time()
        assert await session.steer(MORE) is Steered.UNKNOWN
        assert loop.time() - began == pytest.approx(STEERING_SECONDS, abs=0.1)
        request = await peer.expect(METHOD)
        assert (await peer.expect("$/cancel_request"))["params"] == {"requestId": request["id"]}
        for outcome in ("injected", "startedNewTurn"):
            peer.reply(request, {"outcome": outcome})
        await quiet()
        assert "session/cancel" not in peer.methods()


@pytest.mark.parametrize("before", [True, False])
async def test_a_closed_pipe_leaves_open_what_became_of_the_message(*, before: bool) -> None:
    """Whether the agent has died before the line, or before its answer."""
    async with opened(MemoryAgent(steerable=True)) as (peer, _, session), asyncio.TaskGroup() as tasks:
        if before:
            peer.die()
        steering = tasks.create_task(session.steer(MORE))
        await quiet()
        peer.die()
        assert await steering is Steered.UNKNOWN


@pytest.mark.parametrize("state", ["running", "cancelled", "ended"])
async def test_a_turn_that_the_agent_begins_by_itself_is_cancelled(state: str) -> None:
    """The running turn is cancelled with it, for a cancel names the session only; its end has the usual bound."""
    async with opened(MemoryAgent(steerable=True)) as (peer, _, session), session.prompt(HELLO) as turn:
        prompt = await peer.expect("session/prompt")
        if state == "cancelled":
            turn.cancel()
        elif state == "ended":
            peer.end_turn(prompt)
            await quiet()
        before = peer.methods().count("session/cancel")
        async with asyncio.TaskGroup() as tasks:
            steering = tasks.create_task(session.steer(MORE))
            peer.reply(await peer.expect(METHOD), {"outcome": "startedNewTurn"})
            assert await steering is Steered.STARTED_NEW_TURN
        assert peer.methods().count("session/cancel") == before + 1
        assert turn.cancelled is (state != "ended")
        if state != "ended":
            peer.end_turn(prompt, "cancelled")


async def test_nothing_is_sent_to_an_agent_that_does_not_offer_it() -> None:
    """Nor is content that the agent does not accept."""
    async with opened() as (peer, _, session):
        with pytest.raises(Unsupported):
            await session.steer(MORE)
        assert METHOD not in peer.methods()
    async with opened(MemoryAgent(steerable=True)) as (peer, _, session):
        with pytest.raises(Unsupported):
            await session.steer([ImageBlock(data="aGVsbG8=", mime_type="image/png")])
        assert METHOD not in peer.methods()
