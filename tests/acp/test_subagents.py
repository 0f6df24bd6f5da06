"""Sessions that an agent opens below a session of ours: what becomes of their updates and questions."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from acp import (
    Accept,
    Agent,
    Client,
    Elicitation,
    Event,
    FileSystem,
    OutOfTurnEvent,
    Question,
    Subagent,
    SubagentState,
    SubagentToolCall,
    Text,
    Turn,
    Unreadable,
    Withdrawn,
)
from acp.schema import SubagentUpdate, ToolCall
from acp.subagents import MOST_SUBAGENTS, REASON, TITLE, Subagents
from tests.acp.opened import CWD, HELLO, Opened
from tests.support.memory_agent import Json, MemoryAgent
from tests.support.virtual_time import quiet

CANCELLED = {"outcome": {"outcome": "cancelled"}}
RUNNING = {"state": "running"}


async def opened(**offer: Any) -> Opened:
    """An agent whose subagents are shown, and its session."""
    peer = MemoryAgent()
    agent = await Agent.start(peer, Client(subagents=True, **offer))
    return Opened(peer, agent, await agent.new_session(CWD))


def announce(peer: MemoryAgent, above: str, session_id: str, **fields: Any) -> None:
    """Announce a subagent on the session above it, or change it."""
    peer.update(above, {"sessionUpdate": "subagent_update", "sessionId": session_id, **fields})


def tool(peer: MemoryAgent, session_id: str, tool_call_id: str = "c") -> None:
    """Announce a tool call."""
    peer.update(session_id, {"sessionUpdate": "tool_call", "toolCallId": tool_call_id, "title": "Read"})


async def rest(turn: Turn) -> list[Event]:
    """Return the remaining events."""
    return [event async for event in turn]


async def test_the_agent_learns_that_subagents_are_shown_where_they_are() -> None:
    """An agent without this sends their work as its own tool calls."""
    shown, hidden = Client(subagents=True).capabilities(), Client().capabilities()
    assert (shown["subagents"], "subagents" in hidden) == ({}, False)


async def test_the_tool_calls_of_subagents_are_theirs_and_their_text_is_not_shown() -> None:
    """Two with interleaved work, whose tool calls have the same id; the agent's own text stays whole."""
    peer, agent, session = await opened()
    async with session.prompt(HELLO) as turn:
        prompt = await peer.expect("session/prompt")
        announce(peer, session.session_id, "a", title="researcher", description="Find it", state=RUNNING)
        announce(peer, session.session_id, "b", title="tester", state=RUNNING)
        tool(peer, "a")
        tool(peer, "b")
        peer.text(session.session_id, "I ")
        for _ in range(3):  # Also by the fast path, which begins with the second of equal lines.
            peer.text("a", "not for people")
        peer.update("b", {"sessionUpdate": "plan", "entries": [{"content": "mine"}]})
        peer.update("b", {"sessionUpdate": "session_info_update", "title": "not the session's"})
        peer.text(session.session_id, "wait")
        announce(peer, session.session_id, "a", state={"state": "idle", "stopReason": "end_turn"})
        peer.end_turn(prompt)
        await quiet()
        events = await rest(turn)
    first = Subagent("a", 1, "researcher", "Find it", SubagentState.RUNNING)
    second = Subagent("b", 1, "tester", "", SubagentState.RUNNING)
    done = Subagent("a", 1, "researcher", "Find it", SubagentState.COMPLETED)
    call = ToolCall(tool_call_id="c", title="Read")
    assert [each if not isinstance(each, SubagentToolCall) else each.subagent for each in events] == [
        *(first, second, first, second, Text("I "), Text("wait"), done)
    ]
    calls = [each.update for each in events if isinstance(each, SubagentToolCall)]
    assert [(each.tool_call_id, each.title) for each in calls] == [(call.tool_call_id, call.title)] * 2
    assert session.title is None
    assert session.subagents.get("a") == done
    assert session.subagents.get(None) is None
    await agent.stop()


async def test_text_of_a_subagent_shows_that_the_agent_is_alive() -> None:
    """One sign is enough while nothing is read; after the turn there is none."""
    peer, agent, session = await opened()
    announce(peer, session.session_id, "a", title="writer")
    await quiet()
    async with session.prompt(HELLO) as turn:
        prompt = await peer.expect("session/prompt")
        assert await anext(turn) == Subagent("a", 1, "writer")
        for _ in range(5):
            peer.text("a", "a long report")
        await quiet()
        assert [*turn.unread()] == [Subagent("a", 1, "writer")]
        assert not turn.taken_in
        peer.end_turn(prompt)
        await quiet()
        peer.text("a", "more")
        await quiet()
        assert [*turn.unread()] == []
    peer.text("a", "still more")
    await quiet()
    await agent.stop()


async def test_a_subagent_of_a_subagent_is_known_as_one() -> None:
    """With its depth, and in the directory of the one above unless it says another."""
    peer, agent, session = await opened()
    async with session.prompt(HELLO) as turn:
        prompt = await peer.expect("session/prompt")
        announce(peer, session.session_id, "a", title="outer", cwd="/srv/tree")
        announce(peer, "a", "b", title="inner")
        announce(peer, "b", "c", title="innermost", cwd="/srv/other")
        announce(peer, "b", "c", cwd=None)
        peer.end_turn(prompt)
        events = await rest(turn)
    assert events == [
        Subagent("a", 1, "outer", cwd="/srv/tree"),
        Subagent("b", 2, "inner", cwd="/srv/tree"),
        Subagent("c", 3, "innermost", cwd="/srv/other"),
        Subagent("c", 3, "innermost", cwd="/srv/tree"),
    ]
    await agent.stop()


@pytest.mark.parametrize(
    ("state", "means", "reason"),
    [
        ({"state": "running"}, SubagentState.RUNNING, ""),
        ({"state": "requires_action"}, SubagentState.WAITING, ""),
        ({"state": "unknown"}, SubagentState.UNKNOWN, ""),
        ({"state": "_dreaming"}, SubagentState.UNKNOWN, ""),
        (None, SubagentState.UNKNOWN, ""),
        ("running", SubagentState.UNKNOWN, ""),
        ({"state": "idle"}, SubagentState.COMPLETED, ""),
        ({"state": "idle", "stopReason": "end_turn"}, SubagentState.COMPLETED, ""),
        ({"state": "idle", "stopReason": "cancelled"}, SubagentState.CANCELLED, ""),
        ({"state": "idle", "stopReason": "max_tokens"}, SubagentState.FAILED, "max_tokens"),
        ({"state": "idle", "stopReason": "error"}, SubagentState.FAILED, "error"),
        (
            {"state": "idle", "stopReason": "error", "error": {"message": "x" * 9999}},
            SubagentState.FAILED,
            "x" * REASON,
        ),
    ],
    ids=repr,
)
async def test_what_a_subagent_does_is_one_of_six_states(state: Any, means: SubagentState, reason: str) -> None:
    """Whatever the agent says; a failure has its reason."""
    peer, agent, session = await opened()
    announce(peer, session.session_id, "a", title="x", description="y", state=RUNNING)
    announce(peer, session.session_id, "a", state=state)
    await quiet()
    assert session.subagents.get("a") == Subagent("a", 1, "x", "y", means, reason)
    await agent.stop()


async def test_what_an_update_omits_stays_and_null_clears_it() -> None:
    """A title may be as long as a line; its beginning is kept."""
    peer, agent, session = await opened()
    announce(peer, session.session_id, "a", title="t" * 9999, description="d")
    announce(peer, session.session_id, "a", title=None)
    announce(peer, session.session_id, "b", title="t" * 9999)
    await quiet()
    assert session.subagents.get("a") == Subagent("a", 1, "", "d")
    assert session.subagents.get("b") == Subagent("b", 1, "t" * TITLE)
    await agent.stop()


async def test_the_sessions_own_id_and_that_of_another_session_name_no_subagent() -> None:
    """An agent cannot hide its own work so."""
    peer, agent, session = await opened()
    other = await agent.new_session(CWD)
    async with session.prompt(HELLO) as turn:
        prompt = await peer.expect("session/prompt")
        announce(peer, session.session_id, session.session_id, title="me")
        announce(peer, session.session_id, "a" * 1001, title="too long an id")
        announce(peer, session.session_id, other.session_id, title="another")
        tool(peer, session.session_id, "mine")
        tool(peer, other.session_id, "of the other")
        peer.ask(other.session_id)
        peer.end_turn(prompt)
        events = await rest(turn)
    assert [type(event) for event in events] == [Subagent, ToolCall]
    assert (await peer.answer_to(0))["result"] == CANCELLED
    await agent.stop()


async def test_a_subagent_keeps_the_place_where_it_was_announced() -> None:
    """Neither itself nor one below it can move it."""
    peer, agent, session = await opened()
    announce(peer, session.session_id, "a")
    announce(peer, "a", "b")
    announce(peer, "b", "a", title="moved?")
    announce(peer, "a", "a", title="itself")
    await quiet()
    assert [session.subagents.get(each) for each in "ab"] == [Subagent("a", 1, "itself"), Subagent("b", 2)]
    await agent.stop()


def known(subagents: Subagents, *states: str) -> list[bool]:
    """Announce one subagent for each state, and return which of them are accepted."""
    told = ({"sessionId": f"{number}", "state": {"state": state}} for number, state in enumerate(states))
    return [subagents.change(SubagentUpdate.model_validate(each)) is not None for each in told]


def test_of_very_many_subagents_the_one_that_rests_longest_is_forgotten() -> None:
    """One that has worked since has a longer life than one announced behind it."""
    subagents = Subagents("main")
    known(subagents, "idle", "idle", *["running"] * (MOST_SUBAGENTS - 2))
    known(subagents, "running")
    known(subagents, "idle")
    subagents.change(SubagentUpdate.model_validate({"sessionId": "new", "state": RUNNING}))
    assert [subagents.get(each) is None for each in ("0", "1", "new")] == [False, True, False]


def test_of_very_many_subagents_those_that_rest_are_forgotten() -> None:
    """If all are at work, no further one is accepted."""
    subagents = Subagents("main")
    assert all(known(subagents, *["running"] * 3, "idle", *["running"] * (MOST_SUBAGENTS - 4), "idle", "running"))
    assert [subagents.get(f"{number}") is None for number in (0, 3, MOST_SUBAGENTS - 1)] == [False, True, False]
    assert all(known(Subagents("main"), *["idle"] * 3 * MOST_SUBAGENTS))
    assert known(Subagents("main"), *["running"] * (MOST_SUBAGENTS + 1)) == [True] * MOST_SUBAGENTS + [False]


# ---- questions


async def test_the_questions_of_two_subagents_are_the_turns_and_each_gets_its_answer() -> None:
    """Whichever session they name; each says who asks."""
    peer, agent, session = await opened(elicitation=frozenset({"form"}))
    async with session.prompt(HELLO) as turn:
        prompt = await peer.expect("session/prompt")
        announce(peer, session.session_id, "a", title="researcher")
        announce(peer, "a", "b", title="tester")
        first, second, own = peer.ask("a"), peer.ask("b"), peer.ask(session.session_id)
        form: Json = {"mode": "form", "message": "Which?", "requestedSchema": {"type": "object"}, "sessionId": "b"}
        peer.say({"id": 9, "method": "elicitation/create", "params": form})
        await quiet()
        asked = [each for each in turn.unread() if isinstance(each, Question | Elicitation)]
        by = [(each.request_id, each.subagent and each.subagent.title) for each in asked]
        assert by == [(first, "researcher"), (second, "tester"), (own, None), (9, "tester")]
        assert turn.answer(second, "no")
        assert turn.answer(first, "yes")
        assert turn.answer(9, Accept({}))
        assert (await peer.answer_to(first))["result"]["outcome"]["optionId"] == "yes"
        assert (await peer.answer_to(second))["result"]["outcome"]["optionId"] == "no"
        assert (await peer.answer_to(9))["result"] == {"action": "accept", "content": {}}
        turn.cancel()
        assert (await peer.answer_to(own))["result"] == CANCELLED
        peer.end_turn(prompt, "cancelled")
    await agent.stop()


async def test_a_question_of_a_subagent_after_the_turn_is_asked_too() -> None:
    """It may work on; the question of the agent itself is cancelled. The agent's end ends it."""
    peer, agent, session = await opened()
    heard: list[OutOfTurnEvent] = []
    agent.listen_out_of_turn(heard.append)
    announce(peer, session.session_id, "a", title="background")
    async with session.prompt(HELLO) as turn:
        peer.end_turn(await peer.expect("session/prompt"))
        await quiet()
        assert turn.ended
        first = peer.ask("a")  # The turn's events are unread, but it takes no more questions.
        await quiet()
        assert await rest(turn) == [Subagent("a", 1, "background")]
    second, own = peer.ask("a"), peer.ask(session.session_id)
    await quiet()
    assert [(type(each), each.request_id) for each in agent.out_of_turn.unanswered] == [
        *((Question, first), (Question, second))
    ]
    assert (await peer.answer_to(own))["result"] == CANCELLED
    assert agent.out_of_turn.answer(first, "yes")
    assert (await peer.answer_to(first))["result"]["outcome"]["optionId"] == "yes"
    await agent.stop()
    assert [type(each) for each in heard] == [Question, Question, Withdrawn]


async def test_a_question_of_a_subagent_that_is_open_at_the_turns_end_is_asked_again() -> None:
    """It gets its answer then. With a cancelled turn it ends, and so it does where nobody is asked outside turns."""
    peer, agent, session = await opened(elicitation=frozenset({"form"}))
    heard: list[OutOfTurnEvent] = []
    announce(peer, session.session_id, "a", title="background")
    form: Json = {"mode": "form", "message": "Which?", "requestedSchema": {"type": "object"}, "sessionId": "a"}
    for end in ("unheard", "cancelled", "end_turn"):
        if end == "end_turn":
            agent.listen_out_of_turn(heard.append)
        async with session.prompt(HELLO) as turn:
            prompt = await peer.expect("session/prompt")
            asked = peer.ask("a")
            peer.say({"id": f"form {end}", "method": "elicitation/create", "params": form})
            await quiet()
            if end == "cancelled":
                turn.cancel()
            peer.end_turn(prompt, end)
            await quiet()
            assert not turn.unanswered
        if end == "end_turn":
            assert [type(each) for each in heard] == [Question, Elicitation]
            assert agent.out_of_turn.answer(asked, "yes")
            assert agent.out_of_turn.withdraw(f"form {end}")
            assert (await peer.answer_to(asked))["result"]["outcome"]["optionId"] == "yes"
        else:
            assert (await peer.answer_to(asked))["result"] == CANCELLED
        assert (await peer.answer_to(f"form {end}"))["result"] == {"action": "cancel"}
    await agent.stop()


async def test_the_question_of_an_unknown_session_is_refused_and_reported() -> None:
    """As it is for a subagent that was never announced."""
    peer, agent, session = await opened()
    async with session.prompt(HELLO) as turn:
        prompt = await peer.expect("session/prompt")
        peer.text("never announced", "lost")
        asked = peer.ask("never announced")
        assert isinstance(await anext(turn), Unreadable)
        assert (await peer.answer_to(asked))["error"]["code"] == -32602
        peer.end_turn(prompt)
    await agent.stop()


async def test_a_file_that_a_subagent_wants_is_asked_about_in_its_name(tmp_path: Path) -> None:
    """Within the directories of the session that it works for."""
    peer = MemoryAgent()
    agent = await Agent.start(peer, Client(subagents=True, file_system=FileSystem))
    session = await agent.new_session(tmp_path)
    (tmp_path / "x").write_text("text")
    async with session.prompt(HELLO) as turn:
        prompt = await peer.expect("session/prompt")
        announce(peer, session.session_id, "a", title="reader")
        params = {"sessionId": "a", "path": str(tmp_path / "x")}
        peer.say({"id": 4, "method": "fs/read_text_file", "params": params})
        assert isinstance(await anext(turn), Subagent)
        question = await anext(turn)
        assert isinstance(question, Question)
        assert (question.of_client, question.subagent) == (True, Subagent("a", 1, "reader"))
        assert turn.answer(4, "reject")
        assert "error" in await peer.answer_to(4)
        peer.end_turn(prompt)
    await agent.stop()


async def test_the_subagents_of_a_loaded_session_are_history() -> None:
    """Known, but not shown until they work again."""
    told = {"sessionUpdate": "subagent_update", "sessionId": "a", "title": "earlier", "state": {"state": "idle"}}
    peer = MemoryAgent(capabilities={"loadSession": True}, history={"kept": [told]}, manual={"session/load"})
    agent = await Agent.start(peer, Client(subagents=True))
    loading = asyncio.create_task(agent.load_session("kept", CWD))
    request = await peer.expect("session/load")
    peer.update("kept", told)
    tool(peer, "a")
    peer.text("a", "its old report")
    peer.reply(request, {})
    session = await loading
    assert session.subagents.get("a") == Subagent("a", 1, "earlier", state=SubagentState.COMPLETED)
    async with session.prompt(HELLO) as turn:
        prompt = await peer.expect("session/prompt")
        await quiet()
        assert [*turn.unread()] == []
        announce(peer, "kept", "a", state=RUNNING)
        assert await anext(turn) == Subagent("a", 1, "earlier", state=SubagentState.RUNNING)
        peer.end_turn(prompt)
    await agent.stop()
