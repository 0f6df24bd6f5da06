"""Forks of sessions: what is sent, what an agent replays for one, and answers that are none."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from acp import Agent, Event, MessageBegun, ProtocolError, RemoteError, RequestTimeout, Session, Text, Unsupported
from acp.early_updates import CLOSED_SESSIONS
from acp.session import LONGEST_ID
from acp.timeouts import FORK_SECONDS
from tests.acp.official import by_the_schema
from tests.acp.opened import CWD, HELLO, opened
from tests.support.memory_agent import Json, MemoryAgent
from tests.support.virtual_time import quiet

pytestmark = by_the_schema

FORKS: Json = {"loadSession": True, "sessionCapabilities": {"fork": {}, "close": {}}}

REPLAY: Sequence[Json] = (
    {"sessionUpdate": "user_message_chunk", "messageId": "u", "content": {"type": "text", "text": "an old request"}},
    {"sessionUpdate": "tool_call", "toolCallId": "call", "title": "an old command"},
    {"sessionUpdate": "agent_message_chunk", "messageId": "old", "content": {"type": "text", "text": "an old answer"}},
    {"sessionUpdate": "session_info_update", "title": "An old title"},
)


async def test_a_fork_is_a_session_of_its_own() -> None:
    """It is asked for as a new session is, with the source; it takes prompts, and its settings are known."""
    modes = {"currentModeId": "ask", "availableModes": [{"id": "ask", "name": "Ask"}]}
    async with opened(MemoryAgent(capabilities=FORKS, modes=modes)) as (peer, agent, session):
        assert agent.can_fork
        fork = await agent.fork_session("elsewhere", CWD)
        request = await peer.expect("session/fork")
        assert request["params"] == {"sessionId": "elsewhere", "cwd": str(CWD), "mcpServers": []}
        assert (fork.session_id, fork.mode) == ("session-2", "ask")
        assert fork.session_id != session.session_id
        assert await _first_turn(peer, fork, "new") == [Text("new")]


async def test_a_fork_point_is_named_as_an_extension() -> None:
    """Agents that know it read it from `_meta`; the others ignore that."""
    async with opened(MemoryAgent(capabilities=FORKS)) as (peer, agent, session):
        await agent.fork_session(session.session_id, CWD, message_id="msg_1")
        request = await peer.expect("session/fork")
        assert request["params"]["_meta"] == {"jetbrains": {"air": {"fork": {"version": 1, "messageId": "msg_1"}}}}


async def test_an_agent_that_does_not_announce_it_is_not_asked_to_fork() -> None:
    """Nothing is sent."""
    async with opened() as (peer, agent, session):
        assert not agent.can_fork
        with pytest.raises(Unsupported):
            await agent.fork_session(session.session_id, CWD)
        assert "session/fork" not in peer.methods()


@pytest.mark.parametrize("late", [False, True], ids=["before the answer", "after it"])
async def test_what_an_agent_replays_for_a_fork_is_no_answer(*, late: bool) -> None:
    """Neither before its answer nor after it; what it tells about the session counts, and so does the real answer."""
    peer = MemoryAgent(capabilities=FORKS, manual={"session/fork"})
    async with opened(peer) as (_, agent, session):
        forking = asyncio.create_task(agent.fork_session(session.session_id, CWD))
        request = await peer.expect("session/fork")
        for update in () if late else REPLAY:
            peer.update("copy", update)
        peer.reply(request, {"sessionId": "copy"})
        fork = await forking
        for update in REPLAY if late else ():
            peer.update("copy", update)
        await quiet()
        assert fork.title == "An old title"
        assert [each for each in await _first_turn(peer, fork, "new") if each != MessageBegun()] == [Text("new")]


@pytest.mark.parametrize(
    "result",
    [None, [], {}, {"sessionId": 5}, {"sessionId": "session-1"}, {"sessionId": "source"}],
    ids=["null", "a list", "no id", "a number", "an open session", "the source"],
)
async def test_an_answer_that_names_no_new_session_is_an_error_of_the_agent(result: Any) -> None:
    """Two threads in one session would answer each other's questions. The session that is open stays what it is."""
    peer = MemoryAgent(capabilities=FORKS, manual={"session/fork"})
    async with opened(peer) as (_, agent, session):
        forking = asyncio.create_task(agent.fork_session("source", CWD))
        peer.reply(await peer.expect("session/fork"), result)
        with pytest.raises(ProtocolError, match="session/fork"):
            await forking
        assert await _first_turn(peer, session, "mine") == [Text("mine")]


async def test_a_refusal_is_told_from_an_answer_that_never_comes() -> None:
    """A refusal has the agent's reason; an agent that is silent has a limit."""
    peer = MemoryAgent(capabilities=FORKS, manual={"session/fork"})
    async with opened(peer) as (_, agent, _):
        forking = asyncio.create_task(agent.fork_session("source", CWD))
        peer.fail(await peer.expect("session/fork"), -32602, "no such message")
        with pytest.raises(RemoteError, match="no such message"):
            await forking
        began = asyncio.get_running_loop().time()
        with pytest.raises(RequestTimeout):
            await agent.fork_session("source", CWD)
        assert asyncio.get_running_loop().time() - began == pytest.approx(FORK_SECONDS)


async def test_updates_of_a_closed_session_take_no_room_of_others() -> None:
    """An agent may replay a fork that was closed meanwhile. Only the last closed sessions are remembered."""
    async with opened(MemoryAgent(capabilities=FORKS)) as (peer, agent, session):
        closed = [await _forked_and_closed(agent, session) for _ in range(CLOSED_SESSIONS + 1)]
        for session_id in closed:
            peer.text(session_id, "an old answer")
        await quiet()
        assert list(agent._dispatch.early._waiting) == closed[:1]


async def test_a_turn_knows_the_last_message_of_the_agent() -> None:
    """A fork point names it. Chunks on the fast path belong to the message before them; thoughts are no messages."""
    async with opened() as (peer, _, session):
        async with session.prompt(HELLO) as turn:
            prompt = await peer.expect("session/prompt")
            for message_id in ("msg_1", "msg_2"):
                for word in "abc":
                    peer.update(session.session_id, _chunk(word, message_id))
            peer.update(session.session_id, _chunk("hm", "thought", "agent_thought_chunk"))
            peer.update(session.session_id, _chunk("long", "x" * (LONGEST_ID + 1)))
            peer.end_turn(prompt)
            assert "".join([each.text async for each in turn if isinstance(each, Text)]) == "abcabclong"
            assert turn.message_id == "msg_2"
        async with session.prompt(HELLO) as turn:
            peer.end_turn(await peer.expect("session/prompt"))
            assert [each async for each in turn] == []
            assert turn.message_id is None


async def _forked_and_closed(agent: Agent, session: Session) -> str:
    fork = await agent.fork_session(session.session_id, CWD)
    await agent.close_session(fork)
    return fork.session_id


def _chunk(text: str, message_id: str, kind: str = "agent_message_chunk") -> Json:
    return {"sessionUpdate": kind, "messageId": message_id, "content": {"type": "text", "text": text}}


async def _first_turn(peer: MemoryAgent, session: Session, text: str) -> list[Event]:
    async with session.prompt(HELLO) as turn:
        prompt = await peer.expect("session/prompt")
        peer.text(session.session_id, text)
        peer.end_turn(prompt)
        return [event async for event in turn]
