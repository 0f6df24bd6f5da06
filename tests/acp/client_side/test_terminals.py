import asyncio
import os
import shutil
import signal
import sys
import tracemalloc
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from uuid import uuid4

import pytest

import acp.client_side.terminal
import acp.client_side.terminals
import acp.process.orphans
from acp import end_survivors, environment
from acp.client_side.refusal import NOT_FOUND, RequestRefused
from acp.client_side.roots import Roots
from acp.client_side.terminal import TERMINAL, ExitStatus, Output, Terminal
from acp.client_side.terminals import MAX_TERMINALS, Terminals
from acp.jsonrpc import INTERNAL_ERROR, INVALID_PARAMS
from acp.process.orphans import MARKER
from acp.process.sandbox import ENGINE, Sandbox
from tests.acp.child_processes import PATIENCE, RUN, SLEEPER, gone

pytestmark = pytest.mark.real_time

DEAF = "import os, signal, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
SAY_PID = "open(sys.argv[1], 'w').write(str(os.getpid())); "


@asynccontextmanager
async def serving(
    directory: Path,
    env: Mapping[str, str] | None = None,
    marker: str = f"{RUN}-terminals/1",
    sandbox: Sandbox | None = None,
) -> AsyncIterator[Terminals]:
    """The terminals of a session in `directory`; bounded, and closed at the end."""
    env = environment(os.environ, inherit=(), env={}) if env is None else env
    terminals = Terminals(Roots([directory]), env, marker, sandbox)
    async with asyncio.timeout(PATIENCE):
        try:
            yield terminals
        finally:
            await terminals.close()


async def ended(terminals: Terminals, command: str, *args: str, limit: int | None = None) -> Output:
    """Run a command to its end."""
    terminal_id = await terminals.create(command, args, output_byte_limit=limit)
    status = await terminals.wait_for_exit(terminal_id)
    output = terminals.output(terminal_id)
    assert output.exit_status == status
    await terminals.release(terminal_id)
    return output


async def pid_from(fifo: Path) -> int:
    """The pid that a process says when it is ready for the test."""
    return int(await asyncio.to_thread(fifo.read_text))


def fifo(directory: Path) -> Path:
    """Make the way for a pid to be said."""
    path = directory / uuid4().hex
    os.mkfifo(path)
    return path


def python(code: str, *args: object) -> tuple[str, ...]:
    """The arguments for a Python process."""
    return ("-c", code, *map(str, args))


def alive(pid: int) -> bool:
    """Whether a process runs and is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0] not in b"ZX"
    except OSError:
        return False


def descriptors() -> int:
    """How many this process has open."""
    return len(list(Path("/proc/self/fd").iterdir()))


# ---- what is run, where, and with what


async def test_a_command_with_arguments_is_run_as_it_is(tmp_path: Path) -> None:
    """No shell reads them."""
    async with serving(tmp_path) as terminals:
        assert await ended(terminals, "printf", "%s|", "a b", "$HOME", "*") == Output(
            "a b|$HOME|*|", False, ExitStatus(0)
        )


async def test_a_command_without_arguments_is_a_line_for_a_shell(tmp_path: Path) -> None:
    """As agents send it; its exit code is the shell's."""
    async with serving(tmp_path) as terminals:
        assert await ended(terminals, "echo $((1 + 2)) | cat; exit 7") == Output("3\n", False, ExitStatus(7))
        assert (await ended(terminals, "no-such-command")).exit_status == ExitStatus(127)


async def test_the_absolute_path_of_a_program_is_no_line_for_a_shell(tmp_path: Path) -> None:
    """A space in it is part of the path."""
    program = tmp_path / "a program"
    program.write_text("#!/bin/sh\necho ran\n")
    program.chmod(0o755)
    async with serving(tmp_path) as terminals:
        assert (await ended(terminals, str(program))).text == "ran\n"


@pytest.mark.parametrize(
    ("shell", "used"),
    [
        ("bash", "bash"),
        ("/usr/sbin/nologin", "/bin/sh"),
        ("/usr/bin/fish", "/bin/sh"),
        ("/none/bash", "/bin/sh"),
        ("", "/bin/sh"),
    ],
)
async def test_the_users_shell_is_taken_if_it_understands_what_agents_write(
    tmp_path: Path, shell: str, used: str
) -> None:
    """Otherwise the system's."""
    bash = shutil.which("bash") or pytest.skip("no bash")
    async with serving(
        tmp_path, {"SHELL": bash if shell == "bash" else shell, "PATH": os.environ["PATH"]}
    ) as terminals:
        assert (await ended(terminals, "echo $0")).text == (bash if used == "bash" else used) + "\n"


async def test_a_command_gets_the_agents_environment_and_what_is_named_for_it(tmp_path: Path) -> None:
    """And the markers by which it is found, which a request cannot override."""
    async with serving(tmp_path, {"PATH": os.environ["PATH"], "A": "1", "B": "2"}) as terminals:
        terminal_id = await terminals.create(
            shutil.which("env") or "", env={"B": "3", "C": "ü", MARKER: "other", TERMINAL: "other"}
        )
        await terminals.wait_for_exit(terminal_id)
        assert dict(line.split("=", 1) for line in terminals.output(terminal_id).text.splitlines()) == {
            "PATH": os.environ["PATH"],
            "A": "1",
            "B": "3",
            "C": "ü",
            MARKER: f"{RUN}-terminals/1",
            TERMINAL: terminal_id,
        }


async def test_a_command_has_no_input(tmp_path: Path) -> None:
    """Reading it gives the end immediately."""
    async with serving(tmp_path) as terminals:
        assert await ended(terminals, "cat") == Output("", False, ExitStatus(0))


async def test_output_and_errors_are_one_stream(tmp_path: Path) -> None:
    """In the order of writing."""
    async with serving(tmp_path) as terminals:
        assert (await ended(terminals, "echo 1; echo 2 >&2; echo 3")).text == "1\n2\n3\n"


async def test_a_command_starts_in_the_sessions_first_directory_or_in_one_inside(tmp_path: Path) -> None:
    """Links that stay inside are followed; what is outside, no directory, or not there, is refused."""
    root, outside = tmp_path / "root", tmp_path / "outside"
    for directory in (root / "a", outside):
        directory.mkdir(parents=True)
    (root / "inside").symlink_to("a")
    (root / "door").symlink_to(outside)
    async with serving(root) as terminals:
        assert (await ended(terminals, "pwd -P")).text == f"{root}\n"
        terminal_id = await terminals.create("pwd -P", cwd=f"{root}/inside")
        await terminals.wait_for_exit(terminal_id)
        assert terminals.output(terminal_id).text == f"{root}/a\n"
        for cwd, code in {f"{root}/door": INVALID_PARAMS, "a": INVALID_PARAMS, f"{root}/none": NOT_FOUND}.items():
            with pytest.raises(RequestRefused) as refused:
                await terminals.create("pwd", cwd=cwd)
            assert refused.value.code == code


async def test_what_cannot_be_started_is_refused_with_the_reason(tmp_path: Path) -> None:
    """And takes no place."""
    root = tmp_path / "root"
    root.mkdir()
    (root / "text").write_text("")
    async with serving(root) as terminals:
        for command, env, code in (
            ("", None, INVALID_PARAMS),
            ("no-such-command", None, NOT_FOUND),
            (f"{root}/text", None, INTERNAL_ERROR),
            ("nu\0ll", None, INVALID_PARAMS),
            ("echo", {"A=B": ""}, INVALID_PARAMS),
        ):
            with pytest.raises(RequestRefused) as refused:
                await terminals.create(command, ["x"], env=env)
            assert refused.value.code == code
        with pytest.raises(RequestRefused, match="negative"):
            await terminals.create("echo", output_byte_limit=-1)
        root.rename(tmp_path / "away")
        with pytest.raises(RequestRefused, match="directory"):
            await terminals.create("echo")
        assert repr(terminals) == f"<Terminals 0 of {MAX_TERMINALS}, 0 running>"


# ---- output


async def test_a_request_that_is_cancelled_during_the_start_leaves_no_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command may be ahead of us, and have started others."""
    os.mkfifo(tmp_path / "ready")
    made = Terminal.connection_made

    def made_and_cancelled(terminal: Terminal, transport: asyncio.BaseTransport) -> None:
        made(terminal, transport)
        (tmp_path / "ready").read_bytes()
        creating.cancel()

    monkeypatch.setattr(Terminal, "connection_made", made_and_cancelled)
    async with serving(tmp_path) as terminals:
        line = "setsid sleep 600 & echo $! $$ > pids; echo > ready; wait"
        creating = asyncio.create_task(terminals.create(line))
        await asyncio.wait([creating])
        assert creating.cancelled()
        for pid in (tmp_path / "pids").read_text().split():
            await gone(int(pid))


async def test_output_beyond_the_limit_is_cut_from_its_start_at_a_character(tmp_path: Path) -> None:
    """The end of an output tells its result."""
    async with serving(tmp_path) as terminals:
        assert await ended(terminals, "printf", "%s", "aéb€", limit=5) == Output("b€", True, ExitStatus(0))
        assert await ended(terminals, "printf", "%s", "aéb€", limit=7) == Output("aéb€", False, ExitStatus(0))
        assert await ended(terminals, "printf", "%s", "aéb€", limit=0) == Output("", True, ExitStatus(0))


async def test_the_limit_has_a_default_and_a_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For any limit in the request."""
    monkeypatch.setattr(acp.client_side.terminals, "DEFAULT_OUTPUT_BYTES", 2)
    monkeypatch.setattr(acp.client_side.terminals, "MAX_OUTPUT_BYTES", 4)
    async with serving(tmp_path) as terminals:
        assert (await ended(terminals, "printf", "%s", "abcdef")).text == "ef"
        assert (await ended(terminals, "printf", "%s", "abcdef", limit=2**63)).text == "cdef"


async def test_a_flood_neither_stops_the_command_nor_fills_memory(tmp_path: Path) -> None:
    """200 MB flow through a tail of 1 MiB."""
    async with serving(tmp_path) as terminals:
        tracemalloc.start()
        try:
            terminal_id = await terminals.create("yes 'to a flood' | head -c 200000000; printf end")
            status = await terminals.wait_for_exit(terminal_id)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        output = terminals.output(terminal_id)
    assert (status, output.truncated, len(output.text)) == (ExitStatus(0), True, 1024 * 1024)
    assert output.text.endswith("end")
    assert peak < 8 * 1024 * 1024


async def test_output_can_be_asked_for_while_the_command_runs(tmp_path: Path) -> None:
    """It has no exit status then."""
    ready = fifo(tmp_path)
    async with serving(tmp_path) as terminals:
        terminal_id = await terminals.create(sys.executable, python(DEAF + SAY_PID + SLEEPER, ready))
        await pid_from(ready)
        assert terminals.output(terminal_id) == Output("", False, None)
        assert repr(terminals) == f"<Terminals 1 of {MAX_TERMINALS}, 1 running>"


# ---- exit


@pytest.mark.parametrize(
    ("number", "name"), [(signal.SIGKILL, "SIGKILL"), (signal.SIGRTMIN + 3, str(signal.SIGRTMIN + 3))]
)
async def test_a_signal_that_ended_a_command_is_told_by_name(tmp_path: Path, number: int, name: str) -> None:
    """By number where it has none."""
    async with serving(tmp_path) as terminals:
        code = f"import os; os.kill(os.getpid(), {int(number)})"
        assert (await ended(terminals, sys.executable, *python(code))).exit_status == ExitStatus(signal=name)


async def test_an_exit_is_told_while_a_grandchild_holds_the_pipe(tmp_path: Path) -> None:
    """With the last output; the grandchild lives until the terminal is released, and not longer."""
    ready = fifo(tmp_path)
    child = DEAF + SAY_PID + SLEEPER
    code = (
        f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {child!r}, sys.argv[1]]); "
        "print('last', flush=True)"
    )
    async with serving(tmp_path) as terminals:
        terminal_id = await terminals.create(sys.executable, python(code, ready))
        pid = await pid_from(ready)
        assert await terminals.wait_for_exit(terminal_id) == ExitStatus(0)
        assert terminals.output(terminal_id) == Output("last\n", False, ExitStatus(0))
        assert alive(pid)
        await terminals.release(terminal_id)
        await gone(pid)


async def test_an_exit_is_told_when_the_last_output_is_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process is dead before the loop has read a byte, and what it wrote takes many reads."""
    monkeypatch.setattr(acp.client_side.terminal, "READ_SIZE", 16)
    monkeypatch.setattr(acp.client_side.terminal, "LINGER_SECONDS", PATIENCE)

    def let_end_while_the_loop_stands(pid: int) -> None:
        gate.write_text("go\n")
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)

    gate = fifo(tmp_path)
    async with serving(tmp_path) as terminals:
        terminal_id = await terminals.create(f"read go < {gate}; printf %5000s end")
        let_end_while_the_loop_stands(terminals._terminals[terminal_id].pid)
        await terminals.wait_for_exit(terminal_id)
        assert terminals.output(terminal_id).text == f"{'end':>5000}"


async def test_many_may_wait_for_one_exit(tmp_path: Path) -> None:
    """Also later ones; a waiter that gives up does not disturb the others."""
    async with serving(tmp_path) as terminals:
        gate = fifo(tmp_path)
        terminal_id = await terminals.create("cat", [str(gate)])
        async with asyncio.TaskGroup() as group:
            early = [group.create_task(terminals.wait_for_exit(terminal_id)) for _ in range(3)]
            early[0].cancel()
            await asyncio.to_thread(gate.write_text, "text")
        assert [task.result() for task in early[1:]] == [ExitStatus(0)] * 2
        assert await terminals.wait_for_exit(terminal_id) == ExitStatus(0)
        assert terminals.output(terminal_id).text == "text"


# ---- the end


async def test_a_killed_terminal_keeps_its_output_and_its_exit(tmp_path: Path) -> None:
    """It stays valid, and may be killed again."""
    ready = fifo(tmp_path)
    code = "import os, sys, time; print('words', flush=True); " + SAY_PID + SLEEPER
    async with serving(tmp_path) as terminals:
        terminal_id = await terminals.create(sys.executable, python(code, ready))
        await pid_from(ready)
        await terminals.kill(terminal_id)
        expected = Output("words\n", False, ExitStatus(signal="SIGTERM"))
        assert terminals.output(terminal_id) == expected
        await terminals.kill(terminal_id)
        assert terminals.output(terminal_id) == expected
        assert await terminals.wait_for_exit(terminal_id) == ExitStatus(signal="SIGTERM")


@pytest.mark.parametrize("act", ["kill", "release"])
async def test_nothing_that_a_command_started_survives_its_end(
    tmp_path: Path, act: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Deaf to SIGTERM, in a session of its own, or without the marks; the agent, with the same marker, lives."""
    monkeypatch.setattr(acp.client_side.terminal, "TERM_SECONDS", 0.1)
    monkeypatch.setattr(acp.process.orphans, "TERM_SECONDS", 0.1)
    ways = [fifo(tmp_path) for _ in range(4)]
    code = (
        DEAF
        + SAY_PID
        + "import subprocess\n"
        + (
            f"child = [sys.executable, '-c', {DEAF + SAY_PID + SLEEPER!r}]\n"
            "subprocess.Popen([*child, sys.argv[2]])\n"
            "subprocess.Popen([*child, sys.argv[3]], start_new_session=True)\n"
            "subprocess.Popen([*child, sys.argv[4]], env={}, process_group=0)\n"
        )
        + SLEEPER
    )
    marker = f"{RUN}-family/1"
    agent = await asyncio.create_subprocess_exec(sys.executable, "-c", SLEEPER, env={MARKER: marker})
    try:
        async with serving(tmp_path, marker=marker) as terminals:
            terminal_id = await terminals.create(sys.executable, python(code, *ways))
            pids = [await pid_from(way) for way in ways]
            await getattr(terminals, act)(terminal_id)
            assert not any(map(alive, pids))
            assert agent.returncode is None
    finally:
        agent.kill()
        await agent.wait()


async def test_what_is_started_by_what_is_being_ended_is_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The search repeats until it finds no process."""
    monkeypatch.setattr(acp.client_side.terminal, "TERM_SECONDS", PATIENCE)
    monkeypatch.setattr(acp.process.orphans, "TERM_SECONDS", PATIENCE)
    ready = fifo(tmp_path)
    leave = (
        "import os, signal, subprocess, sys\n"
        "def leave(*_):\n"
        f"    command = [sys.executable, '-c', 'print(flush=True); ' + {SLEEPER!r}]\n"
        "    heir = subprocess.Popen(command, start_new_session=True, stdout=subprocess.PIPE)\n"
        "    heir.stdout.readline()\n"  # Before, in the middle of its exec, it has no environment to be found by.
        "    os.write(1, b'%d ' % heir.pid)\n"
        "    os._exit(0)\n"
        "signal.signal(signal.SIGTERM, leave)\n"
    )
    survivor = leave + SAY_PID + SLEEPER
    code = f"{leave}subprocess.Popen([sys.executable, '-c', {survivor!r}, sys.argv[1]], start_new_session=True)\n"
    async with serving(tmp_path) as terminals:
        terminal_id = await terminals.create(sys.executable, python(code + SLEEPER, ready))
        pids = [await pid_from(ready)]
        await terminals.kill(terminal_id)
        output = terminals.output(terminal_id)
        pids += map(int, output.text.split())
        assert len(pids) == 3
        assert not any(map(alive, pids))
        assert output.exit_status == ExitStatus(0)


async def test_a_released_terminal_is_gone(tmp_path: Path) -> None:
    """For every method; waiters for its exit are released; no descriptor stays open."""
    async with serving(tmp_path) as terminals:
        ready = fifo(tmp_path)
        before = descriptors()
        terminal_id = await terminals.create(sys.executable, python(DEAF + SAY_PID + SLEEPER, ready))
        await pid_from(ready)
        async with asyncio.TaskGroup() as group:
            waiting = group.create_task(terminals.wait_for_exit(terminal_id))
            # Two at once are one.
            group.create_task(terminals.release(terminal_id))
            group.create_task(terminals.release(terminal_id))
        assert waiting.result() == ExitStatus(signal="SIGKILL")
        assert descriptors() == before
        for act in (terminals.wait_for_exit, terminals.kill, terminals.release):
            with pytest.raises(RequestRefused) as refused:
                await act(terminal_id)
            assert refused.value.code == NOT_FOUND
        with pytest.raises(RequestRefused):
            terminals.output(terminal_id)


async def test_a_session_has_a_bounded_number_of_terminals(tmp_path: Path) -> None:
    """Ended commands count until their release, and so do concurrent starts."""
    async with serving(tmp_path) as terminals:
        asked = await asyncio.gather(
            *(terminals.create("true") for _ in range(MAX_TERMINALS + 1)), return_exceptions=True
        )
        started = [each for each in asked if isinstance(each, str)]
        assert len(started) == MAX_TERMINALS
        for terminal_id in started:
            await terminals.wait_for_exit(terminal_id)
        with pytest.raises(RequestRefused, match="release one first") as refused:
            await terminals.create("true")
        assert refused.value.code == INTERNAL_ERROR
        await terminals.release(started[0])
        assert await ended(terminals, "echo room") == Output("room\n", False, ExitStatus(0))


async def test_closing_ends_every_terminal_and_starts_no_more(tmp_path: Path) -> None:
    """Also one that is just starting; waiters for an exit are released."""
    async with serving(tmp_path) as terminals:
        pids = []
        for _ in range(3):
            ready = fifo(tmp_path)
            await terminals.create(sys.executable, python(DEAF + SAY_PID + SLEEPER, ready))
            pids.append(await pid_from(ready))
        async with asyncio.TaskGroup() as group:
            waiting = [group.create_task(terminals.wait_for_exit(each)) for each in terminals._terminals]
            late = group.create_task(terminals.create(sys.executable, python(SLEEPER)))
            group.create_task(terminals.close())
        assert not any(map(alive, pids))
        assert [task.result() for task in waiting] == [ExitStatus(signal="SIGKILL")] * 3
        with pytest.raises(RequestRefused, match="no terminal"):
            terminals.output(late.result())
        with pytest.raises(RequestRefused, match="closed"):
            await terminals.create("true")
        assert await end_survivors(f"{RUN}-terminals/1") == 0


async def test_the_agents_own_stop_finds_what_its_terminals_left(tmp_path: Path) -> None:
    """All their processes carry the agent's marker."""
    ready = fifo(tmp_path)
    async with serving(tmp_path, marker=f"{RUN}-ladder/1") as terminals:
        terminal_id = await terminals.create(sys.executable, python("import os, sys; " + SAY_PID + SLEEPER, ready))
        await pid_from(ready)
        assert await end_survivors(f"{RUN}-ladder/1") == 1
        assert await terminals.wait_for_exit(terminal_id) == ExitStatus(signal="SIGTERM")


async def test_what_even_sigkill_does_not_end_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Within the bounds; waiters get an unknown exit status."""
    monkeypatch.setattr(acp.client_side.terminal, "TERM_SECONDS", 0.01)
    monkeypatch.setattr(acp.client_side.terminal, "KILL_SECONDS", 0.01)
    sent, looks = list[int](), list[bool]()

    async def end_nothing(marker: str, *, leader: int, gently: bool) -> int:
        looks.append(gently)
        return 1

    async with serving(tmp_path) as terminals:
        terminal_id = await terminals.create(sys.executable, python(SLEEPER))
        waiting = asyncio.create_task(terminals.wait_for_exit(terminal_id))
        monkeypatch.setattr(os, "killpg", lambda _, number: sent.append(number))
        monkeypatch.setattr(acp.client_side.terminal, "end_survivors", end_nothing)
        await terminals.kill(terminal_id)
        assert terminals.output(terminal_id) == Output("", False, None)
        terminal = terminals._terminals[terminal_id]
        await terminals.release(terminal_id)
        assert await waiting == ExitStatus(None, None)
        await terminal._exited.wait()  # For asyncio's own kill is a real one.
    assert sent == [signal.SIGTERM, signal.SIGKILL] * 2
    assert looks == [True, False, False] * 2


async def test_a_session_number_that_a_stranger_has_by_now_is_not_ours(tmp_path: Path) -> None:
    """A terminal may be released long after its command has ended."""
    stranger = await asyncio.create_subprocess_exec(sys.executable, "-c", SLEEPER, start_new_session=True)
    try:
        assert acp.client_side.terminal._sessions("terminal-none", stranger.pid, reaped=True) == set()
        assert acp.client_side.terminal._sessions("terminal-none", stranger.pid, reaped=False) == {stranger.pid}
    finally:
        stranger.kill()
        await stranger.wait()
    assert acp.client_side.terminal._sessions("terminal-none", stranger.pid, reaped=True) == {stranger.pid}


async def test_without_proc_the_group_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On systems other than Linux the group's signals are all there is."""
    monkeypatch.setattr(acp.client_side.terminal, "_PROC", tmp_path / "none")
    monkeypatch.setattr(acp.process.orphans, "_PROC", tmp_path / "none")
    async with serving(tmp_path) as terminals:
        terminal_id = await terminals.create("sleep", ["600"])
        assert repr(terminals._terminals[terminal_id]).endswith("running>")
        await terminals.kill(terminal_id)
        assert terminals.output(terminal_id).exit_status == ExitStatus(signal="SIGTERM")


def test_a_terminal_is_made_by_spawning() -> None:
    """There is no process before."""
    with pytest.raises(RuntimeError):
        acp.client_side.terminal.Terminal("terminal-1", 1).pid  # noqa: B018


# ---- in a sandbox

boxed = pytest.mark.skipif(shutil.which(ENGINE) is None, reason="bubblewrap is not installed")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The session's directory, beside a secret."""
    (tmp_path / "secret").write_text("SECRET")
    (tmp_path / "project" / ".claude").mkdir(parents=True)
    (tmp_path / "project" / "sub").mkdir()
    return tmp_path / "project"


@boxed
async def test_a_command_in_a_sandbox_sees_the_session_and_nothing_else(project: Path) -> None:
    """It may start below the session's directory, which is whole for it; what runs by itself is read-only."""
    async with serving(project, sandbox=Sandbox(writable=(project,))) as terminals:
        script = "pwd; touch made ../made && mv made ../moved; touch ../.claude/x || cat ../../secret || ls /home /root"
        terminal_id = await terminals.create(script, cwd=str(project / "sub"))
        await terminals.wait_for_exit(terminal_id)
        said = terminals.output(terminal_id).text
    assert said.startswith(f"{project}/sub\n")
    assert (project / "moved").exists()
    assert not (project / ".claude" / "x").exists()
    assert "SECRET" not in said


@boxed
async def test_a_command_in_a_sandbox_opens_nothing_that_the_agent_names(project: Path) -> None:
    """Neither by the command, nor by the PATH that it asks for, nor by variables for the loader."""
    tool = project.with_name("tools") / "tool"
    tool.parent.mkdir()
    tool.write_text("#!/bin/sh\necho opened\n")
    tool.chmod(0o755)
    async with serving(project, sandbox=Sandbox(writable=(project,), programs=("tool",))) as terminals:
        wanted = {"PATH": f"{tool.parent}:/usr/bin", "LD_PRELOAD": "/evil.so"}
        for command, args in ((str(tool), ("x",)), ("tool", ("x",)), ("env", ("LC_ALL=C", "sh", "-c", "tool"))):
            terminal_id = await terminals.create(command, args, env=wanted)
            await terminals.wait_for_exit(terminal_id)
            assert "opened" not in terminals.output(terminal_id).text


@boxed
async def test_a_command_in_a_sandbox_does_not_tell_what_exists_outside(project: Path) -> None:
    """A program, or a shell that is named as one, is looked for inside."""
    for name in ("there", "there.d/bash"):
        path = project.parent / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("#!/bin/sh\necho opened\n")
        path.chmod(0o755)
    told = []
    async with serving(project, sandbox=Sandbox(writable=(project,))) as terminals:
        for name in ("there", "gone!"):
            for command, shell in (
                (str(project.with_name(name)), "/bin/sh"),
                ("echo $0", f"{project.parent}/{name}.d/bash"),
            ):
                terminal_id = await terminals.create(command, env={"SHELL": shell})
                status = await terminals.wait_for_exit(terminal_id)
                told.append((status, terminals.output(terminal_id).text.replace(name, "NAME")))
    assert told[:2] == told[2:]


@boxed
async def test_no_process_of_a_command_in_a_sandbox_outlives_it(project: Path) -> None:
    """Also one that has left its session and cleared its variables."""
    os.mkfifo(project / "fifo")
    async with serving(project, sandbox=Sandbox(writable=(project,))) as terminals:
        hidden = "trap '' TERM; readlink /proc/self/ns/pid > fifo; sleep 600; sleep 600"
        terminal_id = await terminals.create("env", ("-i", "setsid", "/bin/sh", "-c", hidden))
        namespace = (await asyncio.to_thread((project / "fifo").read_text)).strip()
        inside = await asyncio.to_thread(_members, namespace)
        assert len(inside) >= 2
        await terminals.release(terminal_id)
        for pid in inside:
            await gone(pid)


def _members(namespace: str) -> list[int]:
    """Return the processes of a process namespace."""
    found = []
    for each in Path("/proc").iterdir():
        with suppress(OSError):
            if each.name.isdecimal() and str((each / "ns" / "pid").readlink()) == namespace:
                found.append(int(each.name))
    return found


@boxed
async def test_a_command_whose_sandbox_cannot_be_made_is_refused(project: Path) -> None:
    """The agent learns what is missing."""
    async with serving(project, sandbox=Sandbox(readable=(Path("/no/such"),))) as terminals:
        with pytest.raises(RequestRefused, match="/no/such"):
            await terminals.create("true")
