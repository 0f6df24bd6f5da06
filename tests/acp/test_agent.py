import asyncio
from typing import Any

import pytest

from acp import (
    AcpError,
    Agent,
    AgentClosed,
    Client,
    Event,
    ProtocolError,
    RemoteError,
    RequestTimeout,
    Skipped,
    Text,
    Unreadable,
    Unsupported,
)
from acp.client_side.terminals import Terminals
from acp.defects import Invalid, TooManyValues
from acp.early_updates import EARLY_BYTES, EARLY_SESSIONS, EARLY_UPDATES
from acp.errors import CloseReason
from acp.jsonrpc import MAX_VALUES
from acp.schema import UsageUpdate
from acp.timeouts import INITIALIZE_SECONDS, LOAD_SECONDS, NEW_SECONDS
from tests.acp.official import by_the_schema
from tests.acp.opened import CWD, HELLO, opened
from tests.support.memory_agent import MemoryAgent
from tests.support.virtual_time import quiet

pytestmark = by_the_schema

MANY = [0] * (MAX_VALUES + 1)
USAGE = {"sessionUpdate": "usage_update", "used": 0, "size": 200_000}


# ---- initialize


async def test_an_agent_is_initialized_when_it_is_started() -> None:
    """Version 1, without files and terminals; the agent's description is kept."""
    peer = MemoryAgent(capabilities={"loadSession": True, "promptCapabilities": {"image": True}})
    agent = await Agent.start(peer)
    params = peer.received[0]["params"]
    assert params["protocolVersion"] == 1
    assert params["clientCapabilities"] == {
        "fs": {"readTextFile": False, "writeTextFile": False},
        "terminal": False,
        "session": {"configOptions": {"boolean": {}}},
    }
    assert params["clientInfo"]["name"] == "threadline"
    assert (agent.name, agent.pid, agent.can_load) == ("memory 1", peer.pid, True)
    assert agent.info.agent_capabilities.prompt_capabilities.image
    assert repr(agent) == f"<Agent <MemoryAgent {peer.pid} running> <Connection open, 0 pending>>"
    await agent.stop()


async def test_an_agent_need_not_say_anything_of_itself() -> None:
    """The version alone is an answer; such an agent has no name and cannot load sessions."""
    agent, _ = await _start({"protocolVersion": 1})
    assert (agent.name, agent.can_load) == ("", False)


async def test_another_protocol_version_is_no_obstacle() -> None:
    """Some agents echo another number and still speak version 1."""
    agent, _ = await _start({"protocolVersion": 2, "agentInfo": {"name": "a", "title": "An agent", "version": "2"}})
    assert agent.name == "An agent 2"


@pytest.mark.parametrize("result", [None, [], {}, {"protocolVersion": "one"}], ids=repr)
async def test_an_agent_that_answers_initialize_by_something_else_is_stopped(result: Any) -> None:
    """The error blames the agent, and no process is left."""
    with pytest.raises(ProtocolError, match="initialize"):
        await _start(result)


async def test_an_agent_that_refuses_initialize_is_stopped() -> None:
    """The error has the agent's own reason."""
    peer = MemoryAgent(manual={"initialize"})
    start = asyncio.create_task(Agent.start(peer))
    peer.fail(await peer.expect("initialize"), -32000, "Authentication required", "run the login first")
    with pytest.raises(RemoteError, match=r"-32000 Authentication required: run the login first"):
        await start
    assert peer.stopped


async def test_an_agent_that_never_answers_initialize_is_stopped() -> None:
    """The bound of initialize ends the wait."""
    peer = MemoryAgent(manual={"initialize"})
    began = asyncio.get_running_loop().time()
    with pytest.raises(RequestTimeout, match="initialize within 60 s"):
        await Agent.start(peer)
    assert asyncio.get_running_loop().time() - began == pytest.approx(INITIALIZE_SECONDS)
    assert peer.stopped


async def test_an_agent_that_dies_before_it_is_initialized_says_why() -> None:
    """The error has its last stderr lines and its exit code."""
    peer = MemoryAgent(manual={"initialize"})
    start = asyncio.create_task(Agent.start(peer))
    await peer.expect("initialize")
    peer.raw(b"kimi-cli is no longer maintained\n")
    peer.die(1, ["Error: no API key"])
    with pytest.raises(AgentClosed, match=r"exit status 1\)\nError: no API key"):
        await start
    assert peer.stopped


async def test_a_start_that_is_cancelled_leaves_no_process() -> None:
    """Shutdown neither waits for a slow agent nor forgets it."""
    peer = MemoryAgent(manual={"initialize"})
    start = asyncio.create_task(Agent.start(peer))
    await peer.expect("initialize")
    start.cancel()
    await asyncio.wait([start])
    assert start.cancelled()
    assert peer.stopped


# ---- session/new


async def test_a_session_is_opened_in_a_directory() -> None:
    """`mcpServers` is sent even if empty, because all agents insist on it."""
    async with opened() as (peer, _, session):
        assert session.session_id == "session-1"
        assert peer.received[-1]["params"] == {"cwd": "/srv/project", "mcpServers": []}


async def test_updates_before_the_answer_to_session_new_are_kept() -> None:
    """They belong to the session of the answer, and come first in its first turn."""
    peer = MemoryAgent(manual={"session/new"})
    agent = await Agent.start(peer)
    opening = asyncio.create_task(agent.new_session(CWD))
    request = await peer.expect("session/new")
    peer.update("s", USAGE)
    peer.text("s", "early ")
    peer.reply(request, {"sessionId": "s"})
    peer.text("s", "in the same breath")
    session = await opening
    assert isinstance(session.usage, UsageUpdate)
    async with session.prompt(HELLO) as turn:
        peer.end_turn(await peer.expect("session/prompt"))
        assert [event async for event in turn][1:] == [Text("early "), Text("in the same breath")]
    await agent.stop()


async def test_updates_for_sessions_that_nobody_named_are_bounded() -> None:
    """In sessions, in updates and in bytes; kept updates stay."""
    peer = MemoryAgent(manual={"session/new"})
    agent = await Agent.start(peer)
    opening = asyncio.create_task(agent.new_session(CWD))
    request = await peer.expect("session/new")
    for number in range(EARLY_UPDATES + 5):
        peer.text("s", f"{number} ")
    for number in range(2 * EARLY_SESSIONS):
        peer.text(f"other-{number}", "hello")
    peer.reply(request, {"sessionId": "s"})
    assert await _first_turn(peer, await opening) == [Text(f"{number} ") for number in range(EARLY_UPDATES)]
    assert len(agent._dispatch.early._waiting) == EARLY_SESSIONS - 1
    await agent.stop()


async def test_the_bytes_of_early_updates_are_bounded_and_given_back() -> None:
    """Opening a session makes room for the updates of the next one."""
    peer = MemoryAgent(manual={"session/new"})
    agent = await Agent.start(peer)
    half = "x" * (EARLY_BYTES // 2)
    for session_id in ("a", "b"):
        opening = asyncio.create_task(agent.new_session(CWD))
        request = await peer.expect("session/new")
        for _ in range(5):
            peer.text(session_id, half)
        await quiet()
        assert len(agent._dispatch.early._waiting[session_id]) == 2
        peer.reply(request, {"sessionId": session_id})
        assert (
            "".join(event.text for event in await _first_turn(peer, await opening) if isinstance(event, Text))
            == 2 * half
        )
    await agent.stop()


@pytest.mark.parametrize("result", [None, {}, {"sessionId": 5}], ids=repr)
async def test_an_answer_to_session_new_that_names_no_session_is_an_error(result: Any) -> None:
    """The error blames the agent."""
    peer = MemoryAgent(manual={"session/new"})
    agent = await Agent.start(peer)
    opening = asyncio.create_task(agent.new_session(CWD))
    peer.reply(await peer.expect("session/new"), result)
    with pytest.raises(ProtocolError, match="session/new"):
        await opening
    await agent.stop()


async def test_an_agent_that_never_answers_session_new_is_given_up() -> None:
    """After its bound; a late answer opens no session."""
    peer = MemoryAgent(manual={"session/new"})
    agent = await Agent.start(peer)
    began = asyncio.get_running_loop().time()
    with pytest.raises(RequestTimeout):
        await agent.new_session(CWD)
    assert asyncio.get_running_loop().time() - began == pytest.approx(NEW_SECONDS)
    peer.reply(await peer.expect("session/new"), {"sessionId": "late"})
    await quiet()
    assert agent.connection.error is None
    await agent.stop()


# ---- session/load


async def test_a_session_that_is_gone_is_told_from_one_that_loads_slowly() -> None:
    """A refusal is a `RemoteError`; a time-out does not mean that the session is gone."""
    peer = MemoryAgent(manual={"session/load"})
    async with opened(peer) as (_, agent, _):
        loading = asyncio.create_task(agent.load_session("old", CWD))
        peer.fail(await peer.expect("session/load"), -32002, "Resource not found", "old")
        with pytest.raises(RemoteError, match="Resource not found"):
            await loading
        began = asyncio.get_running_loop().time()
        with pytest.raises(RequestTimeout):
            await agent.load_session("old", CWD)
        assert asyncio.get_running_loop().time() - began == pytest.approx(LOAD_SECONDS)


async def test_a_load_may_be_tried_again_after_it_took_too_long() -> None:
    """The first try's history is dropped, and its late answer does not count for the second."""
    peer = MemoryAgent(manual={"session/load"})
    async with opened(peer) as (_, agent, _):
        with pytest.raises(RequestTimeout):
            await agent.load_session("old", CWD)
        late = await peer.expect("session/load")
        peer.text("old", "old answer")
        await quiet()
        loading = asyncio.create_task(agent.load_session("old", CWD))
        request = await peer.expect("session/load")
        peer.text("old", "old answer")
        peer.reply(late, {})
        peer.text("old", "old answer")
        await quiet()
        assert not loading.done()
        assert not agent._dispatch.early._waiting
        peer.reply(request, {})
        assert await _first_turn(peer, await loading) == []


@pytest.mark.parametrize("result", [None, {}, {"sessionId": "old"}, [], "ok", {"modes": 5}], ids=repr)
async def test_a_session_loads_whatever_the_answer_says(result: Any) -> None:
    """Some agents answer null, some with extra fields."""
    peer = MemoryAgent(manual={"session/load"})
    async with opened(peer) as (_, agent, _):
        loading = asyncio.create_task(agent.load_session("old", CWD))
        peer.reply(await peer.expect("session/load"), result)
        assert await _first_turn(peer, await loading) == []


async def test_updates_of_a_session_that_could_not_be_loaded_go_nowhere() -> None:
    """They are dropped without an error."""
    peer = MemoryAgent(manual={"session/load"})
    async with opened(peer) as (_, agent, session):
        loading = asyncio.create_task(agent.load_session("old", CWD))
        peer.fail(await peer.expect("session/load"), -32002, "Resource not found")
        with pytest.raises(RemoteError):
            await loading
        peer.text("old", "hello?")
        assert (await peer.answer_to(peer.ask("old")))["error"]["message"] == "Invalid params: unknown session 'old'"
        peer.text(session.session_id, "mine")
        assert await _first_turn(peer, session) == [Text("mine")]


# ---- what the agent says


@pytest.mark.parametrize(
    "params",
    [None, [], {}, {"sessionId": "session-1", "toolCall": {"title": "no id"}}, {"sessionId": 5, "options": []}],
    ids=repr,
)
async def test_a_malformed_question_is_refused(params: Any) -> None:
    """The agent learns the fault, and the running turn learns of the question."""
    async with opened() as (peer, _, session), session.prompt(HELLO) as turn:
        prompt = await peer.expect("session/prompt")
        peer.say({"id": 0, "method": "session/request_permission", "params": params})
        answer = await peer.answer_to(0)
        assert answer["error"]["code"] == -32602
        assert answer["error"]["message"].startswith("Invalid params")
        unreadable = await anext(turn)
        assert isinstance(unreadable, Unreadable)
        assert isinstance(unreadable.defect, Invalid)
        assert "\n" not in unreadable.defect.detail
        peer.end_turn(prompt)
        assert [event async for event in turn] == []


async def test_what_is_not_read_is_told_in_the_turn() -> None:
    """Once for all updates, for each refused question, and the turn ends if it was its response."""
    defect = TooManyValues(30_000)
    async with opened() as (peer, _, session), session.prompt(HELLO) as turn:
        prompt = await peer.expect("session/prompt")
        for _ in range(3):
            peer.update(session.session_id, {"sessionUpdate": "plan", "entries": MANY})
        peer.ask(session.session_id, {"toolCallId": "c", "rawInput": MANY})
        peer.notify("$/cancel_request", {"requestId": 0, "_meta": MANY})
        peer.text(session.session_id, "still here")
        peer.reply(prompt, MANY)
        assert [event async for event in turn] == [Skipped(defect), Unreadable(defect), Text("still here")]
        assert isinstance(turn.error, ProtocolError)
        assert (turn.error.method, turn.error.defect) == ("session/prompt", defect)


async def test_a_question_of_an_unknown_session_is_refused() -> None:
    """The agent gets an error."""
    async with opened() as (peer, _, _):
        answer = await peer.answer_to(peer.ask("somebody else's"))
        assert answer["error"] == {"code": -32602, "message": 'Invalid params: unknown session "somebody else\'s"'}


@pytest.mark.parametrize("method", ["fs/read_text_file", "fs/write_text_file", "terminal/create", "craft/drainQueue"])
async def test_a_request_for_what_we_do_not_offer_is_refused(method: str) -> None:
    """With "method not found", immediately."""
    async with opened() as (peer, _, _):
        peer.say({"id": "x", "method": method, "params": {}})
        assert (await peer.answer_to("x"))["error"]["code"] == -32601


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("_session/retrying", {"sessionId": "session-1"}),
        ("_auth/status_update", {"status": "ok"}),
        ("session/update", None),
        ("session/update", {"update": {}}),
        ("session/update", {"sessionId": 5, "update": {}}),
        ("session/update", {"sessionId": "session-1", "update": "text"}),
    ],
)
async def test_a_notification_that_is_not_for_us_is_passed_over(method: str, params: Any) -> None:
    """Vendor notifications and malformed ones are skipped; later messages are read."""
    async with opened() as (peer, _, session):
        peer.notify(method, params)
        peer.text(session.session_id, "after")
        assert await _first_turn(peer, session) == [Text("after")]


# ---- the end


async def test_terminals_that_cannot_be_closed_do_not_cut_the_agents_stop_short() -> None:
    """Every step of the stop runs, and the caller gets the failure."""

    class Stuck(Terminals):
        async def close(self) -> None:
            raise OSError("Too many open files")

    stops = asyncio.Event()
    peer = MemoryAgent(stops=stops)
    agent = await Agent.start(peer, Client(terminals=lambda roots: Stuck(roots, {}, "m/1")))
    await agent.new_session(CWD)
    asyncio.get_running_loop().call_later(5, stops.set)
    with pytest.raises(ExceptionGroup) as caught:
        await agent.stop()
    assert peer.stopped
    assert [str(error) for error in caught.value.exceptions] == ["Too many open files"]
    assert isinstance(agent.connection.error, AgentClosed)


async def test_stopping_an_agent_ends_what_waits_for_it() -> None:
    """A running turn and a pending request end with the reason; further requests fail."""
    peer = MemoryAgent(manual={"session/load"})
    async with opened(peer) as (_, agent, session):
        loading = asyncio.create_task(agent.load_session("old", CWD))
        await peer.expect("session/load")
        async with session.prompt(HELLO) as turn:
            await peer.expect("session/prompt")
            await agent.stop()
            assert [event async for event in turn] == []
        assert isinstance(turn.error, AgentClosed)
        assert turn.error.exit_status == 0
        with pytest.raises(AgentClosed):
            await loading
        with pytest.raises(AgentClosed, match="exit status 0"):
            await agent.new_session(CWD)
        assert agent.connection.error is not None


async def test_a_killed_agent_is_closed_by_its_signal() -> None:
    """The error names it."""
    async with opened() as (peer, agent, session), session.prompt(HELLO) as turn:
        await peer.expect("session/prompt")
        agent.kill()
        assert [event async for event in turn] == []
        assert peer.killed
        assert isinstance(turn.error, AgentClosed)
        assert turn.error.exit_status == -9


async def test_a_session_is_deleted_where_the_agent_offers_it() -> None:
    """By its id; without the capability nothing is sent."""
    async with opened(MemoryAgent(capabilities={"sessionCapabilities": {"delete": {}}})) as (peer, agent, session):
        await agent.delete_session(session.session_id)
        assert peer.received[-1]["params"] == {"sessionId": session.session_id}
    async with opened() as (peer, agent, session):
        with pytest.raises(Unsupported):
            await agent.delete_session(session.session_id)
        assert "session/delete" not in [message.get("method") for message in peer.received]


async def test_every_failure_is_of_one_family() -> None:
    """Callers catch `AcpError`; its text is for the log."""
    assert str(RequestTimeout("initialize", 60.0)) == "no answer to initialize within 60 s"
    assert str(RemoteError("m", -1, "no", {})) == "m failed with -1 no"
    for error in (AgentClosed(CloseReason.ENDED), RemoteError("m", -1, "x"), RequestTimeout("m", 1.0)):
        assert isinstance(error, AcpError)


async def _start(initialized: Any) -> tuple[Agent, MemoryAgent]:
    """Start an agent that answers initialize by `initialized`, and stop it if it starts."""
    peer = MemoryAgent(manual={"initialize"})
    start = asyncio.create_task(Agent.start(peer))
    peer.reply(await peer.expect("initialize"), initialized)
    try:
        agent = await start
        await agent.stop()
    finally:
        assert peer.stopped
    return agent, peer


async def _first_turn(peer: MemoryAgent, session: Any) -> list[Event]:
    await quiet()
    async with session.prompt(HELLO) as turn:
        peer.end_turn(await peer.expect("session/prompt"))
        return [event async for event in turn]
