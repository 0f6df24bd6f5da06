import asyncio
import contextlib
import errno
import os
import re
import resource
import signal
import sys
from collections.abc import Awaitable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from structlog.testing import capture_logs

import acp.connection
import acp.process.agent_process
import acp.process.orphans
from acp import Agent, AgentClosed, Launch, RemoteError, SpawnFailed, Text, environment
from acp.errors import CloseReason
from acp.process.agent_process import STDERR_LINES, STDERR_WIDTH, AgentProcess
from acp.process.environment import BASE_NAMES
from acp.process.orphans import MARKER
from acp.schema import TextBlock
from tests.acp.child_processes import PATIENCE, RUN, SLEEPER, Child, gone, launch, running
from tests.support.virtual_time import step

pytestmark = pytest.mark.real_time

LOOPBACK = ("-m", "loopback.agent")
ROOT = Path(__file__).parents[3]


@pytest.fixture
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The steps of the stop ladder, short: for processes that are known to ignore them."""
    monkeypatch.setattr(acp.process.agent_process, "EOF_SECONDS", 0.1)
    monkeypatch.setattr(acp.process.agent_process, "TERM_SECONDS", 0.1)
    monkeypatch.setattr(acp.process.orphans, "TERM_SECONDS", 0.1)


impatient = pytest.mark.usefixtures("_impatient")


def descriptors() -> set[str]:
    """What this process has open, but for the descriptor by which that is read."""
    return {f"{name} {target}" for name, target in _open_files() if "/proc/" not in target}


def _open_files() -> Iterator[tuple[str, str]]:
    for entry in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            yield entry.name, str(entry.readlink())


@contextlib.contextmanager
def no_more_files() -> Iterator[None]:
    """Make every open fail; open files stay."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


# ---- start


async def test_a_command_that_does_not_exist_is_named(tmp_path: Path) -> None:
    """The text says what to correct."""
    with pytest.raises(SpawnFailed, match="command not found: no-such-agent"):
        await AgentProcess.spawn(Launch("no-such-agent", (), tmp_path, {}), f"{RUN}/1")


async def test_a_command_is_looked_up_on_the_path_that_the_agent_gets(tmp_path: Path) -> None:
    """The bot's own PATH does not count."""
    command = tmp_path / "my-agent"
    command.write_text('#!/bin/sh\necho "{\\"method\\": \\"found\\"}"\n')
    command.chmod(0o755)
    found = await AgentProcess.spawn(Launch("my-agent", (), tmp_path, {"PATH": str(tmp_path)}), f"{RUN}/1")
    await found.stop()
    with pytest.raises(SpawnFailed):
        await AgentProcess.spawn(Launch("my-agent", (), tmp_path, {"PATH": "/usr/bin"}), f"{RUN}/1")


async def test_many_that_start_at_once_are_created_one_by_one(tmp_path: Path) -> None:
    """Creating a process blocks the loop; other work runs between two of them."""
    loop = asyncio.get_running_loop()
    rounds, created = 0, list[int]()

    def turn() -> None:
        nonlocal rounds
        rounds += 1
        if len(created) < 5:
            loop.call_soon(turn)

    class Noted(AgentProcess):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            super().connection_made(transport)
            created.append(rounds)

    turn()
    processes = await asyncio.gather(*(Noted.spawn(launch("pass", tmp_path), f"{RUN}/{each}") for each in range(5)))
    assert len(set(created)) == len(processes)
    await asyncio.gather(*(process.stop() for process in processes))


async def test_a_start_that_is_cancelled_leaves_no_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process may be ahead of us, and have started others."""
    os.mkfifo(tmp_path / "ready")
    made = AgentProcess.connection_made

    def made_and_cancelled(process: AgentProcess, transport: asyncio.BaseTransport) -> None:
        made(process, transport)
        (tmp_path / "ready").read_bytes()
        starting.cancel()

    monkeypatch.setattr(AgentProcess, "connection_made", made_and_cancelled)
    env = environment(os.environ, inherit=(), env={})
    line = "setsid sleep 600 & echo $! $$ > pids; echo > ready; wait"
    starting = asyncio.create_task(AgentProcess.spawn(Launch("sh", ("-c", line), tmp_path, env), f"{RUN}/cancelled"))
    await asyncio.wait([starting])
    assert starting.cancelled()
    for pid in (tmp_path / "pids").read_text().split():
        await gone(int(pid))


async def test_a_working_directory_that_does_not_exist_is_named(tmp_path: Path) -> None:
    """Most agents accept it and fail later; a file is no directory either."""
    file = tmp_path / "file"
    file.touch()
    for cwd in (tmp_path / "gone", file):
        with pytest.raises(SpawnFailed, match=re.escape(f"no such directory: {cwd}")):
            await AgentProcess.spawn(launch("", cwd), f"{RUN}/1")


async def test_a_working_directory_that_may_not_be_entered_is_named_with_the_reason(tmp_path: Path) -> None:
    """Often another account's home; root may enter all but one with an overlong name."""
    cwd = tmp_path / ("x" * 300)
    with pytest.raises(SpawnFailed, match=re.escape(f"directory not entered: {cwd} (File name too")):
        await AgentProcess.spawn(launch("", cwd), f"{RUN}/1")


async def test_a_start_without_room_for_pipes_is_an_error_of_ours_and_leaves_none(tmp_path: Path) -> None:
    """It counts as a failed start, and all descriptors are closed."""
    before = descriptors()
    with no_more_files(), pytest.raises(SpawnFailed, match="Too many open files"):
        await AgentProcess.spawn(launch("", tmp_path), f"{RUN}/1")
    assert descriptors() <= before


@pytest.mark.parametrize("args", [("a\0b",), ("x" * 10_000_000,)], ids=["zero byte", "too long"])
async def test_a_command_line_that_the_system_refuses_is_an_error_of_ours(
    args: tuple[str, ...], tmp_path: Path
) -> None:
    """For every reason."""
    with pytest.raises(SpawnFailed, match="command not started"):
        await AgentProcess.spawn(Launch(sys.executable, args, tmp_path, {}), f"{RUN}/1")


async def test_a_file_that_may_not_be_executed_is_an_error_of_ours(tmp_path: Path) -> None:
    """The same."""
    (tmp_path / "agent").touch(0o644)
    with pytest.raises(SpawnFailed, match="Permission denied"):
        await AgentProcess.spawn(Launch(str(tmp_path / "agent"), (), tmp_path, {}), f"{RUN}/1")


async def test_an_agents_environment_is_the_base_what_is_named_and_the_marker(tmp_path: Path) -> None:
    """Exactly, as the process itself sees it; no secret of the bot is in it."""
    ours = dict.fromkeys(BASE_NAMES, "x") | {"PATH": os.environ["PATH"], "DISCORD_TOKEN": "secret", "API_KEY": "k"}
    env = environment(ours, inherit=("API_KEY", "NOT_SET"), env={"MODE": "fast", "LANG": "C.UTF-8"})
    assert env == {
        **dict.fromkeys(BASE_NAMES, "x"),
        "PATH": os.environ["PATH"],
        "LANG": "C.UTF-8",
        "API_KEY": "k",
        "MODE": "fast",
    }
    code = 'say("environment", open("/proc/self/environ").read())'
    child = Child(await AgentProcess.spawn(launch(code, tmp_path, env=env), f"{RUN}/7"))
    child.attach()
    seen = await child.said("environment")
    await child.process.stop()
    assert sorted(seen.split("\0")[:-1]) == sorted(
        f"{name}={value}" for name, value in {**env, MARKER: f"{RUN}/7"}.items()
    )


def test_the_environments_fixed_base_is_the_documented_one() -> None:
    """The marker is added at the start."""
    assert set(BASE_NAMES) == {"PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LC_ALL", "TZ", "TMPDIR"}


async def test_an_agent_leads_a_session_of_its_own_in_its_directory(tmp_path: Path) -> None:
    """A Ctrl-C in the bot's terminal does not reach it, and its group can be signalled as a whole."""
    code = 'say("here", [os.getpid(), os.getsid(0), os.getpgid(0), os.getcwd()])'
    async with running(code, tmp_path) as child:
        pid = child.process.pid
        assert await child.said("here") == [pid, pid, pid, str(tmp_path)]


# ---- talk


async def test_a_real_agent_answers_a_prompt(tmp_path: Path) -> None:
    """The whole way: spawn, initialize, session, prompt, stop."""
    agent = await _spawn(tmp_path)
    session = await agent.new_session(tmp_path)
    async with session.prompt([TextBlock(text="say hello\nsay world")]) as turn:
        events = [event async for event in turn]
    await agent.stop()
    assert "".join(event.text for event in events if isinstance(event, Text)).split() == ["hello", "world"]
    assert turn.stop_reason == "end_turn"
    assert "ended with 0" in repr(agent)


async def test_a_line_of_a_megabyte_is_one_message(tmp_path: Path) -> None:
    """Far beyond 64 KiB, through a pipe that cuts it into many pieces."""
    async with running('say("long", "x" * 1_000_000); say("next")', tmp_path) as child:
        assert await child.said("long") == "x" * 1_000_000
        await child.said("next")


async def test_what_is_said_before_anybody_listens_is_not_lost(tmp_path: Path) -> None:
    """The first lines of a fast agent, and the end of a dead one."""
    os.mkfifo(tmp_path / "spoken")
    code = 'say("first"); say("second"); open("spoken", "w").close()'
    async with running(code, tmp_path, attach=False) as child:
        await asyncio.to_thread((tmp_path / "spoken").read_bytes)
        await gone(child.process.pid)
        await asyncio.to_thread(int)
        assert child.heard == []
        child.attach()
        assert isinstance(await child.over(), AgentClosed)
        assert child.heard == ["first", "second"]


async def test_an_exit_in_the_middle_of_a_line_is_the_end_and_no_message(tmp_path: Path) -> None:
    """Half a line is dropped; what stood before it was heard."""
    async with running(
        'say("whole"); sys.stdout.write(\'{"method": "ha\'); sys.stdout.flush(); sys.exit(3)', tmp_path
    ) as child:
        error = await child.over()
        assert isinstance(error, AgentClosed)
        assert error.exit_status == 3
        assert child.heard == ["whole"]


async def test_an_agent_that_is_not_read_has_to_wait(tmp_path: Path) -> None:
    """Reading pauses and resumes where it stopped; every line arrives."""
    async with running('for n in range(3000): say("line", "x" * 200)\nsay("end")', tmp_path) as child:
        await child.said("line")
        child.connection.pause_reading()
        assert not child.process._stdout.reading
        await asyncio.to_thread(int)  # What was read before is still heard.
        heard = len(child.heard)
        await asyncio.to_thread(int)
        assert len(child.heard) == heard < 3000
        child.connection.resume_reading()
        await child.said("end")
        assert len(child.heard) == 3001


async def test_a_connection_that_is_cut_while_reading_is_paused_stays_quiet(tmp_path: Path) -> None:
    """Resuming a closed pipe is a no-op."""
    async with running('say("ready"); sys.stdin.read()', tmp_path) as child:
        await child.said("ready")
        child.connection.pause_reading()
        child.connection.close(AgentClosed(CloseReason.STOPPED))
        child.connection.resume_reading()
        await gone(child.process.pid)
        child.connection.pause_reading()
        child.connection.resume_reading()
        assert not child.process.write(b"x\n")


async def test_an_agent_that_does_not_read_is_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Writing into a full pipe never blocks; after the bound the connection ends."""
    monkeypatch.setattr(acp.connection, "WRITE_SECONDS", 0.1)
    async with running('say("ready"); hang()', tmp_path) as child:
        await child.said("ready")
        child.connection.notify("big", {"x": "y" * 1_000_000})
        error = await child.over()
        assert isinstance(error, AgentClosed)
        assert error.reason is CloseReason.INPUT_UNREAD
        child.process.kill()


async def test_an_agent_that_reads_late_gets_all(tmp_path: Path) -> None:
    """A full pipe empties, and the whole message arrives."""
    code = """
say("ready")
sys.stdin.readline()
say("got", len(json.loads(sys.stdin.readline())["params"]["x"]))
"""
    async with running(code, tmp_path) as child:
        await child.said("ready")
        child.connection.notify("small", {})
        child.connection.notify("big", {"x": "y" * 3_000_000})
        assert await child.said("got") == 3_000_000
        assert isinstance(await child.over(), AgentClosed)


async def test_a_request_to_a_process_that_has_ended_was_not_handed_over(tmp_path: Path) -> None:
    """Another agent may get it."""
    async with running("sys.exit(2)", tmp_path) as child:
        await gone(child.process.pid)
        with pytest.raises(AgentClosed) as raised:
            await child.connection.start("m", {}, lambda _: None)
        assert (raised.value.method, raised.value.exit_status) == ("m", 2)


async def test_a_write_that_fails_before_the_end_is_seen_waits_for_the_reason(tmp_path: Path) -> None:
    """The error has the exit status and the last stderr lines in spite of the race."""
    async with running('os.close(0); os.write(2, b"no key"); say("closed"); signal.pause()', tmp_path) as child:
        await child.said("closed")
        async with asyncio.TaskGroup() as tasks:
            failing = tasks.create_task(failure(child.connection.start("m", {}, lambda _: None)))
            await step()
            assert child.connection.error is None
            os.kill(child.process.pid, signal.SIGTERM)
        error = failing.result()
        assert (error.exit_status, error.stderr) == (-signal.SIGTERM, ("no key",))


async def test_a_write_into_a_pipe_that_nobody_reads_hands_nothing_over(tmp_path: Path) -> None:
    """The write itself finds the broken pipe before the loop does."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    closing = f"told = os.open({str(fifo)!r}, os.O_WRONLY); os.close(0); os.close(told); signal.pause()"
    async with running(f'say("begin"); {closing}', tmp_path) as child:
        await child.said("begin")
        assert not child.process._stdin.is_closing()
        fifo.read_bytes()  # Until the child has closed both; nothing of the loop runs meanwhile.
        assert not child.process._stdin.is_closing()
        assert child.process.write(b"x") is False
        assert child.process.write(b"x") is False


async def test_a_process_that_only_closes_its_input_is_not_waited_for_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It runs on but cannot be reached."""
    monkeypatch.setattr(acp.connection, "LAST_WORDS_SECONDS", 0.05)
    async with running('os.close(0); say("closed"); signal.pause()', tmp_path) as child:
        await child.said("closed")
        error = await failure(child.connection.start("m", {}, lambda _: None))
        assert error.reason is CloseReason.INPUT_CLOSED


async def failure(request: Awaitable[object]) -> AgentClosed:
    """Return how a request fails."""
    with pytest.raises(AgentClosed) as raised:
        await request
    return raised.value


# ---- stderr


async def test_the_last_lines_of_stderr_say_why_it_ended(tmp_path: Path) -> None:
    """Whole lines, and a last one without its line feed; blank ones are left out."""
    async with running(
        'sys.stderr.write("Traceback\\n\\n  KeyError: \\xe9\\nno line feed"); sys.exit(7)', tmp_path
    ) as child:
        error = await child.over()
        assert isinstance(error, AgentClosed)
        assert error.stderr == ("Traceback", "  KeyError: é", "no line feed")
        assert str(error).startswith("process ended (exit status 7)\nTraceback\n")


async def test_the_stderr_of_a_login_is_not_logged(tmp_path: Path) -> None:
    """It may hold a code; its last lines still say why the agent ended."""
    code = "import sys; sys.stderr.write('the code is AB-12\\n'); sys.exit(7)"
    way = Launch(sys.executable, ("-c", code), tmp_path, environment(os.environ, inherit=(), env={}))
    heard = list[list[str]]()
    for log_stderr in (True, False):
        with capture_logs() as logs, pytest.raises(AgentClosed) as ended:
            await Agent.spawn(replace(way, log_stderr=log_stderr), marker=f"{RUN}/1")
        assert ended.value.stderr == ("the code is AB-12",)
        heard.append([entry["event"] for entry in logs if "AB-12" in str(entry)])
    assert heard == [["agent stderr"], []]


async def test_a_flood_on_stderr_does_not_block_the_agent(tmp_path: Path) -> None:
    """It is read, and only its end is kept, in lines and in width."""
    code = """
for n in range(20_000): print("x" * 600, n, file=sys.stderr)
sys.stderr.write("y" * 1_000_000)
say("survived")
"""
    async with running(code, tmp_path) as child:
        await child.said("survived")
        error = await child.over()
        assert isinstance(error, AgentClosed)
        assert len(error.stderr) == STDERR_LINES + 1
        assert all(len(line) <= STDERR_WIDTH for line in error.stderr)
        assert error.stderr[-2].endswith("x 19999")
        assert error.stderr[-1] == "y" * STDERR_WIDTH
        assert len(child.process._stderr_rest) == STDERR_WIDTH


async def test_a_start_that_fails_carries_the_agents_last_words(tmp_path: Path) -> None:
    """The error of the start has its last stderr lines; no process is left."""
    with pytest.raises(AgentClosed, match=r"exit status 1\)\nno API key"):
        await Agent.spawn(launch('sys.exit("no API key")', tmp_path), marker=f"{RUN}/1")


async def test_a_start_that_is_refused_leaves_no_process(tmp_path: Path) -> None:
    """The agent lives on by itself, so it must be stopped."""
    with pytest.raises(RemoteError):
        await _spawn(tmp_path, "--refuse", "initialize", marker=f"{RUN}/refused")
    assert await acp.end_survivors(f"{RUN}/refused") == 0


# ---- the end


async def test_a_well_behaved_agent_ends_when_its_input_does(tmp_path: Path) -> None:
    """No signal is sent: it has all the time it needs to save what it holds."""
    async with running('say("ready"); sys.stdin.read(); sys.exit(5)', tmp_path) as child:
        await child.said("ready")
        assert repr(child.process) == f"<AgentProcess {child.process.pid} running>"
        await child.process.stop()
        assert child.process.exit_status == 5
        assert repr(child.process) == f"<AgentProcess {child.process.pid} ended with 5>"


async def test_an_agent_may_be_stopped_twice(tmp_path: Path) -> None:
    """The second stop finds it ended."""
    async with running('say("ready"); sys.stdin.read()', tmp_path) as child:
        await child.said("ready")
        await asyncio.gather(child.process.stop(), child.process.stop())
        assert child.process.exit_status == 0


async def test_a_stop_that_cannot_look_for_survivors_lets_go_of_the_agent(tmp_path: Path) -> None:
    """Where no file can be opened any more: what stays open then would make that last for ever."""
    before = descriptors()
    async with running('say("ready"); sys.stdin.read()', tmp_path) as child:
        await child.said("ready")
        with no_more_files(), pytest.raises(OSError, match="Too many open files"):
            await child.process.stop()
        assert child.process.exit_status == 0
        assert descriptors() <= before


@impatient
async def test_an_agent_that_we_may_not_signal_is_let_go_within_the_bounds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An agent that sudo made another user's may ignore the end of its input; its stop does not fail."""

    def forbidden(*_: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    async with running('say("ready"); hang()', tmp_path) as child:
        await child.said("ready")
        with monkeypatch.context() as patched:
            for module, name in ((os, "killpg"), (os, "kill"), (signal, "pidfd_send_signal")):
                patched.setattr(module, name, forbidden)
            child.process.kill()
            await child.process.stop()
        assert child.process.exit_status is None


async def test_an_agent_that_ignores_the_end_of_its_input_gets_sigterm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Real ones do: it may still clean up."""
    monkeypatch.setattr(acp.process.agent_process, "EOF_SECONDS", 0.1)
    monkeypatch.setattr(acp.process.agent_process, "TERM_SECONDS", PATIENCE)
    code = 'signal.signal(signal.SIGTERM, lambda *_: sys.exit(9)); say("ready"); hang()'
    async with running(code, tmp_path) as child:
        await child.said("ready")
        await child.process.stop()
        assert child.process.exit_status == 9


@impatient
async def test_an_agent_that_ignores_sigterm_is_killed(tmp_path: Path) -> None:
    """And its group with it."""
    code = f"""
signal.signal(signal.SIGTERM, signal.SIG_IGN)
say("ready", subprocess.Popen([sys.executable, "-c", {SLEEPER!r}]).pid)
hang()
"""
    async with running(code, tmp_path) as child:
        sleeper = await child.said("ready")
        await child.process.stop()
        assert child.process.exit_status == -signal.SIGKILL
        await gone(sleeper)


@impatient
async def test_where_processes_cannot_be_searched_the_groups_signals_end_an_agent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without /proc the ladder alone must be enough for an agent that ignores SIGTERM."""
    monkeypatch.setattr(acp.process.orphans, "_PROC", tmp_path / "none")
    code = 'signal.signal(signal.SIGTERM, signal.SIG_IGN); say("ready"); hang()'
    async with running(code, tmp_path) as child:
        await child.said("ready")
        await child.process.stop()
        assert child.process.exit_status == -signal.SIGKILL


async def test_a_child_whose_wrapper_has_died_is_ended(tmp_path: Path) -> None:
    """It holds stdout open, so the pipes never end; the death is noticed, and the child found."""
    code = f"""
say("child", subprocess.Popen([sys.executable, "-c", {SLEEPER!r}]).pid)
os._exit(4)
"""
    async with running(code, tmp_path) as child:
        sleeper = await child.said("child")
        error = await child.over()
        assert isinstance(error, AgentClosed)
        assert error.exit_status == 4
        async with asyncio.timeout(PATIENCE):
            await child.process.stop()
        await gone(sleeper)


@impatient
@pytest.mark.parametrize("deaf", [False, True])
async def test_a_child_that_left_the_group_is_ended(tmp_path: Path, *, deaf: bool) -> None:
    """In a session of its own no signal to the group reaches it; the marker does, SIGTERM first, then SIGKILL."""
    ignore = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " if deaf else ""
    sleeper_code = f"{ignore}print(flush=True); {SLEEPER}"
    code = f"""
c = subprocess.Popen([sys.executable, "-c", {sleeper_code!r}], start_new_session=True, stdout=subprocess.PIPE)
c.stdout.readline()
say("child", c.pid)
sys.stdin.read()
"""
    async with running(code, tmp_path) as child:
        sleeper = await child.said("child")
        assert os.getsid(sleeper) == sleeper
        await child.process.stop()
        await gone(sleeper)


async def test_a_child_without_the_marker_is_found_by_its_session(tmp_path: Path) -> None:
    """Some programs clear the environment of what they start."""
    code = f"""
say("child", subprocess.Popen([sys.executable, "-c", {SLEEPER!r}], env={{}}, process_group=0).pid)
sys.stdin.read()
"""
    async with running(code, tmp_path) as child:
        sleeper = await child.said("child")
        assert os.getpgid(sleeper) != child.process.pid
        await child.process.stop()
        await gone(sleeper)


@impatient
async def test_nothing_is_left_after_many_starts_and_ends(tmp_path: Path) -> None:
    """Agents run concurrently, with children that ignore SIGTERM, some in sessions of their own."""
    code = f"""
signal.signal(signal.SIGTERM, signal.SIG_IGN)
command = [sys.executable, "-S", "-c", "print(flush=True); " + {SLEEPER!r}]
children = [subprocess.Popen(command, start_new_session=own, stdout=subprocess.PIPE) for own in (False, True)]
for each in children: each.stdout.readline()  # Before, in the middle of an exec, it has no environment to be found by.
say("children", [each.pid for each in children])
if os.getpid() % 2: sys.stdin.read()
else: hang()
"""

    async def one(number: int) -> list[int]:
        async with running(code, tmp_path, marker=f"{RUN}-many/{number}") as child:
            children: list[int] = await child.said("children")
            return children

    for pid in [pid for pids in await asyncio.gather(*map(one, range(10))) for pid in pids]:
        await gone(pid)
    assert await acp.end_survivors(f"{RUN}-many/", gently=False) == 0


async def test_an_agent_that_closes_its_output_is_over(tmp_path: Path) -> None:
    """It can send no more, so no caller waits for it; it still runs and has to be stopped."""
    async with running('say("bye"); os.close(1); sys.stdin.read()', tmp_path) as child:
        error = await child.over()
        assert isinstance(error, AgentClosed)
        assert error.exit_status is None
        assert child.heard == ["bye"]
        await child.process.stop()
        assert child.process.exit_status == 0


async def test_kill_ends_the_group_at_once_and_again_does_nothing(tmp_path: Path) -> None:
    """For a second signal at shutdown; a pid that was given back is not signalled."""
    code = f"""
say("child", subprocess.Popen([sys.executable, "-c", {SLEEPER!r}]).pid)
hang()
"""
    async with running(code, tmp_path) as child:
        sleeper = await child.said("child")
        child.process.kill()
        error = await child.over()
        assert isinstance(error, AgentClosed)
        assert error.exit_status == -signal.SIGKILL
        await gone(sleeper)
        child.process.kill()


async def test_an_agent_that_ends_while_it_is_not_read_is_heard_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its output waits in the pipe, and the connection ends only after it."""
    lingered, stop_lingering = asyncio.Event(), AgentProcess._stop_lingering

    def note(process: AgentProcess) -> None:
        stop_lingering(process)
        lingered.set()

    monkeypatch.setattr(acp.process.agent_process, "LINGER_SECONDS", 0.05)
    monkeypatch.setattr(AgentProcess, "_stop_lingering", note)
    async with running('say("first"); say("last")', tmp_path, attach=False) as child:
        child.connection.pause_reading()
        child.attach()
        await lingered.wait()
        assert child.connection.error is None
        child.connection.resume_reading()
        assert isinstance(await child.over(), AgentClosed)
        assert child.heard == ["first", "last"]


async def test_a_strangers_session_is_not_taken_for_an_agents_that_died_long_ago(tmp_path: Path) -> None:
    """If its pid has a new owner, no process of its session is left."""
    async with running('say("x")', tmp_path) as child:
        await child.over()
        assert child.process._own_session() == child.process.pid
        child.process._started = -1
        process, stranger = child.process._process, os.getpid()
        assert process.get_pid() != stranger
        child.process._transport = _Renumbered(stranger)  # type: ignore[assignment]
        assert child.process._own_session() is None
        child.process._transport = process


class _Renumbered:
    """A transport whose process has the pid of another one now."""

    def __init__(self, pid: int) -> None:
        self._pid = pid

    def get_pid(self) -> int:
        return self._pid


async def test_a_process_must_be_spawned() -> None:
    """The class by itself has none."""
    with pytest.raises(RuntimeError, match="spawn"):
        _ = AgentProcess(f"{RUN}/1").pid


async def test_a_process_that_nobody_listens_to_may_be_stopped(tmp_path: Path) -> None:
    """A start may be cancelled between the process and its connection."""
    async with running('say("x"); sys.stdin.read()', tmp_path, attach=False) as child:
        assert child.process.write(b"y" * 1_000_000)
        await child.process.stop()
        assert child.process.exit_status == 0


async def _spawn(tmp_path: Path, *args: str, marker: str = f"{RUN}/1") -> Agent:
    env = environment(os.environ, inherit=(), env={"PYTHONPATH": str(ROOT)})
    return await Agent.spawn(Launch(sys.executable, (*LOOPBACK, *args), tmp_path, env), marker=marker)
