"""The scripted agent as a real process, with a client of the protocol."""

import asyncio
import contextlib
import functools
import json
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

Json = dict[str, Any]

ROOT = Path(__file__).parents[2]
SCHEMA = ROOT.parent / "shared" / "acp" / "schema-v1.json"
BOUND = 30  # seconds, only for hangs

RESULTS = {
    "initialize": "InitializeResponse",
    "session/new": "NewSessionResponse",
    "session/load": "LoadSessionResponse",
    "session/resume": "ResumeSessionResponse",
    "session/list": "ListSessionsResponse",
    "session/close": "CloseSessionResponse",
    "session/set_mode": "SetSessionModeResponse",
    "session/set_config_option": "SetSessionConfigOptionResponse",
    "session/prompt": "PromptResponse",
    "session/fork": "NewSessionResponse",
}
PARAMS = {"session/update": "SessionNotification", "session/request_permission": "RequestPermissionRequest"}


@functools.cache
def validator(definition: str) -> jsonschema.Draft202012Validator:
    """Return the validator of one definition of the protocol."""
    schema = json.loads(SCHEMA.read_text("utf-8"))
    return jsonschema.Draft202012Validator({"$defs": schema["$defs"], "$ref": f"#/$defs/{definition}"})


def check(definition: str, value: object) -> None:
    """Fail unless the value fits the definition, if the schema exists."""
    if SCHEMA.exists():
        validator(definition).validate(value)


class Client:
    """A client of one agent process, which checks every message against the protocol's schema."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self.process = process
        self.stdin = process.stdin
        self.stdout = process.stdout
        self.methods: list[str] = []
        self.seen: list[Json] = []

    def send(self, message: Json) -> None:
        self.stdin.write(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")

    def ask(self, method: str, **params: object) -> int:
        self.methods.append(method)
        self.send({"id": len(self.methods) - 1, "method": method, "params": params})
        return len(self.methods) - 1

    def prompt(self, session_id: str, *lines: str) -> int:
        blocks = [{"type": "text", "text": "\n".join(lines)}]
        return self.ask("session/prompt", sessionId=session_id, prompt=blocks)

    def cancel(self, session_id: str) -> None:
        self.send({"method": "session/cancel", "params": {"sessionId": session_id}})

    async def read(self) -> Json:
        message: Json = json.loads(await self.stdout.readline())
        self.seen.append(message)
        match message:
            case {"method": str(method), "params": params} if method in PARAMS:
                check(PARAMS[method], params)
            case {"id": int(request_id), "result": result}:
                if self.methods[request_id] in RESULTS:  # The others are extensions.
                    check(RESULTS[self.methods[request_id]], result)
            case {"error": error}:
                check("Error", error)
            case _:
                assert "method" in message, message
        return message

    async def until(self, **wanted: object) -> Json:
        """Read up to the message with these members."""
        async with asyncio.timeout(BOUND):
            while True:
                message = await self.read()
                if all(message.get(name) == value for name, value in wanted.items()):
                    return message

    async def result(self, request_id: int) -> Json:
        response = await self.until(id=request_id)
        assert "result" in response, response
        result: Json = response["result"]
        return result

    async def update(self, kind: str) -> Json:
        while True:
            message = await self.until(method="session/update")
            update: Json = message["params"]["update"]
            if update["sessionUpdate"] == kind:
                return update

    async def session(self, cwd: Path = ROOT, mode: str | None = "default") -> str:
        await self.result(self.ask("initialize", protocolVersion=1))
        session_id: str = (await self.result(self.ask("session/new", cwd=str(cwd), mcpServers=[])))["sessionId"]
        if mode is not None:
            await self.result(self.ask("session/set_mode", sessionId=session_id, modeId=mode))
        return session_id

    async def says(self, session_id: str, *lines: str, stop: str = "end_turn") -> str:
        """Prompt, wait for the end of the turn, and return the text of its chunks."""
        begin = len(self.seen)
        assert (await self.result(self.prompt(session_id, *lines)))["stopReason"] == stop
        return "".join(chunks(self.seen[begin:]))

    def allow(self, request: Json, option: str) -> None:
        outcome = {"outcome": "selected", "optionId": option}
        self.send({"id": request["id"], "result": {"outcome": outcome}})

    async def exit_code(self) -> int:
        async with asyncio.timeout(BOUND):
            return await self.process.wait()


def updates(messages: list[Json], kind: str) -> Iterator[Json]:
    """Yield the updates of this kind among these messages."""
    for message in messages:
        if message.get("method") == "session/update" and message["params"]["update"]["sessionUpdate"] == kind:
            yield message["params"]["update"]


def chunks(messages: list[Json]) -> list[str]:
    """Return the text of each chunk of the agent, in order."""
    return [update["content"]["text"] for update in updates(messages, "agent_message_chunk")]


@contextlib.asynccontextmanager
async def agent(*flags: str, python: tuple[str, ...] = ()) -> AsyncIterator[Client]:
    """Run an agent, and kill its process group at the end."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, *python, "-m", "loopback.agent", *flags),
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        limit=2**24,
        start_new_session=True,
    )
    try:
        yield Client(process)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        async with asyncio.timeout(BOUND):
            await process.communicate()


async def test_a_session_offers_modes_options_and_commands() -> None:
    """Before the first prompt a client knows these. The initial mode acts unasked, as with real agents."""
    async with agent("--name", "fred") as client:
        initialized = await client.result(client.ask("initialize", protocolVersion=1))
        created = await client.result(client.ask("session/new", cwd="/", mcpServers=[]))
        commands = await client.update("available_commands_update")
        assert initialized["agentInfo"]["name"] == "fred"
        assert initialized["agentCapabilities"]["loadSession"] is True
        assert created["modes"]["currentModeId"] == "auto"
        assert [option["category"] for option in created["configOptions"]] == ["mode", "model"]
        assert [command["name"] for command in commands["availableCommands"]] == ["plan", "web"]


async def test_it_needs_only_the_standard_library() -> None:
    """It works without site-packages."""
    async with agent(python=("-S",)) as client:
        assert await client.says(await client.session(), "say hello") == "hello"


async def test_a_stream_is_countable_and_the_session_gets_a_title() -> None:
    """N numbers come as chunks, then the response, then the title."""
    async with agent() as client:
        session_id = await client.session()
        assert await client.says(session_id, "stream 5 0") == "1 2 3 4 5"
        assert len(chunks(client.seen)) == 5
        assert (await client.update("session_info_update"))["title"] == "stream 5 0"


async def test_directives_run_in_order_each_on_a_line_of_its_own() -> None:
    """Plain lines between them are ignored."""
    async with agent() as client:
        session_id = await client.session()
        text = await client.says(session_id, "Hi!", "say one", "think hm", "echo two", "code 2", "mode", "env NOPE")
        assert text == "one\ntwo\n```python\nline_1 = 1\nline_2 = 2\n```\ndefault\nunset"
        assert [update["content"]["text"] for update in updates(client.seen, "agent_thought_chunk")] == ["hm"]


async def test_plain_text_is_quoted_and_echo_shows_every_block() -> None:
    """The answer shows the received blocks of each kind."""
    async with agent() as client:
        session_id = await client.session()
        assert 'You said: "good morning"' in await client.says(session_id, "good morning")
        link = {"type": "resource_link", "name": "a.py", "uri": "file:///a.py"}
        blocks = [{"type": "text", "text": "echo"}, link]
        await client.result(client.ask("session/prompt", sessionId=session_id, prompt=blocks))
        assert chunks(client.seen)[-1] == "echo\n[a.py](file:///a.py)"


async def test_tools_plan_and_usage_are_reported() -> None:
    """A tool call goes from pending to completed, a plan step by step."""
    async with agent() as client:
        session_id = await client.session()
        await client.says(session_id, "tool read a.py", "plan one | two", "tick", "tick", "usage", "web cats")
        statuses = [update["status"] for update in updates(client.seen, "tool_call_update")]
        assert statuses == ["in_progress", "completed", "in_progress", "completed"]
        plans = [[entry["status"] for entry in plan["entries"]] for plan in updates(client.seen, "plan")]
        assert plans == [["in_progress", "pending"], ["completed", "in_progress"], ["completed", "completed"]]
        assert [update["size"] for update in updates(client.seen, "usage_update")] == [200_000]


@pytest.mark.parametrize(
    ("option", "verdict"), [("allow_once", "allowed (allow_once)"), ("reject_once", "rejected (reject_once)")]
)
async def test_a_permission_is_requested_and_its_answer_is_reported(option: str, verdict: str) -> None:
    """The agent offers three options, waits, and says the choice."""
    async with agent() as client:
        session_id = await client.session()
        prompt = client.prompt(session_id, "ask execute make clean")
        asked = await client.until(method="session/request_permission")
        assert asked["id"] == 0
        assert asked["params"]["toolCall"]["title"] == "make clean"
        assert [choice["name"] for choice in asked["params"]["options"]] == ["Allow once", "Always allow", "Reject"]
        client.allow(asked, option)
        assert (await client.result(prompt))["stopReason"] == "end_turn"
        assert chunks(client.seen) == [verdict]


async def test_in_mode_auto_it_acts_unasked() -> None:
    """A client must change the initial mode, which does not ask."""
    async with agent() as client:
        session_id = await client.session(mode=None)
        assert await client.says(session_id, "ask execute make clean") == "acted unasked"


async def test_a_cancelled_question_ends_the_turn_as_cancelled() -> None:
    """The protocol prescribes it for the outcome cancelled."""
    async with agent() as client:
        session_id = await client.session()
        prompt = client.prompt(session_id, "ask execute make clean", "say never said")
        asked = await client.until(method="session/request_permission")
        client.send({"id": asked["id"], "result": {"outcome": {"outcome": "cancelled"}}})
        assert (await client.result(prompt))["stopReason"] == "cancelled"


async def test_permit_is_silent_when_allowed_and_polite_when_not() -> None:
    """The demo asks this way."""
    async with agent() as client:
        session_id = await client.session()
        for option in ("allow_once", "reject_once"):
            prompt = client.prompt(session_id, "permit execute make", "say made")
            client.allow(await client.until(method="session/request_permission"), option)
            await client.result(prompt)
        assert chunks(client.seen) == ["made", "Understood, I'll leave it as it is."]


async def test_write_shows_its_diff_and_writes_when_allowed(tmp_path: Path) -> None:
    """It writes only after the answer, and only in the session's directory."""
    async with agent() as client:
        session_id = await client.session(tmp_path)
        prompt = client.prompt(session_id, "write notes/a.txt")
        asked = await client.until(method="session/request_permission")
        assert not (tmp_path / "notes").exists()
        assert asked["params"]["toolCall"]["content"][0]["type"] == "diff"
        client.allow(asked, "allow_once")
        await client.result(prompt)
        assert (tmp_path / "notes" / "a.txt").exists()
        assert "outside" in await client.says(session_id, "write ../b.txt")
        rejected = client.prompt(session_id, "write c.txt")
        client.allow(await client.until(method="session/request_permission"), "reject_once")
        await client.result(rejected)
        assert not (tmp_path / "c.txt").exists()


@pytest.mark.parametrize(
    "script", ["stream 100000 100", "stream 100000 0", "sleep 600", "ask edit a.py", "hang", "vendor _x/y"]
)
async def test_cancel_ends_any_directive(script: str) -> None:
    """The turn ends as cancelled, and the next prompt is answered."""
    async with agent() as client:
        session_id = await client.session()
        prompt = client.prompt(session_id, "say begun", script)
        await client.update("agent_message_chunk")
        client.cancel(session_id)
        assert (await client.result(prompt))["stopReason"] == "cancelled"
        assert await client.says(session_id, "say next") == "next"


async def test_a_gate_waits_for_a_writer_and_still_hears_cancel(tmp_path: Path) -> None:
    """Tests can hold a turn at a point without a clock."""
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    async with agent() as client:
        session_id = await client.session()
        cancelled = client.prompt(session_id, "say waiting", f"gate {gate}")
        await client.update("agent_message_chunk")
        client.cancel(session_id)
        assert (await client.result(cancelled))["stopReason"] == "cancelled"
        passed = client.prompt(session_id, "say waiting", f"gate {gate}", "say through")
        await client.update("agent_message_chunk")
        async with asyncio.timeout(BOUND):
            await asyncio.to_thread(gate.write_text, "go")
        await client.result(passed)
        assert chunks(client.seen)[-1] == "\nthrough"


async def test_a_deaf_hang_ignores_cancel_while_other_sessions_work() -> None:
    """Only that turn never ends."""
    async with agent() as client:
        stuck = await client.session()
        client.prompt(stuck, "say stuck", "hang deaf")
        await client.update("agent_message_chunk")
        client.cancel(stuck)
        other = (await client.result(client.ask("session/new", cwd="/", mcpServers=[])))["sessionId"]
        assert await client.says(other, "say fine") == "fine"
        second = await client.until(id=client.prompt(stuck, "say more"))
        assert second["error"]["code"] == -32603


async def test_a_turn_can_end_in_other_ways() -> None:
    """Stop reasons, errors with data, text after the response, and unknown requests work."""
    async with agent() as client:
        session_id = await client.session()
        assert await client.says(session_id, "say half", "stop max_tokens", stop="max_tokens") == "half"
        failed = await client.until(id=client.prompt(session_id, "error -32000 log in first"))
        assert failed["error"] == {
            "code": -32000,
            "message": "log in first",
            "data": {"reason": "the prompt asked for this error"},
        }
        assert await client.says(session_id, "say now", "late later") == "now"
        assert (await client.update("agent_message_chunk"))["content"]["text"] == "later"
        prompt = client.prompt(session_id, "vendor craft/drain")
        asked = await client.until(method="craft/drain")
        client.send({"id": asked["id"], "error": {"code": -32601, "message": "Method not found"}})
        await client.result(prompt)
        assert chunks(client.seen)[-1] == "craft/drain was answered with -32601"


async def test_a_crash_leaves_its_code_and_two_lines_on_stderr() -> None:
    """It dies like an agent whose reason is only on stderr."""
    async with agent() as client:
        client.prompt(await client.session(), "crash 7")
        assert await client.exit_code() == 7
        assert client.process.stderr is not None
        assert len((await client.process.stderr.read()).splitlines()) == 2


async def test_it_floods_on_demand() -> None:
    """It writes a line far above 64 KiB, junk between the messages, and much stderr."""
    async with agent() as client:
        session_id = await client.session()
        assert len(await client.says(session_id, "huge 1000000")) == 1_000_000
        assert client.process.stderr is not None
        flooding = client.prompt(session_id, "stderr 300000")
        async with asyncio.timeout(BOUND):
            flood = await client.process.stderr.readexactly(300_000)
        assert flood.endswith(b"\n")
        await client.result(flooding)
        client.prompt(session_id, "junk")
        with pytest.raises(json.JSONDecodeError):
            await client.update("never")


async def test_bad_input_is_answered_as_the_protocol_says() -> None:
    """Garbage, unknown methods, unknown sessions and missing parameters each have their code."""
    async with agent() as client:
        client.stdin.write(b"this is not JSON\n")
        assert (await client.until(id=None))["error"]["code"] == -32700
        client.stdin.write(b"[]\n")
        assert (await client.until(id=None))["error"]["code"] == -32600
        client.send({"method": "unknown/notification"})
        codes = [
            (await client.until(id=client.ask(method, **params)))["error"]["code"]
            for method, params in (
                ("unknown/request", {}),
                ("session/prompt", {"sessionId": "sess_none", "prompt": []}),
                ("session/new", {"cwd": "/"}),
                ("session/new", {"cwd": "relative", "mcpServers": []}),
                ("session/load", {"sessionId": "../../etc/passwd", "cwd": "/", "mcpServers": []}),
            )
        ]
        assert codes == [-32601, -32002, -32602, -32602, -32002]


async def test_options_and_modes_can_be_set_and_are_reported() -> None:
    """A mode set either way shows in the other. An unknown value is refused."""
    async with agent() as client:
        session_id = await client.session()
        assert [update["currentModeId"] for update in updates(client.seen, "current_mode_update")] == ["default"]
        setting = client.ask("session/set_config_option", sessionId=session_id, configId="mode", value="auto")
        options = (await client.result(setting))["configOptions"]
        assert [option["currentValue"] for option in options] == ["auto", "small"]
        assert await client.says(session_id, "mode") == "auto"
        setting = client.ask("session/set_config_option", sessionId=session_id, configId="model", value="large")
        assert (await client.result(setting))["configOptions"][1]["currentValue"] == "large"
        wrong = client.ask("session/set_mode", sessionId=session_id, modeId="root")
        assert (await client.until(id=wrong))["error"]["code"] == -32602


async def test_a_session_survives_its_process(tmp_path: Path) -> None:
    """With a state directory both load and resume remember. Load replays the history before its answer."""
    state = ("--state", str(tmp_path))
    async with agent(*state) as client:
        session_id = await client.session()
        await client.says(session_id, "say first words")
    for method, replayed in (("session/load", ["first words"]), ("session/resume", [])):
        async with agent(*state) as client:
            await client.result(client.ask("initialize", protocolVersion=1))
            listed = await client.result(client.ask("session/list"))
            assert [session["title"] for session in listed["sessions"]] == ["say first words"]
            await client.result(client.ask(method, sessionId=session_id, cwd="/", mcpServers=[]))
            assert chunks(client.seen)[:1] == replayed
            text = await client.says(session_id, "recall")
            assert re.fullmatch(r"\d prompts, the first: say first words", text)


async def test_closing_a_session_cancels_its_turn() -> None:
    """The protocol prescribes it for session/close."""
    async with agent() as client:
        session_id = await client.session()
        prompt = client.prompt(session_id, "say begun", "hang")
        await client.update("agent_message_chunk")
        client.ask("session/close", sessionId=session_id)
        assert (await client.result(prompt))["stopReason"] == "cancelled"


async def test_flags_take_abilities_away() -> None:
    """A removed ability is neither advertised nor answered."""
    async with agent("--no-load", "--no-resume", "--no-modes", "--protocol", "2", "--first-delay", "0.01") as client:
        initialized = await client.result(client.ask("initialize", protocolVersion=1))
        assert initialized["protocolVersion"] == 2
        assert initialized["agentCapabilities"]["loadSession"] is False
        assert "resume" not in initialized["agentCapabilities"]["sessionCapabilities"]
        created = await client.result(client.ask("session/new", cwd="/", mcpServers=[]))
        assert "modes" not in created
        assert [option["category"] for option in created["configOptions"]] == ["model"]
        session_id = created["sessionId"]
        for method in ("session/load", "session/resume"):
            asked = client.ask(method, sessionId=session_id, cwd="/", mcpServers=[])
            assert (await client.until(id=asked))["error"]["code"] == -32601
        assert await client.says(session_id, "say hi") == "hi"


async def test_each_refusal_is_an_error() -> None:
    """Each step of a start can fail."""
    async with agent("--refuse", "load", "--refuse", "mode") as client:
        session_id = await client.session(mode=None)
        load = client.ask("session/load", sessionId=session_id, cwd="/", mcpServers=[])
        mode = client.ask("session/set_mode", sessionId=session_id, modeId="default")
        assert (await client.until(id=load))["error"]["code"] == -32603
        assert (await client.until(id=mode))["error"]["code"] == -32603
    async with agent("--refuse", "initialize", "--refuse", "new") as client:
        assert (await client.until(id=client.ask("initialize", protocolVersion=1)))["error"]["code"] == -32603
        new = client.ask("session/new", cwd="/", mcpServers=[])
        assert (await client.until(id=new))["error"]["code"] == -32603


@pytest.mark.parametrize("replay", ["none", "before", "after"])
async def test_a_fork_knows_what_was_said_before_it(replay: str) -> None:
    """All of it, or up to a message; the source does not change, and the history is replayed as the flag says."""
    async with agent("--fork", "point", "--fork-replay", replay) as client:
        session_id = await client.session()
        await client.says(session_id, "say one")
        (first,) = {update["messageId"] for update in updates(client.seen, "agent_message_chunk")}
        await client.says(session_id, "say two")
        for point, known in (("", 2), (first, 1)):
            begin, meta = len(client.seen), {"jetbrains": {"air": {"fork": {"version": 1, "messageId": point}}}}
            asked = client.ask("session/fork", sessionId=session_id, cwd="/", mcpServers=[], _meta=meta)
            fork = (await client.result(asked))["sessionId"]
            before = chunks(client.seen[begin:])
            await client.update("available_commands_update")
            after = chunks(client.seen[begin:])[len(before) :]
            history = ["one", "two"][:known]
            assert (before, after) == (history if replay == "before" else [], history if replay == "after" else [])
            assert fork != session_id
            assert await client.says(fork, "recall") == f"{known + 1} prompts, the first: say one"
        assert await client.says(session_id, "recall") == "3 prompts, the first: say one"


async def test_a_fork_can_fail_in_every_way() -> None:
    """It is not offered, refused, asked for after an unknown message, or answered by something else."""
    async with agent() as client:
        session_id = await client.session()
        asked = client.ask("session/fork", sessionId=session_id, cwd="/", mcpServers=[])
        assert (await client.until(id=asked))["error"]["code"] == -32601
    async with agent("--fork", "point", "--refuse", "fork") as client:
        asked = client.ask("session/fork", sessionId=await client.session(), cwd="/", mcpServers=[])
        assert (await client.until(id=asked))["error"]["code"] == -32603
    async with agent("--fork", "point") as client:
        meta = {"jetbrains": {"air": {"fork": {"version": 1, "messageId": "unknown"}}}}
        asked = client.ask("session/fork", sessionId=await client.session(), cwd="/", mcpServers=[], _meta=meta)
        assert (await client.until(id=asked))["error"]["code"] == -32602
    async with agent("--fork", "head", "--fork-fault", "same") as client:
        session_id = await client.session()
        asked = client.ask("session/fork", sessionId=session_id, cwd="/", mcpServers=[])
        assert (await client.result(asked))["sessionId"] == session_id
    async with agent("--fork", "head", "--fork-fault", "never") as client:
        session_id = await client.session()
        client.ask("session/fork", sessionId=session_id, cwd="/", mcpServers=[])
        assert await client.says(session_id, "say still there") == "still there"


async def test_a_delayed_answer_holds_up_nothing_else() -> None:
    """A slow session/new does not keep the agent from answering another request."""
    async with agent("--new-delay", "300", "--initialize-delay", "0.01") as client:
        await client.result(client.ask("initialize", protocolVersion=1))
        client.ask("session/new", cwd="/", mcpServers=[])
        assert await client.result(client.ask("session/list")) == {"sessions": []}


async def test_it_ends_with_its_stdin_unless_it_is_deaf() -> None:
    """It also ends during a turn. A deaf one outlives the end of stdin and SIGTERM."""
    async with agent() as client:
        client.prompt(await client.session(), "say begun", "hang")
        await client.update("agent_message_chunk")
        client.stdin.close()
        assert await client.exit_code() == 0
    async with agent("--deaf") as client:
        prompt = client.prompt(await client.session(), "stream 60 50")
        await client.update("agent_message_chunk")
        client.process.terminate()
        client.stdin.close()
        await client.result(prompt)
        assert client.process.returncode is None
    async with agent("--exit-after", "initialize") as client:
        await client.result(client.ask("initialize", protocolVersion=1))
        assert await client.exit_code() == 4


async def test_it_holds_memory_on_demand() -> None:
    """More with each directive, or after the turn."""
    async with agent() as client:
        session_id = await client.session()
        assert await client.says(session_id, "hold 2", "hold 3", "hold 4 late") == "holding 2 MiB\nholding 5 MiB"
        await client.update("session_info_update")  # The last message of a session's first turn, after what is late.
        assert await client.says(session_id, "hold 1") == "holding 10 MiB"


async def test_it_runs_a_line_of_shell_and_says_what_came_of_it() -> None:
    """Both streams of output, and the exit code."""
    async with agent() as client:
        assert await client.says(await client.session(), "shell echo out; echo err >&2; exit 3") == (
            "out\nerr\nexit code 3"
        )


async def test_it_uses_the_files_and_the_terminals_of_its_client() -> None:
    """It says the content, the output and the exit code; or the client's refusal."""
    answers: dict[str, Json] = {
        "fs/write_text_file": {},
        "fs/read_text_file": {"content": "of the file"},
        "terminal/create": {"terminalId": "t"},
        "terminal/wait_for_exit": {"exitCode": 4},
        "terminal/output": {"output": "out\n", "truncated": False},
        "terminal/release": {},
    }
    async with agent() as client:
        session_id = await client.session()
        prompt = client.prompt(session_id, "client-write /a/b two words", "client-read /a/b", "client-run make all")
        for method, result in answers.items():
            asked = await client.until(method=method)
            client.send({"id": asked["id"], "result": result})
        await client.result(prompt)
        assert "".join(chunks(client.seen)) == "written\nof the file\nout\nexit code 4"
        prompt = client.prompt(session_id, "client-write /a/b text", "client-read /a/b", "client-run make")
        for method in ("fs/write_text_file", "fs/read_text_file", "terminal/create"):
            asked = await client.until(method=method)
            client.send({"id": asked["id"], "error": {"code": -32602, "message": "no"}})
        await client.result(prompt)
        assert "".join(chunks(client.seen)).endswith("refused: no\nrefused: no\nrefused: no")


async def test_a_child_can_be_hard_to_kill() -> None:
    """It ignores SIGTERM, and lives in a session of its own."""
    async with agent() as client:
        text = await client.says(await client.session(), "child deaf setsid")
        child = int(text.removeprefix("child "))
        try:
            assert os.getsid(child) == child
        finally:
            os.kill(child, signal.SIGKILL)


@pytest.mark.parametrize("request_text", ["how does our retry logic work?", "fix the failing test", "the worst one?"])
async def test_a_canned_reply_is_given_to_its_end(request_text: str) -> None:
    """In mode auto no canned reply waits for a permission."""
    async with agent("--initial-mode", "auto") as client:
        session_id = await client.session(mode=None)
        assert len(await client.says(session_id, request_text)) > 50


# ---- messages into a running turn


def steer(client: Client, session_id: str, text: str) -> int:
    """Send a message into the running turn."""
    meta = {"steering": {"idleBehavior": "promptRequired"}}
    prompt = [{"type": "text", "text": text}]
    return client.ask("_session/steering", sessionId=session_id, prompt=prompt, _meta=meta)


async def test_messages_go_into_a_running_turn_where_that_is_offered(tmp_path: Path) -> None:
    """Each does what it says behind the running directive; without a turn the agent wants a prompt."""
    async with agent("--steering") as client:
        initialized = await client.result(client.ask("initialize", protocolVersion=1))
        assert initialized["_meta"] == {"steering": {"supported": True}}
        session_id = await client.session()
        idle = await client.result(steer(client, session_id, "say early"))
        assert idle["outcome"] == "promptRequired"
        gate = tmp_path / "gate"
        os.mkfifo(gate)
        prompt = client.prompt(session_id, "say one", f"gate {gate}", "say four")
        await client.update("agent_message_chunk")
        writer = await asyncio.to_thread(os.open, gate, os.O_WRONLY)  # It waits until the directive reads.
        for text in ("say two", "say three"):
            assert await client.result(steer(client, session_id, text)) == {"outcome": "injected"}
        os.close(writer)
        await client.result(prompt)
        assert "".join(chunks(client.seen)) == "one\ntwo\nfour\nthree"


async def test_messages_into_a_turn_are_answered_as_the_prompt_says(tmp_path: Path) -> None:
    """Also after the turn's end, or not at all."""
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    async with agent("--steering") as client:
        session_id = await client.session()
        for how in ("promptRequired", "startedNewTurn", "error", "junk", "error late", "injected late"):
            prompt = client.prompt(session_id, f"steering {how}", "say go", f"gate {gate}")
            await client.update("agent_message_chunk")
            asked = steer(client, session_id, "say taken in")
            if how.endswith("late"):
                await asyncio.to_thread(gate.write_text, "open")
                await client.result(prompt)
            answer = await client.until(id=asked)
            match how.split()[0]:
                case "error":
                    assert answer["error"]["code"] == -32603
                case "junk":
                    assert answer["result"] == {"outcome": ["perhaps"]}
                case outcome:
                    assert answer["result"]["outcome"] == outcome
            if not how.endswith("late"):
                client.cancel(session_id)
                await client.result(prompt)
    async with agent("--steering") as client:
        session_id = await client.session()
        client.prompt(session_id, "steering crash", "say go", "hang")
        await client.update("agent_message_chunk")
        steer(client, session_id, "say taken in")
        assert await client.exit_code() == 3


async def test_an_agent_without_the_flag_does_not_know_the_method() -> None:
    """As agents that cannot do it."""
    async with agent() as client:
        session_id = await client.session()
        refused = await client.until(id=steer(client, session_id, "say hello"))
        assert refused["error"]["code"] == -32601
