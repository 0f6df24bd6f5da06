import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import structlog

import acp.process.orphans
from acp import end_survivors
from acp.process.orphans import MARKER, ROUNDS
from tests.acp.child_processes import PATIENCE, RUN, SLEEPER, gone

pytestmark = pytest.mark.real_time

READY = "print('ready', flush=True); "
DEAF = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); "


@asynccontextmanager
async def marked(marker: str | None, code: str = "") -> AsyncIterator[asyncio.subprocess.Process]:
    """Run a process that sleeps after `code`, in a session of its own; kill it at the end if it still runs."""
    env = {name: os.environ[name] for name in ("PATH", "TMPDIR")} | ({MARKER: marker} if marker else {})
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code + READY + SLEEPER, env=env, start_new_session=True, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"ready\n"
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def test_all_processes_with_the_marker_are_ended_and_no_others() -> None:
    """`a/1` is not `a/12`; the bot itself and the processes of other agents live."""
    async with (
        marked(f"{RUN}-a/1") as one,
        marked(f"{RUN}-a/1") as two,
        marked(f"{RUN}-a/12") as other,
        marked(None) as foreign,
    ):
        assert await end_survivors(f"{RUN}-a/1") == 2
        await gone(one.pid)
        await gone(two.pid)
        assert await one.wait() == -signal.SIGTERM
        assert (other.returncode, foreign.returncode) == (None, None)
        assert await end_survivors(f"{RUN}-a/1") == 0


async def test_a_marker_that_ends_in_a_slash_stands_for_a_whole_journal() -> None:
    """What a bot that was killed has left is found by the next one."""
    async with marked(f"{RUN}-b/1") as one, marked(f"{RUN}-b/2") as two, marked(f"{RUN}-bb/1") as other:
        assert await end_survivors(f"{RUN}-b/") == 2
        await gone(one.pid)
        await gone(two.pid)
        assert other.returncode is None


async def test_a_survivor_that_ignores_sigterm_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    """After its time is over."""
    monkeypatch.setattr(acp.process.orphans, "TERM_SECONDS", 0.1)
    async with marked(f"{RUN}-c/1", DEAF) as deaf:
        assert await end_survivors(f"{RUN}-c/1") == 1
        assert await deaf.wait() == -signal.SIGKILL


async def test_a_survivor_that_need_not_be_asked_is_killed_at_once() -> None:
    """Without SIGTERM."""
    async with marked(f"{RUN}-d/1") as process:
        assert await end_survivors(f"{RUN}-d/1", gently=False) == 1
        assert await process.wait() == -signal.SIGKILL


async def test_a_survivor_that_starts_another_one_as_it_ends_is_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The search repeats until it finds no process."""
    monkeypatch.setattr(acp.process.orphans, "TERM_SECONDS", PATIENCE)
    code = f"""
import os, signal, subprocess, sys
def again(*_):
    code = {READY + SLEEPER!r}
    child = subprocess.Popen([sys.executable, "-c", code], start_new_session=True, stdout=subprocess.PIPE)
    child.stdout.readline()  # In the middle of its exec it has no environment: the next start would find it.
    os.write(1, b"%d\\n" % child.pid)
    os._exit(0)
signal.signal(signal.SIGTERM, again)
"""
    async with marked(f"{RUN}-e/1", code) as process:
        assert process.stdout is not None
        assert await end_survivors(f"{RUN}-e/1") == 1
        assert await process.wait() == 0
        await gone(int(await process.stdout.readline()))


async def test_the_dead_are_not_counted() -> None:
    """A zombie waits for its parent, not for us; neither its marker nor its session makes it a survivor."""
    process = subprocess.Popen(  # noqa: ASYNC220 - asyncio would reap it
        [sys.executable, "-c", ""], env={MARKER: f"{RUN}-f/1"}, start_new_session=True
    )
    try:
        await gone(process.pid)
        assert await end_survivors(f"{RUN}-f/1", leader=process.pid) == 0
    finally:
        process.wait()


async def test_a_pid_that_was_given_to_another_process_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the look and the opening of the process; the second look, through what was opened, decides."""
    async with marked(f"{RUN}-g/1") as one, marked(f"{RUN}-g/1") as two:
        looks: dict[str, int] = {}

        def matcher(_marker: str, _leader: int | None) -> Callable[[str], bool]:
            def matches(path: str) -> bool:
                if path not in {f"/proc/{one.pid}", f"/proc/{two.pid}"}:
                    return False
                looks[path] = looks.get(path, 0) + 1
                if looks[path] % 2 == 0 and path.endswith(str(two.pid)):
                    raise ProcessLookupError
                return looks[path] % 2 == 1

            return matches

        monkeypatch.setattr(acp.process.orphans, "_matcher", matcher)
        assert await end_survivors(f"{RUN}-g/1") == 0
        assert (one.returncode, two.returncode) == (None, None)
        assert list(looks.values()) == [2, 2]


async def test_a_process_that_ends_by_itself_between_is_no_obstacle(monkeypatch: pytest.MonkeyPatch) -> None:
    """It was found, and when it is signalled it is gone."""
    async with marked(f"{RUN}-h/1") as process:
        send = signal.pidfd_send_signal

        def send_too_late(pidfd: int, number: int) -> None:
            send(pidfd, signal.SIGKILL)
            os.waitid(os.P_PIDFD, pidfd, os.WEXITED | os.WNOWAIT)
            raise ProcessLookupError(number)

        monkeypatch.setattr(signal, "pidfd_send_signal", send_too_late)
        assert await end_survivors(f"{RUN}-h/1") == 1
        assert await process.wait() == -signal.SIGKILL


async def test_what_survives_even_sigkill_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """The wait for a process that the kernel cannot end is bounded, and no descriptor stays open."""
    monkeypatch.setattr(acp.process.orphans, "TERM_SECONDS", 0.01)
    monkeypatch.setattr(acp.process.orphans, "KILL_SECONDS", 0.01)
    sent: list[int] = []
    async with marked(f"{RUN}-i/1") as process:
        opened = _open_descriptors()
        monkeypatch.setattr(signal, "pidfd_send_signal", lambda _, number: sent.append(number))
        assert await end_survivors(f"{RUN}-i/1") == 1
        assert sent == [signal.SIGTERM, *[signal.SIGKILL] * ROUNDS]
        assert process.returncode is None
        assert _open_descriptors() == opened


async def test_what_the_last_round_ends_is_not_called_a_survivor(monkeypatch: pytest.MonkeyPatch) -> None:
    """The scan after it finds no process."""
    monkeypatch.setattr(acp.process.orphans, "ROUNDS", 1)
    with structlog.testing.capture_logs() as logged:
        async with marked(f"{RUN}-l/1") as process:
            assert await end_survivors(f"{RUN}-l/1", gently=False) == 1
            assert await process.wait() == -signal.SIGKILL
    assert logged == []


async def test_without_proc_nothing_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other systems than Linux have only the signals to the group."""
    monkeypatch.setattr(acp.process.orphans, "_PROC", tmp_path / "none")
    assert await end_survivors(f"{RUN}-j/1") == 0


async def test_a_process_that_vanishes_under_the_look_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its folder is empty by then."""
    (tmp_path / "4194303").mkdir()
    (tmp_path / "self").mkdir()
    monkeypatch.setattr(acp.process.orphans, "_PROC", tmp_path)
    assert await end_survivors(f"{RUN}-k/1") == 0


async def test_a_process_that_is_becoming_another_program_is_looked_at_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """It shows no environment in that moment, and so no marker."""
    read = Path.read_bytes
    async with marked(f"{RUN}-m/1") as process:
        seen: list[bytes] = []

        def read_bytes(path: Path) -> bytes:
            if str(path) != f"/proc/{process.pid}/environ":
                return read(path)
            seen.append(b"" if not seen else read(path))
            return seen[-1]

        monkeypatch.setattr(Path, "read_bytes", read_bytes)
        assert await end_survivors(f"{RUN}-m/1") == 1
        await gone(process.pid)


async def test_a_process_that_never_has_an_environment_is_not_looked_at_for_ever() -> None:
    """Neither it nor the kernel's threads; the search ends."""
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", SLEEPER, env={}, start_new_session=True)
    try:
        assert await end_survivors(f"{RUN}-n/1") == 0
        assert process.returncode is None
    finally:
        process.kill()
        await process.wait()


def _open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))
