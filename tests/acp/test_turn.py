import asyncio
from typing import Any

import pytest

from acp import AgentClosed, Event, ProtocolError, Question, RemoteError, Text, Thought, Turn, Withdrawn
from acp.errors import CloseReason
from acp.schema import PermissionOption, Plan, ToolCall, ToolCallUpdate, UsageUpdate
from acp.session import LONGEST_PIECE
from acp.timeouts import CANCEL_SECONDS
from acp.turn import HIGH_WATER, LOW_WATER
from tests.acp.official import by_the_schema
from tests.acp.opened import HELLO, opened
from tests.support.virtual_time import elapse, quiet

pytestmark = by_the_schema

CANCELLED = {"outcome": {"outcome": "cancelled"}}


async def test_the_events_of_a_turn_come_in_the_agents_order_and_end_with_it() -> None:
    """Text, thought, tools, plan, usage and questions, each as its type; then the stop reason."""
    async with opened() as (peer, _, session), session.prompt(HELLO) as turn:
        prompt = await peer.expect("session/prompt")
        assert prompt["params"] == {"sessionId": session.session_id, "prompt": [{"type": "text", "text": "hello"}]}
        peer.update(session.session_id, {"sessionUpdate": "agent_thought_chunk", "content": _content("hm")})
        peer.text(session.session_id, "one ")
        peer.update(session.session_id, {"sessionUpdate": "tool_call", "toolCallId": "c", "title": "Run"})
        asked = peer.ask(session.session_id)
        peer.update(session.session_id, {"sessionUpdate": "tool_call_update", "toolCallId": "c", "status": "failed"})
        peer.update(session.session_id, {"sessionUpdate": "plan", "entries": []})
        peer.update(session.session_id, {"sessionUpdate": "usage_update", "used": 1, "size": 2})
        peer.text(session.session_id, "two")
        peer.end_turn(prompt)
        events = [event async for event in turn]
    kinds = [Thought, Text, ToolCall, Question, ToolCallUpdate, Plan, UsageUpdate, Text]
    assert [type(event) for event in events] == kinds
    assert (events[0], events[1], events[7]) == (Thought("hm"), Text("one "), Text("two"))
    assert isinstance(events[3], Question)
    assert events[3].request_id == asked
    assert (turn.stop_reason, turn.error, turn.ended, turn.cancelled) == ("end_turn", None, True, False)


@pytest.mark.parametrize(
    "reason", ["end_turn", "max_tokens", "max_turn_requests", "refusal", "cancelled", "invented_later"]
)
async def test_the_stop_reason_is_the_agents_own(reason: str) -> None:
    """Each keeps its value, also an unknown one."""
    async with opened() as (peer, _, session), session.prompt(HELLO) as turn:
        peer.end_turn(await peer.expect("session/prompt"), reason)
        assert await _all(turn) == []
    assert (turn.stop_reason, turn.error) == (reason, None)


async def test_of_a_reason_of_a_million_characters_the_beginning_is_kept() -> None:
    """It goes into the thread, the log and the journal."""
    async with opened() as (peer, _, session), session.prompt(HELLO) as turn:
        peer.end_turn(await peer.expect("session/prompt"), "x" * 1_000_000)
        assert await _all(turn) == []
    assert turn.stop_reason == "x" * 100


async def test_a_refused_prompt_is_an_error_with_its_reason() -> None:
    """Code, message and data of the agent."""
    async with opened() as (peer, _, session), session.prompt(HELLO) as turn:
        peer.fail(await peer.expect("session/prompt"), -32603, "Internal error", {"details": "rate limit"})
        assert await _all(turn) == []
    assert isinstance(turn.error, RemoteError)
    assert turn.stop_reason is None
    assert str(turn.error) == "session/prompt failed with -32603 Internal error: {'details': 'rate limit'}"


@pytest.mark.parametrize("result", [None, {}, {"stopReason": None}, "end_turn"], ids=repr)
async def test_a_response_without_a_stop_reason_is_an_error(result: Any) -> None:
    """It does not count as success."""
    async with opened() as (peer, _, session), session.prompt(HELLO) as turn:
        peer.reply(await peer.expect("session/prompt"), result)
        assert await _all(turn) == []
    assert isinstance(turn.error, ProtocolError)


@pytest.mark.parametrize(
    "work",
    [
        {"sessionUpdate": "agent_thought_chunk", "content": {"type": "text", "text": "hm"}},
        {"sessionUpdate": "agent_message_chunk", "content": {"type": "text", "text": "hm"}},
        {"sessionUpdate": "tool_call_update", "toolCallId": "c"},
        {"sessionUpdate": "plan", "entries": []},
    ],
    ids=lambda work: str(work["sessionUpdate"]),
)
async def test_the_message_is_taken_in_when_the_agent_begins_to_work_on_it(work: dict[str, Any]) -> None:
    """What an agent reports about its session at any time says nothing about the message."""
    async with opened() as (peer, _, session):
        peer.update(session.session_id, work)  # Left from before the prompt.
        await quiet()
        async with session.prompt(HELLO) as turn:
            prompt = await peer.expect("session/prompt")
            peer.update(session.session_id, {"sessionUpdate": "available_commands_update", "availableCommands": []})
            peer.update(session.session_id, {"sessionUpdate": "session_info_update", "title": "T"})
            peer.update(session.session_id, {"sessionUpdate": "usage_update", "used": 1, "size": 2})
            await quiet()
            assert not turn.taken_in
            peer.update(session.session_id, work)
            await quiet()
            assert (turn.taken_in, turn.ended) == (True, False)
            peer.end_turn(prompt)


async def test_a_question_or_the_response_shows_that_the_message_is_taken_in() -> None:
    """An answer without output is one too; a refusal and a death are none."""
    async with opened() as (peer, _, session):
        async with session.prompt(HELLO) as turn:
            prompt = await peer.expect("session/prompt")
            peer.ask(session.session_id)
            await anext(turn)
            assert turn.taken_in
            peer.end_turn(prompt)
        async with session.prompt(HELLO) as turn:
            peer.end_turn(await peer.expect("session/prompt"))
            assert await _all(turn) == []
        assert (turn.taken_in, turn.ended) == (True, True)
        async with session.prompt(HELLO) as turn:
            peer.fail(await peer.expect("session/prompt"), -32000, "Authentication required")
            assert await _all(turn) == []
        assert (turn.taken_in, turn.ended) == (False, True)
        async with session.prompt(HELLO) as turn:
            peer.die()
            assert await _all(turn) == []
        assert (turn.taken_in, turn.ended) == (False, True)


async def test_a_turn_ends_when_its_agent_dies_and_says_why() -> None:
    """Earlier events stay; the error has the exit status and the last stderr lines."""
    async with opened() as (peer, _, session), session.prompt(HELLO) as turn:
        await peer.expect("session/prompt")
        peer.text(session.session_id, "I will ")
        peer.die(101, ["thread 'main' panicked"])
        assert await _all(turn) == [Text("I will ")]
    assert isinstance(turn.error, AgentClosed)
    assert (turn.error.exit_status, turn.error.stderr) == (101, ("thread 'main' panicked",))


async def test_a_consumer_that_stops_waiting_loses_no_event() -> None:
    """A bounded wait may be cancelled and repeated."""
    async with opened() as (peer, _, session), session.prompt(HELLO) as turn:
        prompt = await peer.expect("session/prompt")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(120):
                await anext(turn)
        peer.text(session.session_id, "still here")
        peer.end_turn(prompt)
        assert await _all(turn) == [Text("still here")]


async def test_the_events_that_wait_when_the_turn_ends_can_still_be_read() -> None:
    """The end comes last."""
    async with opened() as (peer, _, session), session.prompt(HELLO) as turn:
        prompt = await peer.expect("session/prompt")
        for number in range(100):
            peer.text(session.session_id, f"{number} ")
        peer.end_turn(prompt)
        first = await anext(turn)
        await quiet()
        assert turn.ended
        assert [first, *await _all(turn)] == [Text(f"{number} ") for number in range(100)]


async def test_the_unread_events_are_taken_without_waiting() -> None:
    """A turn that runs yields only what has arrived."""
    async with opened() as (peer, _, session), session.prompt(HELLO) as turn:
        prompt = await peer.expect("session/prompt")
        peer.text(session.session_id, "arrived")
        await quiet()
        assert [*turn.unread()] == [Text("arrived")]
        assert [*turn.unread()] == []
        peer.end_turn(prompt)


async def test_others_have_their_turn_between_events_that_came_together() -> None:
    """One read may bring hundreds of events, and showing each takes time."""
    async with opened() as (peer, _, session), session.prompt(HELLO) as turn:
        prompt = await peer.expect("session/prompt")
        for number in range(10):
            peer.update(session.session_id, {"sessionUpdate": "tool_call", "toolCallId": f"{number}", "title": "Run"})
        peer.end_turn(prompt)
        await quiet()
        others = 0

        def other() -> None:
            nonlocal others
            others += 1

        seen = []
        async for _ in turn:
            seen.append(others)
            asyncio.get_running_loop().call_soon(other)
    assert seen == [*range(10)]


@pytest.mark.parametrize("kind", ["agent_message_chunk", "agent_thought_chunk"])
async def test_a_text_of_any_length_comes_in_pieces(kind: str) -> None:
    """All of it arrives, with room for other work between the pieces."""
    text = "".join(map(str, range(30_000)))
    async with opened() as (peer, _, session), session.prompt(HELLO) as turn:
        prompt = await peer.expect("session/prompt")
        peer.update(session.session_id, {"sessionUpdate": kind, "content": _content(text)})
        peer.end_turn(prompt)
        pieces = [event.text async for event in turn if isinstance(event, Text | Thought)]
    assert "".join(pieces) == text
    assert len(pieces) == -(-len(text) // LONGEST_PIECE)
    assert max(map(len, pieces)) == LONGEST_PIECE


# ---- questions


@pytest.mark.parametrize("request_id", [0, None, "", "7e5f0038-4826"], ids=repr)
async def test_a_question_is_answered_once_with_the_option_chosen(request_id: int | str | None) -> None:
    """The first answer wins, for every id; the agent gets exactly one."""
    async with opened() as (peer, _, session), session.prompt(HELLO) as turn:
        prompt = await peer.expect("session/prompt")
        peer.ask(session.session_id, request_id=request_id)
        question = await anext(turn)
        assert isinstance(question, Question)
        assert turn.unanswered == (question,)
        assert turn.answer(request_id, question.options[0].option_id)
        assert not turn.answer(request_id, "no")
        assert not turn.unanswered
        answer = await peer.answer_to(request_id)
        assert answer["result"] == {"outcome": {"outcome": "selected", "optionId": "yes"}}
        peer.end_turn(prompt)
        assert await _all(turn) == []
    assert _answers(peer.received) == [answer]


async def test_questions_may_be_open_side_by_side() -> None:
    """Each is answered by its own id, in any order."""
    async with opened() as (peer, _, session), session.prompt(HELLO) as turn:
        prompt = await peer.expect("session/prompt")
        first, second = peer.ask(session.session_id), peer.ask(session.session_id)
        assert [_id(await anext(turn)), _id(await anext(turn))] == [first, second]
        assert turn.answer(second, "no")
        assert turn.answer(first, "yes")
        assert (await peer.answer_to(first))["result"]["outcome"]["optionId"] == "yes"
        assert (await peer.answer_to(second))["result"]["outcome"]["optionId"] == "no"
        peer.end_turn(prompt)


async def test_an_answer_to_no_question_does_nothing() -> None:
    """A click on an old card reaches no agent."""
    async with opened() as (peer, _, session), session.prompt(HELLO) as turn:
        prompt = await peer.expect("session/prompt")
        assert not turn.answer(0, "yes")
        peer.end_turn(prompt)
    assert _answers(peer.received) == []


async def test_a_question_that_the_agent_takes_back_is_withdrawn() -> None:
    """The consumer gets an event, the agent its answer, and a click comes too late."""
    async with opened() as (peer, _, session), session.prompt(HELLO) as turn:
        prompt = await peer.expect("session/prompt")
        asked = peer.ask(session.session_id)
        assert _id(await anext(turn)) == asked == 0
        peer.notify("$/cancel_request", {"requestId": asked})
        assert await anext(turn) == Withdrawn(asked)
        assert (await peer.answer_to(asked))["result"] == CANCELLED
        assert not turn.answer(asked, "yes")
        peer.end_turn(prompt)
        assert await _all(turn) == []
    assert len(_answers(peer.received)) == 1


@pytest.mark.parametrize("params", [{"requestId": 7}, {"requestId": []}, {"requestId": {}}, {}, None, []], ids=repr)
async def test_a_withdrawal_of_no_open_question_changes_nothing(params: Any) -> None:
    """For any id; the open question stays open."""
    async with opened() as (peer, _, session), session.prompt(HELLO) as turn:
        prompt = await peer.expect("session/prompt")
        asked = peer.ask(session.session_id)
        peer.notify("$/cancel_request", params)
        peer.text(session.session_id, "after")
        assert [_id(await anext(turn)), await anext(turn)] == [asked, Text("after")]
        assert turn.answer(asked, "yes")
        peer.end_turn(prompt)


async def test_questions_that_are_open_when_the_turn_ends_are_answered_cancelled() -> None:
    """Every request of the agent gets an answer."""
    async with opened() as (peer, _, session), session.prompt(HELLO) as turn:
        prompt = await peer.expect("session/prompt")
        asked = peer.ask(session.session_id)
        peer.end_turn(prompt)
        assert len(await _all(turn)) == 1
        assert (await peer.answer_to(asked))["result"] == CANCELLED
        assert not turn.answer(asked, "yes")


async def test_questions_of_an_agent_that_died_are_no_longer_open() -> None:
    """A later click is refused without an error."""
    async with opened() as (peer, _, session), session.prompt(HELLO) as turn:
        await peer.expect("session/prompt")
        asked = peer.ask(session.session_id)
        peer.die()
        assert len(await _all(turn)) == 1
        assert not turn.unanswered
        assert not turn.answer(asked, "yes")


# ---- cancel


async def test_a_cancelled_turn_goes_on_until_the_agents_response() -> None:
    """Open questions are answered `cancelled`, later events are shown, and the response ends it."""
    async with opened() as (peer, _, session), session.prompt(HELLO) as turn:
        prompt = await peer.expect("session/prompt")
        asked = peer.ask(session.session_id)
        await anext(turn)
        turn.cancel()
        assert (await peer.expect("session/cancel"))["params"] == {"sessionId": session.session_id}
        assert (await peer.answer_to(asked))["result"] == CANCELLED
        assert turn.cancelled
        assert not turn.ended
        peer.text(session.session_id, "I had begun.")
        peer.end_turn(prompt, "cancelled")
        assert await _all(turn) == [Text("I had begun.")]
    assert (turn.stop_reason, turn.error) == ("cancelled", None)


async def test_the_cancel_is_sent_before_the_answers_to_open_questions() -> None:
    """After an earlier `cancelled` the agent could ask again."""
    async with opened() as (peer, _, session), session.prompt(HELLO) as turn:
        prompt = await peer.expect("session/prompt")
        peer.ask(session.session_id)
        await anext(turn)
        turn.cancel()
        assert [message.get("method") for message in peer.received[-2:]] == ["session/cancel", None]
        peer.end_turn(prompt, "cancelled")


async def test_a_question_after_the_cancel_is_answered_cancelled_at_once() -> None:
    """It is not shown."""
    async with opened() as (peer, _, session), session.prompt(HELLO) as turn:
        prompt = await peer.expect("session/prompt")
        turn.cancel()
        asked = peer.ask(session.session_id)
        assert (await peer.answer_to(asked))["result"] == CANCELLED
        peer.end_turn(prompt, "cancelled")
        assert await _all(turn) == []


async def test_a_second_cancel_and_one_after_the_end_do_nothing() -> None:
    """The agent gets one, and none that could hit the next turn."""
    async with opened() as (peer, _, session):
        async with session.prompt(HELLO) as turn:
            prompt = await peer.expect("session/prompt")
            turn.cancel()
            turn.cancel()
            peer.end_turn(prompt, "cancelled")
            await _all(turn)
        async with session.prompt(HELLO) as turn:
            peer.end_turn(await peer.expect("session/prompt"))
            await _all(turn)
            turn.cancel()
    assert peer.methods().count("session/cancel") == 1
    assert not turn.cancelled


async def test_an_agent_that_ignores_the_cancel_loses_its_connection() -> None:
    """After `CANCEL_SECONDS` the turn ends, the lock is free, and no other prompt reaches the agent."""
    async with opened() as (peer, agent, session):
        began = asyncio.get_running_loop().time()
        async with session.prompt(HELLO) as turn:
            prompt = await peer.expect("session/prompt")
            turn.cancel()
            peer.text(session.session_id, "busy")
            assert await _all(turn) == [Text("busy")]
        assert asyncio.get_running_loop().time() - began == pytest.approx(CANCEL_SECONDS)
        assert isinstance(turn.error, AgentClosed)
        assert isinstance(turn.error, AgentClosed)
        assert (turn.error.reason, turn.error.seconds) == (CloseReason.CANCEL_IGNORED, 10)
        assert peer.aborted
        assert not agent.connection.lock.locked()
        peer.end_turn(prompt, "cancelled")
        with pytest.raises(AgentClosed):
            async with session.prompt(HELLO):
                pytest.fail("it was sent")


async def test_the_grace_ends_with_the_response() -> None:
    """A turn that ends in time does not cost the connection later."""
    async with opened() as (peer, agent, session):
        async with session.prompt(HELLO) as turn:
            prompt = await peer.expect("session/prompt")
            turn.cancel()
            await elapse(CANCEL_SECONDS - 1)
            peer.end_turn(prompt, "cancelled")
            await _all(turn)
        await elapse(10 * CANCEL_SECONDS)
        assert agent.connection.error is None


# ---- flow


async def test_a_flood_stops_the_reading_until_it_is_taken() -> None:
    """Memory is bounded, reading resumes when most is read, and no event is lost."""
    piece = "x" * 8_000
    total = 5 * HIGH_WATER // len(piece)
    async with opened() as (peer, _, session), session.prompt(HELLO) as turn:
        prompt = await peer.expect("session/prompt")
        for _ in range(total):
            peer.text(session.session_id, piece)
        peer.end_turn(prompt)
        await quiet()
        assert peer.paused
        assert peer.waiting_output > 3 * HIGH_WATER
        taken = 0
        while peer.paused:
            assert await anext(turn) == Text(piece)
            taken += 1
        assert HIGH_WATER - LOW_WATER < taken * (len(piece) + 500) < HIGH_WATER
        rest = await _all(turn)
    assert taken + len(rest) == total
    assert turn.stop_reason == "end_turn"


async def test_many_small_events_are_a_flood_too() -> None:
    """An event without text still takes memory."""
    async with opened() as (peer, _, session), session.prompt(HELLO):
        await peer.expect("session/prompt")
        for _ in range(40):
            peer.raw(100 * _line_of_nothing(session.session_id))
        assert peer.waiting_output < HIGH_WATER
        await quiet()
        assert peer.paused
        peer.die()


async def test_one_event_beyond_the_bound_pauses_and_goes_on() -> None:
    """A single huge line is no deadlock."""
    async with opened() as (peer, _, session), session.prompt(HELLO) as turn:
        prompt = await peer.expect("session/prompt")
        huge = "x" * (2 * HIGH_WATER)
        peer.update(session.session_id, {"sessionUpdate": "tool_call", "toolCallId": "c", "title": huge})
        peer.text(session.session_id, "small")
        peer.end_turn(prompt)
        call, text = await _all(turn)
        assert isinstance(call, ToolCall)
        assert (call.title, text) == (huge, Text("small"))
    assert not peer.paused


async def test_reading_goes_on_after_a_turn_that_ended_while_it_was_paused() -> None:
    """Draining the queue resumes it; else later messages would never be read."""
    async with opened() as (peer, agent, session), session.prompt(HELLO) as turn:
        await peer.expect("session/prompt")
        peer.text(session.session_id, "x" * (2 * HIGH_WATER))
        await quiet()
        assert peer.paused
        agent.connection.close(AgentClosed(CloseReason.STOPPED))
        assert sum(len(event.text) for event in await _all(turn) if isinstance(event, Text)) == 2 * HIGH_WATER
        assert not peer.paused


async def test_leaving_early_drops_what_waits_and_lets_a_paused_agent_end() -> None:
    """The flood is dropped, and the response behind it is found."""
    async with opened() as (peer, agent, session):
        async with session.prompt(HELLO) as turn:
            prompt = await peer.expect("session/prompt")
            for _ in range(4):
                peer.text(session.session_id, "x" * HIGH_WATER)
            peer.end_turn(prompt, "cancelled")
            await quiet()
            assert peer.paused
        assert turn.stop_reason == "cancelled"
        assert not peer.paused
        assert agent.connection.error is None


async def test_the_representation_reads_like_a_status_line() -> None:
    """Its state and its open work."""
    async with opened() as (peer, agent, session), session.prompt(HELLO) as turn:
        await peer.expect("session/prompt")
        assert repr(turn) == "<Turn running, 0 waiting, 0 open>"
        peer.ask(session.session_id)
        await quiet()
        assert repr(turn) == "<Turn running, 1 waiting, 1 open>"
        agent.connection.close(AgentClosed(CloseReason.STOPPED))
        assert repr(turn) == "<Turn AgentClosed, 1 waiting, 0 open>"


def _content(text: str) -> dict[str, str]:
    return {"type": "text", "text": text}


def _line_of_nothing(session_id: str) -> bytes:
    update = '{"sessionUpdate":"plan","entries":[]}'
    return f'{{"method":"session/update","params":{{"sessionId":"{session_id}","update":{update}}}}}\n'.encode()


def _answers(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [message for message in messages if "method" not in message]


def _id(event: Event) -> int | str | None:
    assert isinstance(event, Question)
    return event.request_id


async def _all(turn: Turn) -> list[Event]:
    return [event async for event in turn]


@pytest.mark.parametrize(
    ("kinds", "rejection"),
    [
        (("allow_once", "reject_always", "reject_once", "reject_once"), "2"),
        (("allow_once", "reject_always"), "1"),
        (("allow_once", "allow_always"), None),
    ],
)
def test_a_question_is_denied_by_its_mildest_rejection(kinds: tuple[str, ...], rejection: str | None) -> None:
    """Once rather than for ever, the first of a kind; `cancelled` where there is none."""
    options = tuple(PermissionOption(option_id=str(number), name="x", kind=kind) for number, kind in enumerate(kinds))
    assert Question(0, ToolCallUpdate(tool_call_id="c"), options).rejection == rejection
