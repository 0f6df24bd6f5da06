import asyncio
from typing import Any

import pytest

from acp import (
    Accept,
    Agent,
    Client,
    Decline,
    Elicitation,
    ElicitationCompleted,
    Event,
    OutOfTurnEvent,
    Question,
    RequestTimeout,
    Text,
    Turn,
    Unreadable,
    Withdrawn,
)
from acp.defects import Invalid
from acp.timeouts import NEW_SECONDS
from tests.acp.official import by_the_schema
from tests.acp.opened import CWD, HELLO, Opened
from tests.support.memory_agent import Json, MemoryAgent
from tests.support.virtual_time import elapse, quiet

pytestmark = by_the_schema

SCHEMA: Json = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}


async def opened(*modes: str) -> Opened:
    """An agent that may elicit in those modes, and its session."""
    peer = MemoryAgent()
    agent = await Agent.start(peer, Client(elicitation=frozenset(modes)))
    return Opened(peer, agent, await agent.new_session(CWD))


def elicit(peer: MemoryAgent, request_id: int, **params: Any) -> None:
    """Ask for a form by default."""
    asked = {"mode": "form", "message": "Who are you?", "requestedSchema": SCHEMA, **params}
    peer.say({"id": request_id, "method": "elicitation/create", "params": asked})


@pytest.mark.parametrize(
    ("answer", "written"),
    [
        (Accept({"name": "Ann"}), {"action": "accept", "content": {"name": "Ann"}}),
        (Accept(), {"action": "accept"}),
        (Decline(), {"action": "decline"}),
    ],
    ids=repr,
)
async def test_a_form_is_an_event_of_the_turn_and_answered_once(answer: Accept | Decline, written: Json) -> None:
    """The first answer of the right kind wins."""
    peer, agent, session = await opened("form")
    async with session.prompt(HELLO) as turn:
        prompt = await peer.expect("session/prompt")
        elicit(peer, 0, sessionId=session.session_id, toolCallId="c")
        event = await anext(turn)
        assert event == Elicitation(0, "form", "Who are you?", SCHEMA, tool_call_id="c")
        assert turn.unanswered == (event,)
        with pytest.raises(TypeError, match="Elicitation 0"):
            turn.answer(0, "yes")
        assert turn.answer(0, answer)
        assert not turn.answer(0, Decline())
        assert (await peer.answer_to(0))["result"] == written
        assert not turn.unanswered
        peer.end_turn(prompt)
    await agent.stop()


async def test_a_form_is_no_answer_to_a_question() -> None:
    """The question stays open for an option."""
    peer, agent, session = await opened("form")
    async with session.prompt(HELLO) as turn:
        prompt = await peer.expect("session/prompt")
        peer.ask(session.session_id)
        assert isinstance(await anext(turn), Question)
        with pytest.raises(TypeError, match="Question 0"):
            turn.answer(0, Accept())
        assert turn.answer(0, "yes")
        peer.end_turn(prompt)
    await agent.stop()


async def test_a_page_is_visited_and_its_completion_told() -> None:
    """With the address and its id; listeners ignore an unknown completion."""
    peer, agent, session = await opened("url")
    peer.notify("elicitation/complete", {"elicitationId": "outside a turn"})
    await quiet()
    async with session.prompt(HELLO) as turn:
        prompt = await peer.expect("session/prompt")
        elicit(peer, 1, mode="url", sessionId=session.session_id, url="https://a.example/", elicitationId="e-1")
        event = await anext(turn)
        assert isinstance(event, Elicitation)
        assert (event.mode, event.url, event.elicitation_id) == ("url", "https://a.example/", "e-1")
        assert turn.answer(1, Accept())
        peer.notify("elicitation/complete", {"elicitationId": "e-1"})
        peer.notify("elicitation/complete", {"elicitationId": 5})
        assert await anext(turn) == ElicitationCompleted("e-1")
        peer.end_turn(prompt)
        assert await _rest(turn) == []
    await agent.stop()


async def test_an_elicitation_about_the_prompts_request_is_the_turns() -> None:
    """It names no session but a request of ours."""
    peer, agent, session = await opened("form")
    async with session.prompt(HELLO) as turn:
        prompt = await peer.expect("session/prompt")
        elicit(peer, 0, requestId=prompt["id"])
        assert isinstance(await anext(turn), Elicitation)
        elicit(peer, 1, requestId="nobody's")
        assert (await peer.answer_to(1))["error"]["code"] == -32602
        peer.end_turn(prompt)
        assert await _rest(turn) == [Unreadable(Invalid('no request "nobody\'s" waits for an answer'))]
    assert (await peer.answer_to(0))["result"] == {"action": "cancel"}
    await agent.stop()


@pytest.mark.parametrize(
    "params",
    [
        {"mode": "url"},
        {"mode": "telepathy"},
        {"message": None},
        {"sessionId": "somebody else's"},
        {"sessionId": None},
        {"sessionId": None, "requestId": 99},
    ],
    ids=repr,
)
async def test_an_elicitation_that_cannot_be_shown_is_refused(params: Json) -> None:
    """Of a mode that was not offered, malformed, or of an unknown session."""
    peer, agent, session = await opened("form")
    elicit(peer, 0, **{"sessionId": session.session_id, **params})
    assert (await peer.answer_to(0))["error"]["code"] == -32602
    await agent.stop()


async def test_an_elicitation_outside_a_turn_is_cancelled_at_once_where_nobody_is_to_be_asked() -> None:
    """Without a listener no person can answer it."""
    peer, agent, session = await opened("form")
    elicit(peer, 0, sessionId=session.session_id)
    assert (await peer.answer_to(0))["result"] == {"action": "cancel"}
    peer.notify("elicitation/complete", {"elicitationId": "e"})
    await quiet()
    await agent.stop()


async def test_an_elicitation_outside_a_turn_is_asked_out_of_turn() -> None:
    """Of a session, also before its opening was read; answered, withdrawn, or ended with its agent."""
    peer = MemoryAgent(manual=("session/new",))
    agent = await Agent.start(peer, Client(elicitation=frozenset({"form", "url"})))
    heard: list[OutOfTurnEvent] = []
    agent.listen_out_of_turn(heard.append)
    opening = asyncio.create_task(agent.new_session(CWD))
    peer.reply(await peer.expect("session/new"), {"sessionId": "s"})
    elicit(peer, 0, sessionId="s")
    session = await opening
    await quiet()
    for request_id in (1, 2, 3):
        elicit(peer, request_id, sessionId=session.session_id)
    peer.notify("$/cancel_request", {"requestId": 1})
    peer.notify("elicitation/complete", {"elicitationId": "e"})
    await quiet()
    assert [type(event).__name__ for event in heard] == ["Elicitation"] * 4 + ["Withdrawn", "ElicitationCompleted"]
    assert agent.out_of_turn.answer(0, Accept({"name": "Ann"}))
    assert agent.out_of_turn.withdraw(2)
    assert not agent.out_of_turn.answer(2, Accept({}))
    assert [each.request_id for each in agent.out_of_turn.unanswered] == [3]
    answers = [(await peer.answer_to(number))["result"]["action"] for number in (0, 1, 2)]
    assert answers == ["accept", "cancel", "cancel"]
    await agent.stop()
    assert heard[6:] == [Withdrawn(3)]
    assert not agent.out_of_turn.unanswered


async def test_what_is_asked_behind_a_turns_end_is_asked_out_of_turn() -> None:
    """Also before all of the turn was read; its page is completed after it."""
    peer, agent, session = await opened("form")
    heard: list[OutOfTurnEvent] = []
    agent.listen_out_of_turn(heard.append)
    async with session.prompt(HELLO) as turn:
        prompt = await peer.expect("session/prompt")
        peer.text(session.session_id, "well")
        peer.end_turn(prompt)
        elicit(peer, 0, sessionId=session.session_id)
        peer.notify("elicitation/complete", {"elicitationId": "in order"})
        await quiet()
        assert [type(event).__name__ for event in heard] == ["Elicitation"]
        assert await _rest(turn) == [Text("well"), ElicitationCompleted("in order")]
        peer.notify("elicitation/complete", {"elicitationId": "late"})
        await quiet()
        assert heard[1:] == [ElicitationCompleted("late")]
    assert agent.out_of_turn.answer(0, Decline())
    await agent.stop()


async def test_a_request_waits_while_a_person_is_asked_about_it() -> None:
    """The clock stops; after the last answer the agent has its whole time again."""
    peer = MemoryAgent(manual=("session/new",))
    agent = await Agent.start(peer, Client(elicitation=frozenset({"form"})))
    heard: list[OutOfTurnEvent] = []
    agent.listen_out_of_turn(heard.append)
    opening = asyncio.create_task(agent.new_session(CWD))
    asked = await peer.expect("session/new")
    for request_id in (0, 1):
        elicit(peer, request_id, requestId=asked["id"])
    await elapse(10 * NEW_SECONDS)
    assert len(agent.out_of_turn.unanswered) == 2
    for request_id in (0, 1):
        assert not opening.done()
        assert agent.out_of_turn.answer(request_id, Accept({"name": "Ann"}))
        await elapse(NEW_SECONDS - 1)
    assert not opening.done()
    await elapse(2)
    with pytest.raises(RequestTimeout):
        await opening
    await agent.stop()


async def test_a_question_about_a_request_ends_with_it() -> None:
    """When the request is answered, fails, or loses its agent."""
    peer = MemoryAgent(manual=("session/new",))
    agent = await Agent.start(peer, Client(elicitation=frozenset({"form"})))
    heard: list[OutOfTurnEvent] = []
    agent.listen_out_of_turn(heard.append)
    for request_id, end in enumerate(("reply", "fail", "cancel")):
        opening = asyncio.create_task(agent.new_session(CWD))
        asked = await peer.expect("session/new")
        elicit(peer, request_id, requestId=asked["id"])
        await quiet()
        match end:
            case "reply":
                peer.reply(asked, {"sessionId": "s"})
            case "fail":
                peer.fail(asked, -32603, "no")
            case _:
                opening.cancel()
        await asyncio.gather(opening, return_exceptions=True)
        assert heard[-1] == Withdrawn(request_id)
        assert (await peer.answer_to(request_id))["result"] == {"action": "cancel"}
    assert not agent.out_of_turn.unanswered
    await agent.stop()


async def test_an_elicitation_is_withdrawn_or_ended_like_a_question() -> None:
    """By $/cancel_request, and by a cancelled turn."""
    peer, agent, session = await opened("form")
    async with session.prompt(HELLO) as turn:
        prompt = await peer.expect("session/prompt")
        elicit(peer, 0, sessionId=session.session_id)
        await anext(turn)
        peer.notify("$/cancel_request", {"requestId": 0})
        assert await anext(turn) == Withdrawn(0)
        assert (await peer.answer_to(0))["result"] == {"action": "cancel"}
        elicit(peer, 1, sessionId=session.session_id)
        await anext(turn)
        turn.cancel()
        assert (await peer.answer_to(1))["result"] == {"action": "cancel"}
        peer.end_turn(prompt, "cancelled")
    await agent.stop()


async def test_an_id_that_is_used_again_ends_the_question_that_had_it() -> None:
    """Every request gets an answer."""
    peer, agent, session = await opened("form")
    async with session.prompt(HELLO) as turn:
        prompt = await peer.expect("session/prompt")
        peer.ask(session.session_id, request_id=7)
        peer.ask(session.session_id, request_id=7)
        await quiet()
        assert [message["result"] for message in peer.received if "result" in message] == [
            {"outcome": {"outcome": "cancelled"}}
        ]
        assert len(turn.unanswered) == 1
        peer.end_turn(prompt)
    await agent.stop()


async def test_a_turn_says_what_it_took_where_the_agent_does() -> None:
    """All tokens together; malformed usage counts as missing."""
    peer, agent, session = await opened()
    usages: tuple[Any, ...] = ({"totalTokens": 5, "inputTokens": 3}, {"totalTokens": "many"}, "much", None)
    seen = []
    for usage in usages:
        async with session.prompt(HELLO) as turn:
            peer.reply(await peer.expect("session/prompt"), {"stopReason": "end_turn", "usage": usage})
            peer.text(session.session_id, "")
            await _rest(turn)
        seen.append(turn.usage)
    assert [usage and usage.total_tokens for usage in seen] == [5, None, None, None]
    await agent.stop()


async def test_pieces_that_arrive_together_are_one_event() -> None:
    """Adjacent chunks of one kind and session; the order stays."""
    peer, agent, session = await opened()
    async with session.prompt(HELLO) as turn:
        prompt = await peer.expect("session/prompt")
        peer.text(session.session_id, "a")
        assert await anext(turn) == Text("a")
        said: list[bytes] = []
        peer.raw = lambda *pieces: said.extend(pieces)  # type: ignore[method-assign]
        for text in ("b", "c", "d"):
            peer.text(session.session_id, text)
        peer.update(session.session_id, {"sessionUpdate": "plan", "entries": []})
        peer.text(session.session_id, "e")
        del peer.raw
        peer.raw(b"".join(said))
        peer.end_turn(prompt)
        first, plan, last = await _rest(turn)
        assert (first, type(plan).__name__, last) == (Text("bcd"), "Plan", Text("e"))
    await agent.stop()


async def _rest(turn: Turn) -> list[Event]:
    async with asyncio.timeout(60):
        return [event async for event in turn]
