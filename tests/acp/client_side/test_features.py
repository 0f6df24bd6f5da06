import asyncio
from pathlib import Path
from typing import Any

import pytest

from acp import Agent, AuthRequired, Client, FileSystem, RemoteError, Session, Unsupported
from acp.agent import LIST_PAGES
from acp.client_side.features import ServerLeftOut
from acp.client_side.terminals import Terminals
from acp.schema import EnvVariable, HttpHeader, McpServer, McpServerHttp, McpServerSse, McpServerStdio
from acp.timeouts import AUTHENTICATE_SECONDS
from tests.acp.official import by_the_schema
from tests.acp.opened import CWD, HELLO, opened
from tests.support.memory_agent import Json, MemoryAgent
from tests.support.virtual_time import elapse, quiet

pytestmark = by_the_schema

SERVERS: tuple[McpServer, ...] = (
    McpServerStdio(name="files", command="mcp-files", args=["-r"], env=[EnvVariable(name="A", value="b")]),
    McpServerHttp(name="wiki", url="https://wiki.example/mcp", headers=[HttpHeader(name="X", value="y")]),
    McpServerSse(name="old", url="https://old.example/sse"),
)


async def started(client: Client, **peer: Any) -> tuple[MemoryAgent, Agent]:
    """Start an agent with this client."""
    body = MemoryAgent(**peer)
    return body, await Agent.start(body, client)


# ---- what is advertised


async def test_nothing_is_advertised_that_nobody_answers() -> None:
    """Only the package's own capabilities."""
    assert Client().capabilities() == {
        "fs": {"readTextFile": False, "writeTextFile": False},
        "terminal": False,
        "session": {"configOptions": {"boolean": {}}},
    }


async def test_what_the_embedding_answers_is_advertised() -> None:
    """Each by its name in the schema."""
    client = Client(
        file_system=FileSystem,
        terminals=lambda roots: Terminals(roots, {}, "m/1"),
        elicitation=frozenset({"url", "form"}),
        notices=True,
        compaction=True,
        terminal_login=True,
    )
    peer, agent = await started(client)
    assert peer.received[0]["params"]["clientCapabilities"] == {
        "fs": {"readTextFile": True, "writeTextFile": True},
        "terminal": True,
        "session": {"configOptions": {"boolean": {}}, "notices": {}, "compaction": {}},
        "auth": {"terminal": True},
        "elicitation": {"form": {}, "url": {}},
    }
    await agent.stop()


@pytest.mark.parametrize("method", ["fs/read_text_file", "terminal/create", "elicitation/create"])
async def test_what_is_not_advertised_is_an_unknown_method(method: str) -> None:
    """With any other capability."""
    offers: Json = {
        "fs/read_text_file": {"terminals": lambda roots: Terminals(roots, {}, "m/1")},
        "terminal/create": {"file_system": FileSystem},
        "elicitation/create": {"file_system": FileSystem},
    }
    peer, agent = await started(Client(**offers[method]))
    session = await agent.new_session(CWD)
    peer.say({"id": 0, "method": method, "params": {"sessionId": session.session_id}})
    assert (await peer.answer_to(0))["error"]["code"] == -32601
    await agent.stop()


# ---- what a session is given


async def test_servers_go_to_an_agent_that_reaches_them() -> None:
    """In the schema's form: the stdio one has no type."""
    capabilities = {"loadSession": True, "mcpCapabilities": {"http": True, "sse": True}}
    peer, agent = await started(Client(mcp_servers=SERVERS), capabilities=capabilities)
    await agent.new_session(CWD)
    await agent.load_session("old", CWD)
    for method in ("session/new", "session/load"):
        assert (await peer.expect(method))["params"]["mcpServers"] == [
            {"name": "files", "command": "mcp-files", "args": ["-r"], "env": [{"name": "A", "value": "b"}]},
            {
                "type": "http",
                "name": "wiki",
                "url": "https://wiki.example/mcp",
                "headers": [{"name": "X", "value": "y"}],
            },
            {"type": "sse", "name": "old", "url": "https://old.example/sse", "headers": []},
        ]
    await agent.stop()


async def test_servers_that_an_agent_cannot_reach_are_left_out() -> None:
    """With one of them it would refuse the session."""
    peer, agent = await started(Client(mcp_servers=SERVERS))
    await agent.new_session(CWD)
    assert [server["name"] for server in peer.received[-1]["params"]["mcpServers"]] == ["files"]
    assert agent.left_out == [ServerLeftOut("wiki", "HTTP"), ServerLeftOut("old", "SSE")]
    await agent.stop()


@pytest.mark.parametrize("taken", [False, True])
async def test_directories_go_to_an_agent_that_takes_them(*, taken: bool) -> None:
    """In addition to the working directory; other agents get none."""
    capabilities: Json = {"sessionCapabilities": {"additionalDirectories": {} if taken else None}}
    peer, agent = await started(Client(additional_directories=(Path("/srv/lib"),)), capabilities=capabilities)
    session = await agent.new_session(CWD, [Path("/srv/files")])
    wanted = ["/srv/lib", "/srv/files"] if taken else None
    assert peer.received[-1]["params"].get("additionalDirectories") == wanted
    # Those of the session alone are served by our own files in any case.
    assert Path("/srv/files") in session.directories
    await agent.stop()


# ---- logins


AUTH: tuple[Json, ...] = (
    {"id": "web", "name": "In the browser"},
    {"id": "tty", "name": "In a terminal", "type": "terminal", "args": ["login"], "env": {"A": "b"}},
    {"nameless": 1},
)


async def test_an_agent_names_its_ways_to_log_in() -> None:
    """With the parameters of a terminal; unreadable ones are left out."""
    peer, agent = await started(Client(), auth_methods=AUTH)
    web, tty = agent.auth_methods
    assert (web.id, web.type, tty.type, tty.args, tty.env) == ("web", "agent", "terminal", ["login"], {"A": "b"})
    await agent.authenticate("web")
    assert (await peer.expect("authenticate"))["params"] == {"methodId": "web"}
    for method_id in ("tty", "unknown"):
        with pytest.raises(Unsupported, match=method_id):
            await agent.authenticate(method_id)
    await agent.stop()


async def test_a_login_may_take_as_long_as_a_person() -> None:
    """It is bounded all the same."""
    peer, agent = await started(Client(), auth_methods=AUTH, manual={"authenticate"})
    login = asyncio.create_task(agent.authenticate("web"))
    request = await peer.expect("authenticate")
    await elapse(AUTHENTICATE_SECONDS - 1)
    peer.reply(request, {})
    await login
    await agent.stop()


async def test_a_request_that_needs_a_login_is_an_error_of_its_own() -> None:
    """For every request, with the agent's reason (ACP, Authentication)."""
    peer, agent = await started(Client(), manual={"session/new"})
    opening = asyncio.create_task(agent.new_session(CWD))
    peer.stderr = ("token expired",)
    peer.fail(await peer.expect("session/new"), -32000, "Authentication required", {"methods": ["web"]})
    with pytest.raises(AuthRequired, match="Authentication required") as raised:
        await opening
    assert isinstance(raised.value, RemoteError)
    assert (raised.value.method, raised.value.data) == ("session/new", {"methods": ["web"]})
    assert raised.value.stderr == ("token expired",)
    await agent.stop()


async def test_an_agent_logs_out_if_it_can() -> None:
    """It must announce the capability."""
    peer, agent = await started(Client(), capabilities={"auth": {"logout": {}}})
    await agent.logout()
    assert "logout" in peer.methods()
    await agent.stop()
    _, agent = await started(Client())
    with pytest.raises(Unsupported):
        await agent.logout()
    await agent.stop()


# ---- sessions that the agent keeps


async def test_an_earlier_session_is_resumed_where_it_can_be() -> None:
    """Without a replay; such an agent can load without session/load."""
    peer, agent = await started(Client(), capabilities={"sessionCapabilities": {"resume": {}}})
    assert agent.can_load
    session = await agent.load_session("old", CWD)
    assert peer.methods() == ["initialize", "session/resume"]
    assert (session.session_id, session.loading) == ("old", False)
    await agent.stop()


@pytest.mark.parametrize("code", [-32601, -32002, -32603])
async def test_a_refused_resume_is_followed_by_a_load(code: int) -> None:
    """An agent may resume from memory only, and still load."""
    capabilities = {"loadSession": True, "sessionCapabilities": {"resume": {}}}
    peer, agent = await started(Client(), capabilities=capabilities, manual={"session/resume"})
    opening = asyncio.create_task(agent.load_session("old", CWD))
    peer.fail(await peer.expect("session/resume"), code, "Resource not found")
    assert (await opening).session_id == "old"
    assert peer.methods() == ["initialize", "session/resume", "session/load"]
    await agent.stop()


@pytest.mark.parametrize(("code", "loads"), [(-32000, True), (-32002, False)])
async def test_a_resume_that_wants_a_login_or_that_no_load_can_follow_is_refused(code: int, *, loads: bool) -> None:
    """The refusal is final for the session."""
    capabilities = {"loadSession": loads, "sessionCapabilities": {"resume": {}}}
    peer, agent = await started(Client(), capabilities=capabilities, manual={"session/resume"})
    opening = asyncio.create_task(agent.load_session("old", CWD))
    peer.fail(await peer.expect("session/resume"), code, "gone")
    with pytest.raises(RemoteError, match="gone"):
        await opening
    assert peer.methods() == ["initialize", "session/resume"]
    await agent.stop()


async def test_an_agent_that_can_neither_load_nor_resume_is_not_asked() -> None:
    """No request is sent."""
    peer, agent = await started(Client(), capabilities={})
    with pytest.raises(Unsupported):
        await agent.load_session("old", CWD)
    assert peer.methods() == ["initialize"]
    await agent.stop()


async def test_a_load_that_is_given_up_leaves_no_session() -> None:
    """The agent gets $/cancel_request."""
    peer, agent = await started(Client(), manual={"session/load"})
    opening = asyncio.create_task(agent.load_session("old", CWD))
    request = await peer.expect("session/load")
    opening.cancel()
    assert (await peer.expect("$/cancel_request"))["params"] == {"requestId": request["id"]}
    await asyncio.wait([opening])
    assert opening.cancelled()
    peer.reply(request, {})
    assert (await peer.answer_to(peer.ask("old")))["error"]["code"] == -32602
    await agent.stop()


LISTS: Json = {"sessionCapabilities": {"list": {}}}


async def test_an_agents_sessions_are_listed() -> None:
    """All of them, or those of a directory."""
    peer, agent = await started(Client(), capabilities=LISTS, history={"a": [], "b": []})
    assert [each.session_id for each in await agent.list_sessions()] == ["a", "b"]
    await agent.list_sessions(CWD)
    assert [message["params"] for message in peer.received[1:]] == [{}, {"cwd": str(CWD)}]
    await agent.stop()


async def test_a_list_is_read_page_by_page() -> None:
    """Until there is no cursor; unreadable sessions are left out, and null is an empty page."""
    peer, agent = await started(Client(), capabilities=LISTS, manual={"session/list"})
    listing = asyncio.create_task(agent.list_sessions())
    sessions = [{"sessionId": "a", "updatedAt": "2026-01-01T00:00:00"}, {"cwd": "/"}]
    peer.reply(await peer.expect("session/list"), {"sessions": sessions, "nextCursor": "1"})
    second = await peer.expect("session/list")
    assert second["params"] == {"cursor": "1"}
    peer.reply(second, None)
    (found,) = await listing
    assert (found.session_id, found.cwd, found.updated_at) == ("a", "", "2026-01-01T00:00:00")
    await agent.stop()


@pytest.mark.parametrize(("cursors", "pages"), [(["1", "2", "1"], 3), ([str(n) for n in range(500)], LIST_PAGES)])
async def test_a_list_without_an_end_is_ended(cursors: list[str], pages: int) -> None:
    """One that repeats a cursor, and one with endless pages."""
    peer, agent = await started(Client(), capabilities=LISTS, manual={"session/list"})
    listing = asyncio.create_task(agent.list_sessions())
    for cursor in cursors[:pages]:
        peer.reply(await peer.expect("session/list"), {"sessions": [{"sessionId": cursor}], "nextCursor": cursor})
    assert len(await listing) == pages
    await agent.stop()


async def test_a_session_is_closed_where_it_can_be() -> None:
    """Its turn is cancelled, and the agent gets session/close."""
    peer, agent = await started(Client(), capabilities={"sessionCapabilities": {"close": {}}})
    session = await agent.new_session(CWD)
    running = asyncio.create_task(_prompt(session))
    prompt = await peer.expect("session/prompt")
    await agent.close_session(session)
    assert peer.methods()[-2:] == ["session/cancel", "session/close"]
    peer.end_turn(prompt, "cancelled")
    assert await running == "cancelled"
    peer.text(session.session_id, "still here?")
    await quiet()
    await agent.stop()


async def test_a_session_is_closed_here_where_the_agent_cannot() -> None:
    """No request is sent; listing is refused."""
    async with opened() as (peer, agent, session):
        await agent.close_session(session)
        with pytest.raises(Unsupported):
            await agent.list_sessions()
        assert peer.methods() == ["initialize", "session/new"]
        assert (await peer.answer_to(peer.ask(session.session_id)))["error"]["code"] == -32602


async def _prompt(session: Session) -> str | None:
    async with session.prompt(HELLO) as turn:
        async for _ in turn:
            pass
    return turn.stop_reason
