"""The doctor as a command, with real agents as processes: its findings, its output, and that no process is left."""

import asyncio
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from acp.process.environment import BASE_NAMES
from bot.agents import probe as doctor
from bot.agents.probe import WRITE_NAME, probe_agent
from bot.agents.probe_result import ProbeResult, as_lines
from bot.config.agents import AgentConfig
from bot.user_messages.agent_checks import TRIES, WRITE_TEST
from bot.user_messages.sandbox import BREAKOUTS
from tests.acp.child_processes import gone
from tests.support import fork_server as forked

from .configured_agent import BOUND, ODD, TOKEN, odd, on_terminal, running

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "agents.md"

TEXTS = {"type": "array", "items": {"type": "string"}}
NUMBERS = {"type": "object", "additionalProperties": {"type": "number", "minimum": 0}}
TRY = {
    "type": "object",
    "additionalProperties": False,
    "required": ["result", "reason", "seconds"],
    "properties": {
        "result": {"enum": ["pass", "not offered", "failed", "not tried"]},
        "reason": {"type": "string"},
        "seconds": {"type": "number", "minimum": 0},
    },
}
BOX = {
    "type": "object",
    "additionalProperties": False,
    "required": ["engine", "network", "state", "tries", "failure", "holds"],
    "properties": {
        **{key: {"type": "string"} for key in ("engine", "network", "state", "failure")},
        "tries": {
            "type": "object",
            "propertyNames": {"enum": list(BREAKOUTS)},
            "additionalProperties": {
                "type": "object",
                "additionalProperties": False,
                "required": ["result", "reached"],
                "properties": {"result": {"enum": ["pass", "allowed", "failed"]}, "reached": TEXTS},
            },
        },
        "holds": {"type": "boolean"},
    },
}
"""What was found about a sandbox."""

ROW: dict[str, Any] = {
    **{key: {"type": "string"} for key in ("agent", "preset")},
    "command": {**TEXTS, "minItems": 1},
    **{key: {"type": "string"} for key in ("cwd", "name")},
    "protocol_version": {"type": ["integer", "null"]},
    "abilities": {"type": "object", "additionalProperties": {"type": "boolean"}},
    "auth_methods": TEXTS,
    "mode": {"type": ["string", "null"]},
    "modes": TEXTS,
    "asking_mode": {"type": ["boolean", "null"]},
    **dict.fromkeys(("models", "commands"), TEXTS),
    "seconds": NUMBERS,
    "answer": {"type": "string"},
    "write": {"enum": list(WRITE_TEST)},
    "question": {"type": "string"},
    "tries": {"type": "object", "additionalProperties": TRY, "required": list(TRIES), "maxProperties": len(TRIES)},
    "sandbox": {"anyOf": [{"type": "null"}, BOX]},
    **dict.fromkeys(("left_out", "missing"), TEXTS),
    "logged_out": {"type": "boolean"},
    **dict.fromkeys(("faults", "quirks"), TEXTS),
    "failure": {"type": "string"},
    "advice": TEXTS,
    "well": {"type": "boolean"},
}
"""The keys of an agent's row, in their order, as JSON Schema."""

SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["agents"],
    "properties": {
        "agents": {
            "type": "array",
            "items": {"type": "object", "additionalProperties": False, "required": list(ROW), "properties": ROW},
        }
    },
}
SDK_PYTHON = ROOT / ".venv-sdk" / "bin" / "python"


def command(path: Path, *args: str) -> list[str]:
    """Return the doctor's command line."""
    return [sys.executable, "-m", "bot", "doctor", "-c", str(path), *args]


def environ(**more: str) -> dict[str, str]:
    """Return the command's environment."""
    return {**os.environ, "DISCORD_TOKEN": TOKEN, **more}


def run(path: Path, *args: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run the doctor, outside the checkout."""
    return forked.run("doctor", "-c", path, *args, cwd=path.parent, env=environ(**more), timeout=BOUND)


def examined(path: Path) -> tuple[dict[str, Any], int]:
    """Run the doctor with --json; return its findings about the one agent, and the exit code."""
    done = run(path, "--json")
    assert done.stderr == ""
    (found,) = json.loads(done.stdout)["agents"]
    assert found["well"] is (done.returncode == 0)
    return found, done.returncode


# ---- in a sandbox


@pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed")
def test_an_agent_in_a_sandbox_is_examined_there_and_tried(tmp_path: Path) -> None:
    """It can do the same as without one, and the tries to break out fail."""
    box = f'[agents.default.sandbox]\nengine = "bwrap"\nnetwork = "none"\nread = ["{ROOT}"]'
    more = f'{box}\n[journal]\npath = "state/threadline.db"'
    found, code = examined(running(tmp_path, "-m", "loopback.agent", more=more))
    jsonschema.validate(found, {"type": "object", "properties": ROW, "additionalProperties": False})
    assert (code, found["failure"], found["faults"], found["write"]) == (0, "", [], "asked"), found["sandbox"]
    assert (found["tries"]["crash_idle"]["result"], found["answer"] != "") == ("pass", True)
    assert {name: each["reached"] for name, each in found["sandbox"]["tries"].items()} == {
        name: [] for name in BREAKOUTS
    }
    assert found["sandbox"]["holds"] is True


# ---- whether it asks


def test_an_agent_that_asks_is_well(tmp_path: Path) -> None:
    """Put into its asking mode as the bot does it; the refused write is no fault."""
    found, code = examined(running(tmp_path, "-m", "loopback.agent", "--initial-mode", "auto"))
    assert (code, found["write"], found["failure"], found["faults"]) == (0, "asked", "", [])
    assert found["question"] == f"Write {WRITE_NAME} [Allow once | Always allow | Reject]"
    assert (found["asking_mode"], found["mode"], found["modes"]) == (True, "default", ["default", "auto"])
    assert list((tmp_path / "project").iterdir()) == []


def test_an_agent_that_acts_without_asking_is_found_out(tmp_path: Path) -> None:
    """It has no modes and starts in the one that acts: exit code 1, with advice."""
    found, code = examined(running(tmp_path, "-m", "loopback.agent", "--no-modes"))
    assert (code, found["write"], found["question"]) == (1, "acted without asking", "")
    assert (found["asking_mode"], found["modes"]) == (False, [])
    assert any(line.startswith("Set mode to ") for line in found["advice"])


def test_a_mode_that_cannot_be_set_is_said_and_the_deed_counts(tmp_path: Path) -> None:
    """The agent refuses set_mode, stays in its first mode, and asks there."""
    found, code = examined(running(tmp_path, "-m", "loopback.agent", "--refuse", "mode", "--initial-mode", "default"))
    assert (code, found["write"], found["asking_mode"]) == (0, "asked", False)
    assert any("mode could not be set" in fault for fault in found["faults"])


def test_an_agent_that_acts_on_a_refusal_is_found_out(tmp_path: Path) -> None:
    """Asking is not enough."""
    found, code = examined(odd(tmp_path, "defies"))
    assert (code, found["write"]) == (1, "asked, was refused, and acted all the same")


def test_where_nothing_can_be_rejected_the_turn_is_cancelled(tmp_path: Path) -> None:
    """Never an option that allows, at any place in the list."""
    found, code = examined(odd(tmp_path, "no-reject"))
    assert (code, found["write"], found["question"]) == (0, "asked", "Write it? [Yes]")


def test_a_file_beside_the_sessions_directory_is_found_and_removed(tmp_path: Path) -> None:
    """The agent writes where it was started; the project is restored."""
    found, code = examined(odd(tmp_path, "astray"))
    assert (code, found["write"]) == (1, "acted without asking")
    assert "wrote into the directory in which it was started, not into its session's directory" in found["faults"]
    assert list((tmp_path / "project").iterdir()) == []


def test_an_existing_file_of_that_name_in_the_project_stays(tmp_path: Path) -> None:
    """It existed before."""
    path = odd(tmp_path, "asks", "announces")
    (tmp_path / "project" / WRITE_NAME).write_text("mine")
    assert examined(path)[0]["write"] == "asked"
    assert (tmp_path / "project" / WRITE_NAME).read_text() == "mine"


@pytest.mark.skipif(not SDK_PYTHON.exists(), reason=".venv-sdk, the environment of the official SDK, is not there")
@pytest.mark.parametrize(
    ("word", "code", "verdict", "question"),
    [
        ("idles", 0, "did not try", ""),
        ("asks", 0, "asked", "Write a file [Allow once | Always allow | Reject]"),
        ("acts", 1, "acted without asking", ""),
        ("has-it-done", 0, "asked", "Write {folder}/threadline-doctor.txt [Allow | Reject]"),
    ],
)
def test_an_unknown_agent_is_examined_too(tmp_path: Path, word: str, code: int, verdict: str, question: str) -> None:
    """One on the official SDK, by its command; requests to its client are questions too."""
    peer = ROOT / "tests/peers/sdk_agent.py"
    found, exit_code = examined(running(tmp_path, peer, word, command=SDK_PYTHON, more='client = ["fs"]'))
    assert (exit_code, found["write"], found["name"]) == (code, verdict, "sdk-peer 1.0.0")
    pattern = re.escape(question).replace(re.escape("{folder}"), "/.+")
    assert re.fullmatch(pattern, found["question"]), found["question"]
    assert found["answer"] == "Reply with the single word: ready"
    assert [name for name, able in found["abilities"].items() if able] == ["further directories"]
    assert found["faults"] == []


def test_a_question_that_names_only_a_tool_call_is_told_by_the_calls_title(tmp_path: Path) -> None:
    """The id says nothing to a person; the call was announced with a title."""
    found, _ = examined(odd(tmp_path, "asks", "announces", "by-id"))
    assert found["question"] == "Write a file [Yes | Never]"


# ---- what it gets wrong


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (["junk"], "agent wrote a line that is not a message, 4 times; the first (reason not a JSON object"),
        (["vendor"], "agent asked for an unknown method, 2 times; the first (method odd/extra)"),
        (["asks", "text-ids"], "uses text as the id of its requests; other agents use numbers"),
        (["asks"], "asks about a tool call that it has not announced"),
        (["late"], "sent pieces of an answer after the end of its turn: 1"),
        (["any-mode", "asks"], "accepts a mode that does not exist, so its reports of its mode prove nothing"),
        (["dies-of-modes", "asks"], "does not refuse a mode that does not exist: The agent ended unexpectedly"),
        (["silent"], "ended a turn without an answer; stop reason: end_turn"),
    ],
)
def test_what_an_agent_gets_wrong_is_said_once(tmp_path: Path, words: list[str], fault: str) -> None:
    """With a count; the examination continues."""
    found, _ = examined(odd(tmp_path, *words))
    assert [each.startswith(fault) for each in found["faults"]].count(True) == 1, found["faults"]
    assert found["failure"] == ""


def test_another_protocol_version_is_said(tmp_path: Path) -> None:
    """It is tolerated."""
    found, code = examined(running(tmp_path, "-m", "loopback.agent", "--protocol", "2"))
    assert (code, found["protocol_version"]) == (0, 2)
    assert any("protocol version" in fault for fault in found["faults"])


def test_an_agent_without_a_fault_has_none(tmp_path: Path) -> None:
    """Output on stderr is no fault."""
    assert examined(odd(tmp_path, "asks", "announces", "logs"))[0]["faults"] == []


def test_what_an_agent_is_not_given_is_said_and_is_no_fault(tmp_path: Path) -> None:
    """A server that it cannot reach, a directory that it does not accept; the log adds no fault."""
    (tmp_path / "library").mkdir()
    more = 'additional_directories = ["library"]\nmcp_servers = [{ name = "wiki", url = "http://127.0.0.1:9/mcp" }]'
    path = odd(tmp_path, "asks", "announces", more=more)
    found, _ = examined(path)
    assert found["left_out"] == [
        "the MCP server 'wiki': the agent does not support HTTP",
        f"the directories {tmp_path}/library: the agent supports only one",
    ]
    assert found["faults"] == []
    assert "  not given: the MCP server 'wiki': the agent does not support HTTP\n" in run(path).stdout


# ---- why it does not work


@pytest.mark.parametrize(
    ("args", "parts"),
    [
        (["-m", "loopback.agent", "--refuse", "initialize"], ["(initialize, code -32603)"]),
        (["-m", "loopback.agent", "--refuse", "new"], ["(session/new, code -32603)"]),
        ([str(ODD), "dies"], ["exit code 1", "odd enough to die"]),
    ],
)
def test_a_failure_is_a_finding_with_its_reason(tmp_path: Path, args: list[str], parts: list[str]) -> None:
    """The agent's own words, its exit code, its last lines; exit code 1, no traceback."""
    found, code = examined(running(tmp_path, *args))
    assert (code, found["write"]) == (1, "not examined")
    assert all(part in found["failure"] for part in parts), found["failure"]


def test_an_agent_that_dies_between_two_requests_is_not_well(tmp_path: Path) -> None:
    """A read or a write may notice its end."""
    found, code = examined(running(tmp_path, "-m", "loopback.agent", "--exit-after", "initialize"))
    assert (code, found["protocol_version"], found["write"]) == (1, 1, "not examined")
    assert found["failure"]


@pytest.mark.parametrize("word", ["auth-new", "auth-prompt"])
def test_an_agent_that_wants_a_login_is_given_the_command(tmp_path: Path, word: str) -> None:
    """At any of its requests (-32000)."""
    found, code = examined(odd(tmp_path, word, "with-terminal-login"))
    assert (code, found["auth_methods"]) == (1, ["with-terminal-login"])
    assert found["failure"].startswith("The agent reported an error: Authentication required (session/")
    assert any(line.endswith("threadline login default") for line in found["advice"])


@pytest.mark.parametrize("status", ["push", "draft", "silent"])
def test_an_agent_that_says_that_it_is_logged_out_lacks_a_login(tmp_path: Path, status: str) -> None:
    """Also `check`, which sends no prompt, so that no request fails; an agent that says nothing is not waited for."""
    flags = ["--login", str(tmp_path / "login"), "--login-at", "prompt", "--login-status", status]
    path = running(tmp_path, "-m", "loopback.agent", *flags)
    for logged_in in (False, True):
        if logged_in:
            (tmp_path / "login").touch()
        done = forked.run("check", "-c", path, "--offline", cwd=tmp_path, env=environ(), timeout=BOUND)
        warned = "warning  agents.default: missing: a login: the agent says that it is logged out" in done.stdout
        assert warned == (not logged_in and status != "silent")


def test_a_preset_names_what_the_login_runs_and_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own command, the alternative variables, and its quirks."""
    for name in ("CODEX_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    shutil.copy(sys.executable, tmp_path / "codex")
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    found, _ = examined(odd(tmp_path, "auth-new", more='preset = "codex"'))
    assert "That runs: codex login" in found["advice"]
    assert found["missing"] == ["CODEX_API_KEY or OPENAI_API_KEY must be set, unless you have logged in"]
    assert len(found["quirks"]) > 1


def test_a_variable_that_is_named_and_not_set_is_said(tmp_path: Path) -> None:
    """Else an agent would start without its key, and fail for no visible reason."""
    found, _ = examined(odd(tmp_path, "asks", more='inherit_env = ["NOT_SET_ANYWHERE", "PATH"]'))
    assert found["missing"] == ["NOT_SET_ANYWHERE is listed in inherit_env but is not set"]


def test_the_agent_is_started_as_the_bot_starts_it(tmp_path: Path) -> None:
    """With the same few variables, without the bot's token."""
    found, _ = examined(odd(tmp_path, "env", "asks", more='env = { OWN = "1" }'))
    names = set(found["name"].removesuffix(" 1").split())
    assert {"OWN", "PATH", "THREADLINE_AGENT"} <= names
    # LC_CTYPE is Python's own, which sets it for itself where there is no locale.
    assert names <= {"OWN", "THREADLINE_AGENT", "LC_CTYPE", *BASE_NAMES}


async def test_a_turn_that_does_not_end_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a named bound; the agent is stopped."""
    monkeypatch.setattr(doctor, "READY_SECONDS", 0.1)
    agent = AgentConfig(command=sys.executable, args=("-m", "loopback.agent", "--first-delay", "600"), cwd=tmp_path)
    async with asyncio.timeout(BOUND):
        found = await probe_agent("default", agent)
    assert found.failure == "The agent did not finish its answer within 0.1 s."
    assert not found.well


async def test_the_doctor_that_is_told_to_stop_leaves_no_process(tmp_path: Path) -> None:
    """SIGTERM, while the agent is silent."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    path = odd(tmp_path, "hangs", str(fifo))
    running = await asyncio.create_subprocess_exec(*command(path), cwd=tmp_path, env=environ())
    async with asyncio.timeout(BOUND):
        pid = int(await asyncio.to_thread(fifo.read_text))
        running.send_signal(signal.SIGTERM)
        assert await running.wait() == 128 + signal.SIGTERM
        await gone(pid)


# ---- the output


def test_piped_it_prints_lines_of_one_form(tmp_path: Path) -> None:
    """A heading, then a title and a colon before each finding; no colours, no frame."""
    done = run(running(tmp_path, "-m", "loopback.agent"))
    heading, *lines = done.stdout.splitlines()
    assert (done.returncode, done.stderr, heading) == (0, "", "agents.default: ok")
    titles = [line.partition(": ")[0] for line in lines]
    assert titles == [
        f"  {title}"
        for title in (
            *("agent", "preset", "started as", "write test", "tries", "tries", "tries", "asking mode", "answer"),
            *("can", "cannot", "modes", "models", "commands", "times"),
        )
    ]
    assert "\x1b" not in done.stdout
    assert "  can: load, resume, list, close, images, embedded context" in lines
    assert "  cannot: delete, fork, steering, audio, MCP over HTTP, MCP over SSE, further directories" in lines


def test_as_json_every_agent_is_a_row_with_the_documented_keys(tmp_path: Path) -> None:
    """Programs read them: the same keys for an agent that works and one that does not start."""
    path = running(tmp_path, "-m", "loopback.agent")
    path.write_text(f'{path.read_text()}[agents.broken]\ncommand = "sh"\nargs = ["-c", "exit 3"]\ncwd = "project"\n')
    done = run(path, "--json")
    assert done.returncode == 1
    rows = json.loads(done.stdout)
    jsonschema.validate(rows, SCHEMA)
    assert [row["agent"] for row in rows["agents"]] == ["default", "broken"]
    assert [row["well"] for row in rows["agents"]] == [True, False]
    assert [row["tries"]["crash_idle"]["result"] for row in rows["agents"]] == ["pass", "not tried"]
    documented = re.findall(
        r"^\| `(\w+)` \|", PAGE.read_text().partition("### For programs")[2].partition("\n## ")[0], re.MULTILINE
    )
    assert documented == [*ROW]


def test_the_flag_tries_all(tmp_path: Path) -> None:
    """Its help says what that costs."""
    done = run(odd(tmp_path, "asks", "announces"), "--try-all")
    assert (done.returncode, done.stderr) == (0, "")
    assert "  tries: cancel a turn: pass\n" in done.stdout
    assert "not tried" not in done.stdout
    shown = forked.run("doctor", "--help", cwd=tmp_path, env=environ(), timeout=BOUND).stdout
    assert "more short prompts" in " ".join(shown.split())


def test_on_a_terminal_it_draws_a_table(tmp_path: Path) -> None:
    """With the same findings."""
    path = running(tmp_path, "-m", "loopback.agent")
    drawn, code = on_terminal(command(path), tmp_path, environ(TERM="xterm"))
    assert code == 0
    assert all(part in drawn for part in ("│", "agents.default", "write test", "Reject", "\x1b["))


def test_what_an_agent_wrote_cannot_write_to_the_terminal() -> None:
    """Control characters are escaped; a line feed starts a line with its title."""
    found = ProbeResult(agent="a", preset="", command=("x",), cwd="/", failure="one\x1b[2J\ntwo")
    assert as_lines(found)[-2:] == ["  failed: one\\x1b[2J", "  failed: two"]


def test_a_long_list_is_cut_for_people() -> None:
    """Some agents have hundreds of models."""
    found = ProbeResult(agent="a", preset="", command=("x",), cwd="/", models=tuple(map(str, range(30))))
    (line,) = [line for line in as_lines(found) if line.startswith("  models: ")]
    assert line.endswith("10, 11 and 18 more")


def test_one_agent_can_be_named_and_an_unknown_one_is_an_error(tmp_path: Path) -> None:
    """Exit code 2, with the known names."""
    path = odd(tmp_path, "asks")
    assert run(path, "default").returncode == 0
    done = run(path, "other")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == 'threadline: there is no agent "other" in the configuration; choose one of: default\n'


def test_a_token_among_the_agents_arguments_is_not_printed(tmp_path: Path) -> None:
    """People paste this output elsewhere."""
    path = odd(tmp_path, "asks", "${DISCORD_TOKEN}")
    for args in ([], ["--json"]):
        done = run(path, *args)
        assert "[secret]" in done.stdout
        assert TOKEN not in done.stdout


def test_a_known_agent_without_its_preset_is_told_of_it(tmp_path: Path) -> None:
    """The preset would have set its mode and variables."""
    program = tmp_path / "vibe-acp"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{ODD}" "$@"\n')
    program.chmod(0o755)
    found, _ = examined(running(tmp_path, "asks", command=program))
    assert any(line.startswith('Use preset = "vibe": ') for line in found["advice"])
