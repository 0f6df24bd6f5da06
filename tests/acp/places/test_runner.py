"""The far end alone, over its wire: each of its duties."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from types import SimpleNamespace
from uuid import uuid4

import pytest

from acp.places import runner
from tests.acp.child_processes import PATIENCE, RUN, gone
from tests.acp.places.routes import FILE, SHORT_STEPS, hurried, source
from tests.acp.places.wire import DEAF, Wire, agent, header, marked, runner_process

pytestmark = pytest.mark.real_time

ALIVE = 3.0
"""A keep-alive, in seconds, where its end or a sign of life is what a test waits for: more than a start takes."""

ECHO = "for line in sys.stdin: print('got', line, end='', flush=True)"


def of_process(wire: Wire, name: str) -> bytes:
    """Read a file of the runner's in /proc."""
    return Path(f"/proc/{wire.process.pid}/{name}").read_bytes()


def marker() -> str:
    """Return a marker of the test's own."""
    return f"{RUN}@{uuid4().hex}/1"


# ---- the header


async def test_it_says_nothing_before_its_header() -> None:
    """An engine loses what is said before its client listens."""
    async with runner_process() as wire:
        wire.close()
        assert await wire.end() != 0
        assert (wire.text, wire.messages) == (b"", [])


async def test_a_header_that_does_not_come_is_not_waited_for_for_ever() -> None:
    """A container whose client has died ends by itself."""
    async with runner_process(*hurried({"HEADER_SECONDS": 1})) as wire:
        assert await wire.end() == 128 + signal.SIGALRM


async def test_a_header_that_does_not_end_is_not_read_for_ever() -> None:
    """Whatever is at the other end."""
    async with runner_process(*hurried({"MAX_HEADER": 1000})) as wire:
        wire.send(b"x" * 2000)
        assert await wire.end() != 0


async def test_no_secret_is_in_a_command_line(tmp_path: Path) -> None:
    """The agent has it in its environment, and the runner has it nowhere that others see."""
    code = "say('key', os.environ['KEY']); hang()"
    async with agent(code, tmp_path, env={"KEY": "secret-key"}) as wire:
        await wire.says(b"secret-key")
        assert [name for name in ("cmdline", "environ") if b"secret-key" in of_process(wire, name)] == []


async def test_an_agent_gets_the_far_values_of_what_it_inherits_then_what_it_is_given(tmp_path: Path) -> None:
    """And its marker; nothing else."""
    mark = marker()
    code = "say('env', dict(os.environ)); hang()"
    async with agent(code, tmp_path, env={"TMPDIR": "/given"}, marker=mark) as wire:
        await wire.says(b"\n")
        env = json.loads(wire.text)["params"]
    assert {name: env.pop(name) for name in ("PATH", "TMPDIR", runner.MARKER)} == {
        "PATH": os.environ["PATH"],
        "TMPDIR": "/given",
        runner.MARKER: mark,
    }
    assert set(env) <= {"LC_CTYPE"}  # Python's own, for a locale without UTF-8.


async def test_the_agent_gets_what_came_right_behind_the_header(tmp_path: Path) -> None:
    """One read may bring both."""
    async with runner_process() as wire:
        wire.send(header(wire, ECHO, tmp_path, alive=PATIENCE, env={}, marker=marker()) + b"first\n")
        await wire.says(b"got first\n")


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"argv": ["no-such-command"]}, {"problem": "command not found", "path": "no-such-command"}),
        ({"argv": ["/"]}, {"problem": "command not started", "path": "/", "detail": "Permission denied"}),
        ({"argv": ["a\0b"]}, {"problem": "command not started", "path": "a\0b", "detail": "embedded null byte"}),
        ({"cwd": "/no-such-directory"}, {"problem": "no such directory", "path": "/no-such-directory"}),
        ({"cwd": "/etc/passwd"}, {"problem": "no such directory", "path": "/etc/passwd"}),
        (
            {"cwd": "/" + "x" * 300},
            {"problem": "directory not entered", "path": "/" + "x" * 300, "detail": "File name too long"},
        ),
    ],
    ids=["missing", "directory", "null", "no directory", "file", "too long"],
)
async def test_what_cannot_start_is_told_in_place_of_hello(
    fields: dict[str, object], problem: dict[str, str], tmp_path: Path
) -> None:
    """With the words of a start here."""
    async with runner_process() as wire:
        told = {"alive": PATIENCE, "env": {}, "marker": marker(), **fields}
        wire.send(header(wire, "", tmp_path, **told))
        assert await wire.message() == {**problem, "size": 0}
        assert await wire.end() == 0


@pytest.mark.parametrize("fields", [{"version": runner.VERSION + 1}, {"do": "everything"}], ids=["version", "command"])
async def test_a_header_of_another_version_is_answered_with_its_own(fields: dict[str, object], tmp_path: Path) -> None:
    """And starts nothing."""
    async with runner_process() as wire:
        wire.send(header(wire, "", tmp_path, **fields))
        assert await wire.message() == {"problem": "version", "version": runner.VERSION, "size": 0}


# ---- signs of life


async def test_it_gives_signs_of_life_while_the_agent_is_silent_and_takes_ours(tmp_path: Path) -> None:
    """The agent gets none of them, and lives."""
    async with agent(ECHO, tmp_path, alive=ALIVE) as wire:
        for _ in range(4):  # Longer than silence is borne.
            await wire.sign_of_life()
            wire.send(b"\n")
        wire.send(b"one\n\n\ntwo\n\n")
        await wire.says(b"got two\n")
        assert wire.text == b"got one\ngot two\n"


async def test_a_sign_of_life_within_a_line_of_the_agent_changes_nothing_of_it(tmp_path: Path) -> None:
    """An agent may stop in the middle of a line for long."""
    code = "print('half', end='', flush=True); sys.stdin.readline(); print('whole', flush=True); hang()"
    async with agent(code, tmp_path, alive=ALIVE) as wire:
        await wire.says(b"half")
        await wire.sign_of_life()
        wire.send(b"go on\n")
        await wire.says(b"whole\n")
        assert wire.text == b"halfwhole\n"


async def test_bytes_of_any_size_pass_both_ways(tmp_path: Path) -> None:
    """Lines of megabytes too."""
    async with agent(ECHO, tmp_path) as wire:
        line = b"x" * 3_000_000 + b"\n"
        wire.send(line + line)
        await wire.says(b"got " + line + b"got " + line)


async def test_a_full_stdout_blocks_neither_the_agents_input_nor_the_end(tmp_path: Path) -> None:
    """While signs of life come, the agent waits; a slow reader is no lost link."""
    os.mkfifo(tmp_path / "heard")
    code = f"""
import threading
def flood():
    while True: os.write(1, b"x" * 65536)
threading.Thread(target=flood, daemon=True).start()
for line in sys.stdin: open({str(tmp_path / "heard")!r}, "w").write(line)
hang()
"""
    mark = marker()
    async with agent(code, tmp_path, *hurried({**SHORT_STEPS, "HELD": 100_000}), alive=ALIVE, marker=mark) as wire:
        for number in range(5):
            for _ in range(20):
                wire.send(b"\n")
            wire.send(b"%d\n" % number)
            async with asyncio.timeout(PATIENCE):
                assert await asyncio.to_thread((tmp_path / "heard").read_text) == f"{number}\n"
        wire.close()
        for each in marked(mark):
            await gone(each)


# ---- the end


def hang_up(wire: Wire) -> None:
    """As a terminal's end does."""
    wire.process.send_signal(signal.SIGHUP)


def terminate(wire: Wire) -> None:
    """As a scheduler does."""
    wire.process.send_signal(signal.SIGTERM)


def say_nothing(_: Wire) -> None:
    """As a cut cable does."""


@pytest.mark.parametrize(
    ("lose", "cause"),
    [(Wire.close, "end of input"), (hang_up, "SIGHUP"), (terminate, "SIGTERM"), (say_nothing, "silence")],
)
async def test_a_deaf_agent_and_its_child_in_another_session_are_ended_when_the_link_is(
    lose: Callable[[Wire], None], cause: str, tmp_path: Path
) -> None:
    """And the verdict comes after that."""
    mark = marker()
    async with agent(DEAF + "say('ready'); hang()", tmp_path, *hurried(), alive=ALIVE, marker=mark) as wire:
        await wire.says(b"ready")
        assert len(marked(mark)) == 2
        lose(wire)
        assert await wire.message() == {"signal": signal.SIGKILL, "cause": cause}
        assert marked(mark) == set()
        assert await wire.end() == 0


async def test_an_agent_is_ended_when_nobody_reads_it_any_more(tmp_path: Path) -> None:
    """Stdin alone does not tell."""
    mark = marker()
    async with agent(DEAF + "say('ready'); hang()", tmp_path, *hurried(), alive=ALIVE, marker=mark) as wire:
        await wire.says(b"ready")
        processes = marked(mark)
        transport = wire.process._transport.get_pipe_transport(1)  # type: ignore[attr-defined]
        transport.close()
        wire.send(b"\n")
        for each in processes:
            await gone(each)


async def test_a_stuck_stdout_with_a_silent_stdin_is_the_end(tmp_path: Path) -> None:
    """The link is half open; there is nobody for the verdict, and it is not waited for."""
    mark = marker()
    flood = "while True: os.write(1, b'x' * 65536)"
    constants = {**SHORT_STEPS, "FLUSH_SECONDS": 0.2, "HELD": 100_000}
    async with agent(DEAF + flood, tmp_path, *hurried(constants), alive=ALIVE, marker=mark) as wire:
        await wire.says(b"x" * 65536)
        processes = marked(mark)
        assert len(processes) == 2
        for each in (*processes, wire.process.pid):
            await gone(each)


async def test_an_agent_that_listens_ends_by_itself_and_its_last_words_are_heard(tmp_path: Path) -> None:
    """It is not killed while it has time to end."""
    code = "sys.stdin.read(); say('last words'); sys.exit(7)"
    async with agent(code, tmp_path) as wire:
        wire.send(b"x" * 300_000)
        wire.close()
        assert await wire.message() == {"exit": 7, "cause": "end of input"}
        assert b"last words" in wire.text


@pytest.mark.parametrize(
    ("code", "verdict"),
    [("sys.exit(0)", {"exit": 0}), ("sys.exit(9)", {"exit": 9}), ("os.kill(os.getpid(), 9)", {"signal": 9})],
)
async def test_the_verdict_is_how_the_agent_ended_behind_its_last_byte(
    code: str, verdict: dict[str, int], tmp_path: Path
) -> None:
    """Exactly one, and nothing behind it."""
    async with agent(f"os.write(1, b'x' * 300_000 + b'end'); {code}", tmp_path) as wire:
        assert await wire.message() == verdict
        assert wire.text == b"x" * 300_000 + b"end"
        assert await wire.end() == 0
        assert wire.messages == []


async def test_what_an_agent_that_has_ended_left_is_ended_before_the_verdict(tmp_path: Path) -> None:
    """In another session, and deaf."""
    mark = marker()
    async with agent(DEAF + "say('ready')", tmp_path, *hurried(), marker=mark) as wire:
        assert await wire.message() == {"exit": 0}
        assert marked(mark) == set()


async def test_a_child_without_the_marker_that_holds_stdout_does_not_delay_the_verdict_for_long(
    tmp_path: Path,
) -> None:
    """It is in no session of the agent's either; it cannot be found."""
    os.mkfifo(tmp_path / "end")
    code = f"""
subprocess.Popen(["sh", "-c", "read line < end"], start_new_session=True, env={{"TMPDIR": {os.environ["TMPDIR"]!r}}})
"""
    async with agent(code, tmp_path, *hurried()) as wire:
        assert await wire.message() == {"exit": 0}
        assert await wire.end() == 0
        await asyncio.to_thread((tmp_path / "end").write_text, "end\n")


async def test_there_is_no_verdict_when_the_runner_itself_is_killed(tmp_path: Path) -> None:
    """Its client's exit status means nothing."""
    mark = marker()
    async with agent(DEAF + "say('ready'); hang()", tmp_path, marker=mark) as wire:
        await wire.says(b"ready")
        wire.process.kill()
        await wire.end()
        assert wire.messages == []
        assert len(marked(mark)) == 2
        assert runner.end_marked(mark, None, gently=False, wait=lambda _: None)[0] == 2
        for each in marked(mark):
            await gone(each)


async def test_an_agent_that_leaves_its_input_unread_is_ended(tmp_path: Path) -> None:
    """What is held for it is bounded; our signs of life are not taken for its."""
    constants = {**SHORT_STEPS, "HELD": 100_000, "UNREAD_SECONDS": 1.0}
    async with agent("say('ready'); hang()", tmp_path, *hurried(constants), alive=ALIVE) as wire:
        await wire.says(b"ready")
        wire.send(b"x" * 1_000_000)
        assert await wire.message() == {"signal": signal.SIGTERM, "cause": runner.INPUT_UNREAD}


async def test_an_agent_that_has_closed_its_input_is_ended_when_there_is_some(tmp_path: Path) -> None:
    """It can be asked nothing any more."""
    constants = {**SHORT_STEPS, "UNREAD_SECONDS": 0.5}
    async with agent("os.close(0); say('ready'); hang()", tmp_path, *hurried(constants)) as wire:
        await wire.says(b"ready")
        wire.send(b"one\n")
        assert await wire.message() == {"signal": signal.SIGTERM, "cause": runner.INPUT_UNREAD}


async def test_an_agent_that_closes_its_output_is_ended(tmp_path: Path) -> None:
    """The other side would wait for its answers for ever: only the agent has closed the pipe."""
    async with agent("say('ready'); os.close(1); hang()", tmp_path, *hurried()) as wire:
        assert await wire.message() == {"signal": signal.SIGTERM, "cause": runner.OUTPUT_ENDED}
        assert b"ready" in wire.text


async def test_an_agent_that_closes_its_output_and_then_ends_has_ended_by_itself(tmp_path: Path) -> None:
    """Every process closes its streams first: its exit status comes a moment later."""
    constants = {**SHORT_STEPS, "LINGER_SECONDS": 60.0}
    async with agent("os.close(1); time.sleep(0.3); os._exit(3)", tmp_path, *hurried(constants)) as wire:
        assert await wire.message() == {"exit": 3}


async def test_a_failure_of_the_runner_ends_what_the_agent_has_started_in_other_sessions(tmp_path: Path) -> None:
    """There is no verdict then, but nothing is left either."""
    mark, constants = marker(), {**SHORT_STEPS, "UNREAD_SECONDS": None}
    async with agent(DEAF + "say('ready'); hang()", tmp_path, *hurried(constants), marker=mark) as wire:
        await wire.says(b"ready")
        processes = marked(mark)
        assert len(processes) == 2
        wire.send(b"x" * 1_000_000)
        assert await wire.end() == 1
        for each in processes:
            await gone(each)


async def test_a_slow_reader_gets_all_that_an_agent_wrote_before_its_end(tmp_path: Path) -> None:
    """As long as it gives signs of life, not only for a moment after the agent's end."""
    size = 10_000_000  # The runner holds it all, while its own pipe holds little.
    code = f"sys.stdout.buffer.write(b'x' * {size})"
    async with agent(code, tmp_path, *hurried({**SHORT_STEPS, "FLUSH_SECONDS": 0.0})) as wire:
        assert await wire.message() == {"exit": 0}
        assert len(wire.text) == size


async def test_what_an_agent_leaves_may_end_by_itself_before_it_is_killed(tmp_path: Path) -> None:
    """In a session of its own: it gets SIGTERM first, as the agent's group does."""
    code = """
if os.fork() == 0:
    os.setsid()
    signal.signal(signal.SIGTERM, lambda *_: (open("cleaned", "w").close(), os._exit(0)))
    os.closerange(0, 3)
    open("ready", "w").close()
    hang()
import time
while not os.path.exists("ready"): time.sleep(0.01)
"""
    async with agent(code, tmp_path, *hurried({**SHORT_STEPS, "TERM_SECONDS": PATIENCE})) as wire:
        assert await wire.message() == {"exit": 0}
    assert (tmp_path / "cleaned").exists()


async def test_a_runner_that_is_terminated_gives_a_deaf_agent_no_time_to_end_by_itself(tmp_path: Path) -> None:
    """A scheduler that ends it kills it soon after; nothing would end the agent then."""
    constants = {**SHORT_STEPS, "EOF_SECONDS": 600.0}
    async with agent(DEAF + "say('ready'); hang()", tmp_path, *hurried(constants)) as wire:
        await wire.says(b"ready")
        wire.process.terminate()
        assert await wire.message() == {"signal": signal.SIGKILL, "cause": "SIGTERM"}


def test_a_reader_is_slow_from_the_first_byte_that_waits_for_it() -> None:
    """Not from the last one that it took, perhaps hours before; nor anew from each that follows."""
    near, far = os.pipe()
    with os.fdopen(near, "rb"), os.fdopen(far, "wb") as sink:
        flow = runner.Flow(None, sink)
        flow.written_at = 0.0
        flow.add(b"first")
        assert flow.written_at > 0.0
        flow.written_at = 0.0
        flow.add(b"second")
        assert flow.written_at == 0.0


# ---- what is left


async def test_the_search_finds_exactly_the_marker_or_all_that_begin_with_a_journal(tmp_path: Path) -> None:
    """`a/1` is not `a/12`, and a search without a leader never takes the processes of session 0, as PID 1's."""
    journal = f"{RUN}@{uuid4().hex}"
    code = "say('ready'); hang()"
    async with (
        agent(code, tmp_path, marker=f"{journal}/1") as one,
        agent(code, tmp_path, marker=f"{journal}/12") as two,
    ):
        for each in (one, two):
            await each.says(b"ready")  # The kernel shows the environment a moment after the start.
        assert len(runner.marked(f"{journal}/1", None)) == 1
        assert len(runner.marked(f"{journal}/", None)) == 2
        assert runner.marked(f"{journal}/2", None) == []
        assert runner.marked(f"{journal}-other/", None) == []
        assert (one.process.returncode, two.process.returncode) == (None, None)


def test_a_process_that_shows_no_environment_for_a_moment_is_looked_at_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel hides it while the process becomes another program; a search may come at that moment."""
    process = tmp_path / "4194305"
    process.mkdir()
    (process / "stat").write_text("4194305 (sh) S 1 1 1 0 -1 0")
    (process / "environ").touch()

    def show(_seconds: float) -> None:
        (process / "environ").write_text(f"A=b\0{runner.MARKER}=journal/1\0")

    monkeypatch.setattr(runner, "PROC", tmp_path)
    monkeypatch.setattr(runner, "time", SimpleNamespace(sleep=show))
    assert runner.marked("journal/1", None) == [4194305]


async def test_reap_ends_what_a_killed_runner_left(tmp_path: Path) -> None:
    """By the beginning of the marker; it tells how many there were, and that none is left."""
    mark = marker()
    async with agent(DEAF + "say('ready'); hang()", tmp_path, marker=mark) as wire:
        await wire.says(b"ready")
        wire.process.kill()
        await wire.end()
        for found in (2, 0):
            async with runner_process() as other:
                other.send(header(other, "", tmp_path, **reaping(mark.rpartition("/")[0] + "/")))
                assert await other.message() == {"found": found, "left": 0, "size": 0}
        assert marked(mark) == set()


async def test_reap_ends_several_at_a_time_and_none_of_those_that_it_is_to_spare(tmp_path: Path) -> None:
    """By whole markers, or all of a journal's but those of a run."""
    journal = marker().rpartition("/")[0]
    marks = [f"{journal}/{number}" for number in ("a1", "a2", "b1", "b2", "b11")]
    async with AsyncExitStack() as stack:
        for mark in marks:
            wire = await stack.enter_async_context(agent("say('ready'); hang()", tmp_path, marker=mark))
            await wire.says(b"ready")
        for asked_for, left in (
            (reaping(*marks[2:4]), {"a1", "a2", "b11"}),
            (reaping(f"{journal}/", spared=f"{journal}/a"), {"a1", "a2"}),
        ):
            async with runner_process() as other:
                other.send(header(other, "", tmp_path, **asked_for))
                assert (await other.message())["left"] == 0
            assert {each.rpartition("/")[2] for each in marks if marked(each)} == left


async def test_reap_lets_a_stopped_runner_go_on_whose_agent_has_ended(tmp_path: Path) -> None:
    """An agent can stop its runner and end. The runner has no marker, and no process of the agent leads to it."""
    mark = marker()
    async with agent("say('ready'); hang()", tmp_path, marker=mark) as wire:
        await wire.says(b"ready")
        wire.process.send_signal(signal.SIGSTOP)
        wire.close()
        for pid in marked(mark):
            os.kill(pid, signal.SIGKILL)
            await gone(pid)
        async with runner_process() as other:
            other.send(header(other, "", tmp_path, **reaping(mark.rpartition("/")[0] + "/")))
            assert await other.message() == {"found": 0, "left": 0, "size": 0}
        await wire.end()


async def test_a_search_never_ends_the_runner_that_searches(tmp_path: Path) -> None:
    """It may have the marker itself, from what starts it."""
    mark = marker()
    async with runner_process("env", f"{runner.MARKER}={mark}", *source()) as wire:
        wire.send(header(wire, "", tmp_path, **reaping(mark)))
        assert await wire.message() == {"found": 0, "left": 0, "size": 0}


# ---- as PID 1

CONTAINER = ("unshare", "--pid", "--fork", "--mount-proc", "--kill-child")

in_containers = pytest.mark.skipif(
    subprocess.run([*CONTAINER, "true"], check=False, capture_output=True).returncode != 0,
    reason="process namespaces cannot be made here",
)


@in_containers
async def test_as_pid_1_it_heeds_signals(tmp_path: Path) -> None:
    """The kernel drops those that a PID 1 does not handle; a container's stop is one."""
    async with agent(DEAF + "say('ready', os.getppid()); hang()", tmp_path, *CONTAINER, *hurried()) as wire:
        await wire.says(b'"ready", "params": 1}')
        [pid] = of_process(wire, f"task/{wire.process.pid}/children").split()
        os.kill(int(pid), signal.SIGTERM)
        assert await wire.message() == {"signal": signal.SIGKILL, "cause": "SIGTERM"}


@in_containers
async def test_as_pid_1_it_reaps_strangers(tmp_path: Path) -> None:
    """Else a long-lived agent would fill the process table."""
    code = """
reading, writing = os.pipe()
if os.fork() == 0:
    if os.fork() == 0:
        os.write(writing, str(os.getpid()).encode())
    os._exit(0)
os.wait()
orphan = os.read(reading, 20).decode()
while os.path.exists("/proc/" + orphan): os.sched_yield()
say("reaped")
hang()
"""
    async with agent(code, tmp_path, *CONTAINER, *source()) as wire:
        await wire.says(b"reaped")


def test_it_needs_only_the_standard_library_of_the_oldest_python() -> None:
    """It runs with what a host has."""
    imported = {
        line.split()[1].partition(".")[0]
        for line in FILE.read_text().splitlines()
        if line.startswith(("import ", "from "))
    }
    assert imported <= sys.stdlib_module_names


@pytest.mark.parametrize("version", ["3.8", "3.9", "3.10", "3.12", "3.13", "3.14"])
async def test_it_runs_on_every_python_from_3_8_on(version: str, tmp_path: Path) -> None:
    """On those of this machine."""
    found = sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python3"))
    if not found:
        pytest.skip(f"no Python {version} here")
    async with agent(ECHO, tmp_path, str(found[0]), "-c", FILE.read_text()) as wire:
        wire.send(b"hello\n")
        await wire.says(b"got hello\n")
        wire.close()
        assert await wire.message() == {"exit": 0, "cause": "end of input"}


# ---- short commands


def asked(do: str, **fields: object) -> dict[str, object]:
    """Return the fields of a header for a short command."""
    fixed = {"do": do, "seconds": PATIENCE, "size": 0, "max_output": 1000, "env": {}, "marker": marker()}
    return {**fixed, **fields}


def reaping(*markers: str, spared: str = "") -> dict[str, object]:
    """Return the fields of a header that ends what has these markers."""
    return asked("reap", markers=[*markers], spared=spared)


async def test_a_file_of_which_not_all_comes_is_not_written(tmp_path: Path) -> None:
    """It is there whole, or not at all."""
    async with runner_process() as wire:
        wire.send(header(wire, "", tmp_path, **asked("put", path=str(tmp_path / "file"), size=10)) + b"half")
        wire.close()
        assert await wire.end() == 1
        assert [*os.scandir(tmp_path)] == []


@pytest.mark.parametrize("lose", [Wire.close, hang_up, terminate])
async def test_a_short_command_ends_with_its_link(lose: Callable[[Wire], None], tmp_path: Path) -> None:
    """With what it has started."""
    mark = marker()
    os.mkfifo(tmp_path / "ready")
    async with runner_process() as wire:
        code = DEAF + "open('ready', 'w').close(); hang()"
        wire.send(header(wire, code, tmp_path, **asked("run", marker=mark)))
        await asyncio.to_thread((tmp_path / "ready").read_bytes)
        assert len(marked(mark)) == 2
        lose(wire)
        await wire.end()
        assert marked(mark) == set()


async def test_an_answer_that_nobody_takes_is_not_kept_for_ever(tmp_path: Path) -> None:
    """Its runner ends."""
    async with runner_process(*hurried({"TRANSFER_SECONDS": 1})) as wire:
        fields = asked("run", seconds=1, max_output=10_000_000)
        wire.send(header(wire, "os.write(1, b'x' * 5_000_000)", tmp_path, **fields))
        await gone(wire.process.pid)
        assert await wire.end() == 128 + signal.SIGALRM


async def test_a_link_that_is_lost_before_the_answer_ends_the_runner(tmp_path: Path) -> None:
    """There is nobody for it."""
    async with runner_process() as wire:
        assert wire.process.stdout is not None
        wire.process._transport.get_pipe_transport(1).close()  # type: ignore[attr-defined]
        wire.send(header(wire, "", tmp_path, **asked("hello")))
        await gone(wire.process.pid)


# ---- what must not happen


async def test_an_agent_does_not_survive_a_failure_of_the_runner(tmp_path: Path) -> None:
    """Nor does its child."""
    mark = marker()
    broken = hurried({"UNREAD_SECONDS": "no number"})
    async with agent(DEAF + "say('ready'); hang()", tmp_path, *broken, marker=mark) as wire:
        await wire.says(b"ready")
        wire.send(b"unread\n" * 100_000)
        assert await wire.end() == 1
        assert wire.messages == []
        assert marked(mark) == set()


async def test_there_is_no_verdict_while_something_of_the_agent_is_left(tmp_path: Path) -> None:
    """The near side goes on to search for it."""
    mark = marker()
    helpless = hurried({**SHORT_STEPS, "ROUNDS": 0})
    async with agent(DEAF + "say('ready')", tmp_path, *helpless, marker=mark) as wire:
        await wire.end()
        assert wire.messages == []
        assert len(marked(mark)) == 1


async def test_a_reap_tells_what_it_could_not_end(tmp_path: Path) -> None:
    """It is no confirmation."""
    mark = marker()
    async with agent("say('ready'); hang()", tmp_path, marker=mark) as wire:
        await wire.says(b"ready")
        async with runner_process(*hurried({"ROUNDS": 0})) as other:
            other.send(header(other, "", tmp_path, **reaping(mark)))
            assert await other.message() == {"found": 1, "left": 1, "size": 0}


def test_a_read_that_finds_nothing_is_not_the_end_and_one_that_fails_is() -> None:
    """Another process may have been quicker; a connection may have been reset."""
    near, far = socket.socketpair()
    with near:
        flow = runner.Flow(near, None)
        assert (flow.read(), flow.source) == (b"", near)
        far.send(b"unread by us")
        near.send(b"unread by them")
        far.close()
        assert flow.read() == b"unread by us"
        assert (flow.read(), flow.source) == (b"", None)
