"""What an agent asks of its client, over the wire: a question first, then files and terminals that are really there."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from acp import Agent, Client, FileSystem, Question, Turn, Withdrawn, environment
from acp.client_side.filesystem import WRITE_BYTES
from acp.client_side.request_tasks import MAX_REQUESTS
from acp.client_side.terminals import MAX_TERMINALS, Terminals
from acp.schema import Diff, ToolCallLocation
from tests.acp.child_processes import PATIENCE, RUN
from tests.acp.official import by_the_schema
from tests.acp.opened import HELLO, Opened
from tests.support.memory_agent import Json, MemoryAgent

pytestmark = [pytest.mark.real_time, by_the_schema]

REJECTED = {"code": -32603, "message": "The user rejected this"}


@asynccontextmanager
async def opened(directory: Path) -> AsyncIterator[Opened]:
    """An agent that is offered files and terminals in a directory."""
    env = environment(os.environ, inherit=(), env={})
    client = Client(file_system=FileSystem, terminals=lambda roots: Terminals(roots, env, f"{RUN}-served/1"))
    peer = MemoryAgent()
    agent = await Agent.start(peer, client)
    try:
        async with asyncio.timeout(PATIENCE):
            yield Opened(peer, agent, await agent.new_session(directory))
    finally:
        await agent.stop()


class Served:
    """The agent's side: sends its requests, in a turn whose questions are answered as the test says."""

    def __init__(self, opened: Opened, turn: Turn) -> None:
        self.peer, _, session = opened
        self.session_id = session.session_id
        self.turn = turn
        self._ids = iter(range(1000))

    def send(self, method: str, **params: Any) -> int:
        """Send a request; return its id."""
        request_id = next(self._ids)
        params = {"sessionId": self.session_id, **params}
        self.peer.say({"id": request_id, "method": method, "params": params})
        return request_id

    async def question(self) -> Question:
        """The next question of the turn."""
        async for event in self.turn:
            if isinstance(event, Question):
                return event
        raise AssertionError("the turn is over")

    async def result(self, method: str, answer: str = "allow", **params: Any) -> Json:
        """Send a request with a question, give that answer, and return the agent's result or error."""
        request_id = self.send(method, **params)
        asked = await self.question()
        assert asked.request_id == request_id
        assert [option.kind for option in asked.options] == ["allow_once", "reject_once"]
        assert self.turn.answer(request_id, answer)
        message = await self.peer.answer_to(request_id)
        return result_of(message)

    async def told(self, method: str, **params: Any) -> Json:
        """Send a request without a question."""
        message = await self.peer.answer_to(self.send(method, **params))
        return result_of(message)


def result_of(answer: Json) -> Json:
    """Our result, or our error."""
    found: Json = answer["result"] if "result" in answer else answer["error"]
    return found


def names(directory: Path) -> list[str]:
    """What is in a directory."""
    return sorted(each.name for each in directory.iterdir())


@asynccontextmanager
async def working(directory: Path) -> AsyncIterator[Served]:
    """An agent in a turn."""
    async with opened(directory) as everything, everything.session.prompt(HELLO) as turn:
        prompt = await everything.peer.expect("session/prompt")
        yield Served(everything, turn)
        everything.peer.end_turn(prompt)


async def test_a_file_is_read_after_somebody_allowed_it(tmp_path: Path) -> None:
    """The whole of it, or some lines; the question names it."""
    path = tmp_path / "a.txt"
    path.write_text("one\ntwo\nthree\n")
    async with working(tmp_path) as served:
        assert await served.result("fs/read_text_file", path=str(path)) == {"content": "one\ntwo\nthree\n"}
        assert await served.result("fs/read_text_file", path=str(path), line=2, limit=1) == {"content": "two\n"}
        served.send("fs/read_text_file", path=str(path))
        call = (await served.question()).tool_call
        assert (call.title, call.kind, call.locations) == (f"Read {path}", "read", [ToolCallLocation(path=str(path))])


async def test_a_file_is_written_after_somebody_saw_the_change(tmp_path: Path) -> None:
    """A new one, and one that had other text."""
    path = tmp_path / "new" / "a.txt"
    async with working(tmp_path) as served:
        assert await served.result("fs/write_text_file", path=str(path), content="old\n") == {}
        asked = served.send("fs/write_text_file", path=str(path), content="new\n")
        call = (await served.question()).tool_call
        assert (call.kind, call.content) == ("edit", [Diff(path=str(path), old_text="old\n", new_text="new\n")])
        assert path.read_text() == "old\n"
        served.turn.answer(asked, "allow")
        await served.peer.answer_to(asked)
        assert path.read_text() == "new\n"


async def test_what_somebody_rejects_is_not_done(tmp_path: Path) -> None:
    """The agent gets an error and may continue."""
    path = tmp_path / "a.txt"
    path.write_text("secret")
    async with working(tmp_path) as served:
        assert await served.result("fs/read_text_file", "reject", path=str(path)) == REJECTED
        assert await served.result("fs/write_text_file", "reject", path=str(path), content="x") == REJECTED
        assert await served.result("terminal/create", "reject", command="touch", args=["b"]) == REJECTED
    assert names(tmp_path) == ["a.txt"]
    assert path.read_text() == "secret"


@pytest.mark.parametrize(
    ("method", "params", "code"),
    [
        ("fs/read_text_file", {"path": "/etc/hostname"}, -32602),
        ("fs/read_text_file", {"path": "HERE/out/hostname"}, -32602),
        ("fs/read_text_file", {"path": "HERE/missing"}, -32002),
        ("fs/read_text_file", {"path": "HERE"}, -32602),
        ("fs/read_text_file", {"path": "HERE/directory"}, -32603),
        ("fs/read_text_file", {"path": "HERE/a.txt", "line": -1}, -32602),
        ("fs/write_text_file", {"path": "/etc/hostname", "content": "x"}, -32602),
        ("fs/write_text_file", {"path": "HERE/out/new/hostname", "content": "x"}, -32602),
        ("fs/write_text_file", {"path": "HERE/directory", "content": "x"}, -32603),
        ("fs/write_text_file", {"path": "HERE/a.txt", "content": "x" * (WRITE_BYTES + 1)}, -32602),
        ("terminal/create", {"command": "ls", "cwd": "/etc"}, -32602),
        ("terminal/create", {"command": "ls", "cwd": "HERE/missing"}, -32002),
        ("terminal/create", {"command": "ls", "outputByteLimit": -1}, -32602),
        ("terminal/create", {"command": ""}, -32602),
    ],
)
async def test_nobody_is_asked_about_what_is_refused_anyway(
    method: str, params: Json, code: int, tmp_path: Path
) -> None:
    """A person cannot allow what the configuration excludes, and must not read that they did."""
    (tmp_path / "a.txt").write_text("text")
    (tmp_path / "directory").mkdir()
    (tmp_path / "out").symlink_to("/etc")
    params = {name: _here(value, tmp_path) for name, value in params.items()}
    async with working(tmp_path) as served:
        assert (await served.told(method, **params))["code"] == code
        assert not served.turn._events
        assert served.turn.unanswered == ()
    assert names(tmp_path) == ["a.txt", "directory", "out"]


def _here(value: Any, directory: Path) -> Any:
    return value.replace("HERE", str(directory)) if isinstance(value, str) else value


async def test_nobody_is_asked_about_a_terminal_too_many(tmp_path: Path) -> None:
    """One that is released makes room."""
    async with working(tmp_path) as served:
        first = await served.result("terminal/create", command="true")
        for _ in range(MAX_TERMINALS - 1):
            await served.result("terminal/create", command="true")
        assert "release one first" in (await served.told("terminal/create", command="true"))["message"]
        assert await served.told("terminal/release", **first) == {}
        assert "terminalId" in await served.result("terminal/create", command="true")


async def test_what_has_changed_while_somebody_was_asked_is_looked_at_again(tmp_path: Path) -> None:
    """The answer may come hours later."""
    path, out = tmp_path / "a.txt", tmp_path / "b.txt"
    path.write_text("text")
    async with working(tmp_path) as served:
        asked = served.send("fs/read_text_file", path=str(path))
        await served.question()
        path.unlink()
        path.symlink_to("/etc/hostname")
        served.turn.answer(asked, "allow")
        assert "not inside" in result_of(await served.peer.answer_to(asked))["message"]
        asked = served.send("fs/write_text_file", path=str(out), content="x")
        await served.question()
        out.mkdir()
        served.turn.answer(asked, "allow")
        assert "not a regular file" in result_of(await served.peer.answer_to(asked))["message"]


async def test_a_command_runs_after_somebody_saw_it(tmp_path: Path) -> None:
    """All of it is in the question; its output and exit are asked for without another one."""
    async with working(tmp_path) as served:
        asked = served.send("terminal/create", command="printf", args=["%s", "$A"], env=[{"name": "A", "value": "b"}])
        call = (await served.question()).tool_call
        assert (call.title, call.kind) == ("Run printf %s '$A'", "execute")
        assert call.raw_input == {"command": "printf %s '$A'", "env": {"A": "b"}}
        served.turn.answer(asked, "allow")
        terminal_id = (await served.peer.answer_to(asked))["result"]["terminalId"]
        assert await served.told("terminal/wait_for_exit", terminalId=terminal_id) == {"exitCode": 0, "signal": None}
        assert await served.told("terminal/output", terminalId=terminal_id) == {
            "output": "$A",
            "truncated": False,
            "exitStatus": {"exitCode": 0, "signal": None},
        }
        assert await served.told("terminal/release", terminalId=terminal_id) == {}
        assert (await served.told("terminal/output", terminalId=terminal_id))["code"] == -32002


async def test_a_command_that_is_killed_says_so(tmp_path: Path) -> None:
    """A request that waits for its exit is answered; other requests run at the same time."""
    async with working(tmp_path) as served:
        created = await served.result("terminal/create", command="echo ready; exec sleep 600")
        terminal = {"terminalId": created["terminalId"]}
        waiting = served.send("terminal/wait_for_exit", **terminal)
        assert "exitStatus" not in await served.told("terminal/output", **terminal)
        assert await served.told("terminal/kill", **terminal) == {}
        assert (await served.peer.answer_to(waiting))["result"]["signal"] in {"SIGTERM", "SIGKILL"}


async def test_terminals_end_with_their_session(tmp_path: Path) -> None:
    """Their open requests are answered, and no process is left."""
    async with opened(tmp_path) as (peer, agent, session):
        async with session.prompt(HELLO) as turn:
            prompt = await peer.expect("session/prompt")
            served = Served(Opened(peer, agent, session), turn)
            created = await served.result("terminal/create", command="sleep 600")
            waiting = served.send("terminal/wait_for_exit", terminalId=created["terminalId"])
            await served.told("terminal/output", terminalId=created["terminalId"])
            peer.end_turn(prompt)
        await agent.close_session(session)
        assert (await peer.answer_to(waiting))["error"]["code"] == -32800
        assert repr(session.client_methods._terminals) == "<Terminals 0 of 16, 0 running>"


async def test_terminals_end_with_their_agent(tmp_path: Path) -> None:
    """During any work; the end of the test run searches for the marker."""
    async with working(tmp_path) as served:
        created = await served.result("terminal/create", command="sleep 600 & sleep 600")
        served.send("terminal/wait_for_exit", terminalId=created["terminalId"])


async def test_with_no_turn_in_flight_nothing_is_done(tmp_path: Path) -> None:
    """No person could be asked."""
    async with opened(tmp_path) as (peer, _, session):
        path = str(tmp_path / "a.txt")
        params = {"sessionId": session.session_id, "path": path, "content": "x"}
        peer.say({"id": 0, "method": "fs/write_text_file", "params": params})
        assert "no person can allow this" in (await peer.answer_to(0))["error"]["message"]
        assert not names(tmp_path)


@pytest.mark.parametrize("how", ["withdrawn", "cancelled", "ended"])
async def test_a_request_whose_question_ends_without_an_answer_is_cancelled(how: str, tmp_path: Path) -> None:
    """Taken back by the agent, or with the turn; the agent hears it."""
    async with opened(tmp_path) as (peer, agent, session):
        async with session.prompt(HELLO) as turn:
            prompt = await peer.expect("session/prompt")
            served = Served(Opened(peer, agent, session), turn)
            asked = served.send("terminal/create", command="touch b")
            await served.question()
            match how:
                case "withdrawn":
                    peer.notify("$/cancel_request", {"requestId": asked})
                    assert await anext(turn) == Withdrawn(asked)
                case "cancelled":
                    turn.cancel()
            peer.end_turn(prompt)
        assert (await peer.answer_to(asked))["error"]["code"] == -32800
    assert not names(tmp_path)


async def test_a_request_that_is_being_done_may_be_taken_back(tmp_path: Path) -> None:
    """The agent no longer waits for the exit; the command continues."""
    async with working(tmp_path) as served:
        created = await served.result("terminal/create", command="sleep 600")
        waiting = served.send("terminal/wait_for_exit", terminalId=created["terminalId"])
        assert "exitStatus" not in await served.told("terminal/output", terminalId=created["terminalId"])
        served.peer.notify("$/cancel_request", {"requestId": waiting})
        assert (await served.peer.answer_to(waiting))["error"]["code"] == -32800
        assert "exitStatus" not in await served.told("terminal/output", terminalId=created["terminalId"])


async def test_a_request_that_is_taken_back_at_once_is_answered(tmp_path: Path) -> None:
    """In the same read, before anything of it was done; and its place is free again."""
    path = tmp_path / "a.txt"
    path.write_text("one\n")
    async with working(tmp_path) as served:
        taken_back = range(1000, 1000 + MAX_REQUESTS)
        for request_id in taken_back:
            params = {"sessionId": served.session_id, "path": str(path)}
            asked = {"id": request_id, "method": "fs/read_text_file", "params": params}
            withdrawn = {"method": "$/cancel_request", "params": {"requestId": request_id}}
            served.peer.raw(b"".join(json.dumps(message).encode() + b"\n" for message in (asked, withdrawn)))
        for request_id in taken_back:
            assert result_of(await served.peer.answer_to(request_id))["code"] == -32800
        assert await served.result("fs/read_text_file", path=str(path)) == {"content": "one\n"}


async def test_a_request_with_an_id_that_is_in_use_is_refused(tmp_path: Path) -> None:
    """The running one is not affected."""
    path = tmp_path / "a.txt"
    path.write_text("one\n")
    async with working(tmp_path) as served:
        asked = {"id": "again", "method": "fs/read_text_file"}
        params = {"sessionId": served.session_id, "path": str(path)}
        served.peer.say({**asked, "params": params})
        await served.question()
        served.peer.say({**asked, "params": params})
        assert result_of(await served.peer.answer_to("again"))["code"] == -32603
        assert served.turn.answer("again", "allow")
        assert result_of(await served.peer.answer_to("again")) == {"content": "one\n"}


async def test_requests_that_wait_are_bounded(tmp_path: Path) -> None:
    """A further one of any kind is refused immediately; one that ends makes room."""
    path = tmp_path / "a.txt"
    path.write_text("text")
    async with working(tmp_path) as served:
        asked = [served.send("fs/read_text_file", path=str(path)) for _ in range(MAX_REQUESTS)]
        for _ in asked:
            await served.question()
        assert "64 requests" in (await served.told("fs/read_text_file", path=str(path)))["message"]
        assert served.turn.answer(asked[0], "reject")
        await served.peer.answer_to(asked[0])
        served.send("fs/read_text_file", path=str(path))
        await served.question()


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("fs/read_text_file", {"path": 5}),
        ("fs/write_text_file", {"path": "/a"}),
        ("terminal/create", {}),
        ("terminal/kill", {"terminalId": None}),
        ("terminal/kill", {"sessionId": "somebody else's", "terminalId": "t"}),
        ("terminal/kill", {"sessionId": None, "terminalId": "t"}),
    ],
    ids=repr,
)
async def test_a_malformed_request_is_refused(method: str, params: Json, tmp_path: Path) -> None:
    """No person is asked about it."""
    async with working(tmp_path) as served:
        assert (await served.told(method, **params))["code"] == -32602
        assert not served.turn.unanswered


async def test_a_request_that_fails_by_our_fault_is_answered_all_the_same(tmp_path: Path) -> None:
    """A bug of ours ends one request only."""

    class Broken(FileSystem):
        async def read_text(self, path: str, line: int | None = None, limit: int | None = None) -> str:
            raise ZeroDivisionError(path)

    (tmp_path / "a.txt").touch()
    peer = MemoryAgent()
    agent = await Agent.start(peer, Client(file_system=Broken))
    session = await agent.new_session(tmp_path)
    async with session.prompt(HELLO) as turn:
        prompt = await peer.expect("session/prompt")
        served = Served(Opened(peer, agent, session), turn)
        answer = await served.result("fs/read_text_file", path=str(tmp_path / "a.txt"))
        assert answer == {"code": -32603, "message": "Internal error"}
        peer.end_turn(prompt)
    await agent.stop()
