"""Places that command lines reach, over shells on this machine: what waits for what, and how each end is confirmed."""

import asyncio
import os
import signal
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

import acp.places.engine_command
import acp.places.far_place
import acp.places.far_process
import acp.places.reaps
from acp import PlaceUnreachable, QueuedTooLong, environment
from acp.places import runner
from acp.places.engine import Argv, Engine
from acp.places.far_commands import far_marker
from acp.places.far_place import CONNECTIONS, FarPlace, runner_line
from acp.places.far_process import FarProcess
from tests.acp.child_processes import PATIENCE, RUN, gone, launch, listen

pytestmark = pytest.mark.real_time

ENV = environment(os.environ, inherit=(), env={})

PYTHON = (sys.executable,)

READER = "sys.stdin.read()"
"""Code of an agent that ends with its input."""


def shell(line: str, *arguments: str) -> tuple[str, ...]:
    """Return a template that runs a line of a shell; the words behind it are its further arguments."""
    return ("/bin/sh", "-c", line, "sh", *arguments)


def place(
    *,
    enter: Argv = (),
    inside: Argv = (),
    waiting: Argv = (),
    reap: Argv = (),
    start_seconds: float = PATIENCE,
    keep_alive: float = 6,
    run: str = "",
) -> FarPlace:
    """Return a place whose command lines run here."""
    engine = Engine(enter=enter, inside=inside, waiting=waiting, reap=reap, runner=PYTHON, start_seconds=start_seconds)
    return FarPlace("worker1", engine, RUN, run=run, env=ENV, keep_alive=keep_alive)


class Gate:
    """A FIFO at which shells wait until it is opened."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "gate"
        os.mkfifo(self._path)
        self._fifo = os.open(self._path, os.O_RDWR)
        self.passing = f"read go < {self._path}"
        """What a shell does to wait."""

    def open(self) -> None:
        """Let all pass that wait, and all that come."""
        opened = self._path.with_name("opened")
        opened.write_text("go\n")
        opened.replace(self._path)
        os.write(self._fifo, b"go\n" * CONNECTIONS)
        os.close(self._fifo)


async def told(path: Path, count: int) -> list[str]:
    """Read lines of a FIFO until there are so many."""
    lines: list[str] = []
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    transport, _ = await loop.connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(descriptor, "rb", buffering=0)
    )
    try:
        async with asyncio.timeout(PATIENCE):
            while len(lines) < count:
                lines.append((await reader.readline()).decode().strip())
    finally:
        transport.close()
    return lines


# ---- start


async def test_an_agent_has_the_places_own_variables_where_ours_hold_here_only(tmp_path: Path) -> None:
    """Those that the configuration gives hold there too. The engine's client has none of the agent's."""
    far = place(enter=("env", "HOME=/home/far", "LANG=C", "STATE_DIR=/home/far/state", "OTHER=1"))
    code = "say('env', dict(os.environ)); hang()"
    given = launch(code, tmp_path, {**ENV, "HOME": "/home/near", "LANG": "xx", "STATE_DIR": "/s", "KEY": "s3cr3t"})
    started = await far.start(replace(given, local_env=frozenset({"HOME", "STATE_DIR"})), f"{RUN}/1")
    try:
        child = listen(started)
        env = await child.said("env")
        assert (env["HOME"], env["LANG"], env["KEY"]) == ("/home/far", "xx", "s3cr3t")
        assert (env["STATE_DIR"], env.get("OTHER")) == ("/home/far/state", None)
        client = psutil.Process(started.pid)
        assert "s3cr3t" not in str((client.environ(), client.cmdline()))
    finally:
        await started.stop()


async def test_the_reason_for_which_a_start_is_queued_is_told_once_for_each_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In one line. A question that fails tells nothing, and an empty answer neither."""
    monkeypatch.setattr(acp.places.far_place, "POLL_SECONDS", 0.0)
    gate, reasons = Gate(tmp_path), list[str]()
    line = f"""
        echo >> {tmp_path}/asked
        case $(wc -l < {tmp_path}/asked) in
            1) exit 1;; 2) ;; 3|4) printf '\\n  PENDING:\\t Resources  \\nmore\\n';; *) echo "PENDING: Priority $1";;
        esac
    """

    def on_waiting(reason: str) -> None:
        reasons.append(reason)
        if len(reasons) == 2:
            gate.open()

    far = place(enter=shell(f'{gate.passing}; exec "$@"'), waiting=shell(line, "{name}"))
    started = await far.start(launch(READER, tmp_path), f"{RUN}/1", on_waiting)
    await started.stop()
    assert reasons == ["PENDING: Resources", f"PENDING: Priority threadline-{RUN}-worker1-1"]


async def test_at_most_eight_starts_connect_at_the_same_time(tmp_path: Path) -> None:
    """The others connect when these have started."""
    gate, begun = Gate(tmp_path), tmp_path / "begun"
    os.mkfifo(begun)
    far = place(enter=shell(f'echo begun > {begun}; {gate.passing}; exec "$@"'))
    starts = [
        asyncio.create_task(far.start(launch(READER, tmp_path), f"{RUN}/{number}")) for number in range(CONNECTIONS + 2)
    ]
    await told(begun, CONNECTIONS)
    assert far._connections.locked()
    gate.open()
    await told(begun, 2)
    for each in starts:
        await (await each).stop()


async def test_a_cancel_at_the_moment_at_which_an_agent_has_started_does_not_lose_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Either the start is given up and nothing runs there, or its caller gets the agent. The last question is ended."""
    monkeypatch.setattr(acp.places.far_place, "POLL_SECONDS", 0.0)
    monkeypatch.setattr(acp.places.far_place, "ASK_SECONDS", 10 * PATIENCE)
    gate, asked, marker = Gate(tmp_path), tmp_path / "asked", f"{RUN}/1"
    os.mkfifo(asked)
    far = place(enter=shell(f'{gate.passing}; exec "$@"'), waiting=shell(f"echo $$ > {asked}; exec sleep 600"))
    start = FarProcess.start

    async def start_and_cancel(*args: Any, **options: Any) -> FarProcess:
        started = await start(*args, **options)
        asyncio.get_running_loop().call_soon(starting.cancel)
        return started

    monkeypatch.setattr(FarProcess, "start", start_and_cancel)
    starting = asyncio.create_task(far.start(launch(READER, tmp_path), marker))
    (question,) = await told(asked, 1)
    gate.open()
    agents = [each for each in await asyncio.gather(starting, return_exceptions=True) if isinstance(each, FarProcess)]
    try:
        assert bool(agents) == bool(runner.marked(far_marker("worker1", marker), None))
        await gone(int(question))
    finally:
        for each in agents:
            await each.stop()
        await far.reap(marker)


@pytest.mark.parametrize("queued", [True, False], ids=["for a reason", "for a long time"])
async def test_a_start_that_is_queued_keeps_no_other_from_connecting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, queued: bool
) -> None:
    """Neither another start nor a short command."""
    monkeypatch.setattr(acp.places.far_place, "POLL_SECONDS", 0.0)
    monkeypatch.setattr(acp.places.far_place, "CONNECT_SECONDS", PATIENCE if queued else 0.0)
    monkeypatch.setattr(acp.places.far_place, "CONNECTIONS", 1)
    gate, begun = Gate(tmp_path), tmp_path / "begun"
    os.mkfifo(begun)
    waiting = ("echo", "PENDING") if queued else ()
    far = place(enter=shell(f'echo begun > {begun}; {gate.passing}; exec "$@"'), inside=("env",), waiting=waiting)
    starting = asyncio.create_task(far.start(launch(READER, tmp_path), f"{RUN}/1"))
    await told(begun, 1)
    assert (await far.run(["true"], cwd=tmp_path, seconds=PATIENCE)).exit_status == 0
    assert not starting.done()
    gate.open()
    await (await starting).stop()


async def test_a_short_command_that_takes_long_keeps_no_other_from_connecting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file system there may hang; an agent's start is not to wait for that."""
    monkeypatch.setattr(acp.places.far_place, "CONNECT_SECONDS", 0.0)
    monkeypatch.setattr(acp.places.far_place, "CONNECTIONS", 1)
    gate, begun = Gate(tmp_path), tmp_path / "begun"
    os.mkfifo(begun)
    far = place(inside=shell(f'echo begun > {begun}; {gate.passing}; exec "$@"'))
    running = asyncio.create_task(far.run(["true"], cwd=tmp_path, seconds=PATIENCE))
    await told(begun, 1)
    async with asyncio.timeout(PATIENCE):
        started = await far.start(launch(READER, tmp_path), f"{RUN}/1")
    assert not running.done()
    gate.open()
    assert (await running).exit_status == 0
    await started.stop()


async def test_a_start_that_takes_longer_than_its_bound_is_given_up_and_ended(tmp_path: Path) -> None:
    """The place counts as unreachable, and the engine ends the job."""
    ended = tmp_path / "ended"
    far = place(enter=shell("exec sleep 600"), reap=shell(f"echo $1 > {ended}", "{pattern}"), start_seconds=0.1)
    with pytest.raises(PlaceUnreachable):
        await far.start(launch(READER, tmp_path), f"{RUN}/1")
    assert ended.read_text() == f"^threadline-{RUN}-worker1-1$\n"


async def test_a_start_that_stays_queued_is_given_up_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its client says nothing."""
    monkeypatch.setattr(acp.places.far_place, "POLL_SECONDS", 0.0)
    far = place(enter=shell("exec sleep 600"), waiting=("echo", "PENDING"), reap=("true",), start_seconds=3.0)
    with pytest.raises(QueuedTooLong, match=r"still queued at worker1 after 3 s: PENDING"):
        await far.start(launch(READER, tmp_path), f"{RUN}/1")


async def test_a_place_that_cannot_be_reached_is_told_with_the_last_words_of_its_client(tmp_path: Path) -> None:
    """At a start and at a short command."""
    far = place(enter=shell("echo 'Host key verification failed.' >&2; exit 255"))
    for attempt in (far.start(launch(READER, tmp_path), f"{RUN}/1"), far.run(["true"], cwd=tmp_path), far.hello()):
        with pytest.raises(PlaceUnreachable, match="worker1 not reached: Host key verification failed"):
            await attempt


# ---- short commands


async def test_a_short_command_runs_inside_a_running_agent_of_its_directory(tmp_path: Path) -> None:
    """Else inside any agent; and in a job of its own while none runs."""
    jobs = tmp_path / "jobs"
    other = tmp_path / "other"
    other.mkdir()
    note = f'echo $1 >> {jobs}; shift; exec "$@"'
    far = place(enter=shell(note, "enter"), inside=shell(note, "{name}"), reap=("true",))

    async def job(cwd: Path) -> str:
        await far.run(["true"], cwd=cwd, seconds=PATIENCE)
        return jobs.read_text().splitlines()[-1]

    assert await job(tmp_path) == "enter"
    agents = [await far.start(launch(READER, each), f"{RUN}/{number}") for number, each in enumerate((other, tmp_path))]
    assert await job(other) == f"threadline-{RUN}-worker1-0"
    assert await job(tmp_path) == f"threadline-{RUN}-worker1-1"
    assert "2 agents" in repr(far)
    await agents[1].stop()
    assert await job(tmp_path) == f"threadline-{RUN}-worker1-0"
    await agents[0].stop()
    assert await job(other) == "enter"
    assert "0 agents" in repr(far)


async def test_a_runner_tells_its_version(tmp_path: Path) -> None:
    """By which a check sees whether it fits."""
    assert (await place().hello()).version == runner.VERSION


def test_the_runner_is_a_program_of_its_own_or_the_source_for_a_python() -> None:
    """Isolated: a module in the directory in which it starts is not imported."""
    assert runner_line(("threadline", "runner")) == ("threadline", "runner")
    *python, source = runner_line(("python3", "-X", "utf8"))
    assert python == ["python3", "-X", "utf8", "-I", "-c"]
    assert source == Path(runner.__file__).read_text()


# ---- the end


class Jobs:
    """The jobs of an engine, as files. One outlives its client, and its name is taken until it is ended."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "jobs"
        self._folder.mkdir()
        self._away = folder / "away"
        self.ended = folder / "ended"
        """A FIFO that tells the names of those that are ended."""
        os.mkfifo(self.ended)

    @property
    def names(self) -> set[str]:
        """The names of those that are there, without what begins all."""
        return {each.name.removeprefix(f"threadline-{RUN}-worker1-") for each in self._folder.iterdir()}

    def add(self, *names: str) -> None:
        """Leave jobs as an earlier run has."""
        for name in names:
            (self._folder / f"threadline-{RUN}-worker1-{name}").touch()

    def place(self, run: str, before: str = "true", **options: Any) -> FarPlace:
        """Return the place. A job begins with a line of a shell."""
        enter = shell(f'set -C; : > {self._folder}/$1 || exit; {before}; shift; exec "$@"', "{name}")
        reap = shell(
            f"""
            test ! -e {self._away} || exit 1
            cd {self._folder}
            for job in $(ls | grep -E "$1"); do rm $job; echo $job; done | tee {self.ended}
            """,
            "{pattern}",
        )
        return place(enter=enter, inside=shell("exit 9", "{name}"), reap=reap, run=run, **options)

    def cut_off(self) -> None:
        """Let no job be ended until `restore`."""
        self._away.touch()

    def restore(self) -> None:
        """Let jobs be ended again."""
        self._away.unlink()


async def test_a_start_that_has_lost_its_client_before_an_answer_leaves_no_job(tmp_path: Path) -> None:
    """It may be queued there, and run later. The start itself does not wait for that."""
    jobs = Jobs(tmp_path)
    far = jobs.place("a000", "read -r header; kill -9 $$")
    with pytest.raises(PlaceUnreachable):
        await far.start(launch(READER, tmp_path), f"{RUN}/1")
    assert await told(jobs.ended, 1) == [f"threadline-{RUN}-worker1-a0001"]
    assert jobs.names == set()


@pytest.mark.parametrize("is_given_up", [True, False], ids=["given up", "without an answer"])
async def test_a_short_command_leaves_no_job(tmp_path: Path, *, is_given_up: bool) -> None:
    """Nor does one whose client has ended by itself."""
    jobs, begun = Jobs(tmp_path), tmp_path / "begun"
    os.mkfifo(begun)
    far = jobs.place("a000", f"echo begun > {begun}; {'exec cat' if is_given_up else 'kill -9 $$'}")
    running = asyncio.create_task(far.run(["true"], cwd=tmp_path, seconds=PATIENCE))
    await told(begun, 1)
    if is_given_up:
        running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    [name] = await told(jobs.ended, 1)
    assert name.startswith(f"threadline-{RUN}-worker1-a000r")
    assert jobs.names == set()


async def test_a_short_command_inside_an_agent_ends_no_job(tmp_path: Path) -> None:
    """The job is the agent's."""
    reaped = tmp_path / "reaped"
    far = place(inside=shell("exit 9", "{name}"), reap=shell(f"touch {reaped}"))
    agent = await far.start(launch(READER, tmp_path), f"{RUN}/1")
    try:
        with pytest.raises(PlaceUnreachable):
            await far.run(["true"], cwd=tmp_path)
    finally:
        await agent.stop()
    assert not far._reaps._unconfirmed
    assert not reaped.exists()


async def test_what_an_earlier_run_left_takes_no_names_and_is_ended_as_soon_as_the_place_can_be_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Agents and short commands of this run start meanwhile, and stay."""
    monkeypatch.setattr(acp.places.reaps, "REAP_PAUSE", 0.05)
    monkeypatch.setattr(acp.places.reaps, "MAX_PAUSE", 0.05)
    jobs = Jobs(tmp_path)
    jobs.add("b0001", "b0002", "b000r012abc")
    jobs.cut_off()
    with monkeypatch.context() as hurried:
        hurried.setattr(acp.places.far_process, "END_SECONDS", 0.1)
        await jobs.place("a000", keep_alive=0.1).sweep()
    agent = await jobs.place("a000").start(launch(READER, tmp_path), f"{RUN}/1")
    try:
        jobs.restore()
        assert len(await told(jobs.ended, 3)) == 3
        assert jobs.names == {"a0001"}
    finally:
        await agent.stop()


async def test_the_end_of_a_job_at_a_place_that_was_away_is_confirmed_when_it_is_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stop has not waited so long: the slot is given back when the runner, if it lives, has ended the agent."""
    monkeypatch.setattr(acp.places.far_process, "END_SECONDS", 0.1)
    monkeypatch.setattr(acp.places.reaps, "REAP_PAUSE", 0.05)
    monkeypatch.setattr(acp.places.reaps, "MAX_PAUSE", 0.05)
    jobs = Jobs(tmp_path)
    far = jobs.place("a000", keep_alive=3)
    agent = await far.start(launch(READER, tmp_path), f"{RUN}/1")
    jobs.cut_off()
    os.kill(agent.pid, signal.SIGKILL)
    await agent.stop()
    assert jobs.names == {"a0001"}
    jobs.restore()
    await told(jobs.ended, 1)
    assert jobs.names == set()


async def test_an_end_that_is_not_confirmed_is_asked_for_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A place that cannot be reached for a while confirms it then."""
    monkeypatch.setattr(acp.places.reaps, "REAP_PAUSE", 0.0)
    tries = tmp_path / "tries"
    far = place(reap=shell(f"echo $1 >> {tries}; [ $(wc -l < {tries}) -ge 3 ]", "{pattern}"))
    await far.sweep()
    assert tries.read_text().splitlines() == [f"^threadline-{RUN}-worker1-[a-z0-9]+$"] * 3


async def test_the_sweep_of_a_place_that_stays_away_ends_when_its_runners_must_have(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A start is tried again then."""
    monkeypatch.setattr(acp.places.far_process, "END_SECONDS", 0.2)
    await place(reap=("false",), keep_alive=0.1).sweep()


async def test_an_engine_that_cannot_end_its_jobs_tells_why(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its last line; its exit status where it says nothing; and that it takes too long."""
    for line, detail in (
        (shell("echo one; echo 'Unauthorized' >&2; exit 1"), "Unauthorized"),
        (shell("exit 3"), "its client ended with 3"),
    ):
        with pytest.raises(PlaceUnreachable) as failed:
            await place(reap=line).reap(f"{RUN}/")
        assert failed.value.detail == detail
    monkeypatch.setattr(acp.places.far_place, "END_SECONDS", 0.1)
    with pytest.raises(PlaceUnreachable, match="has not ended within"):
        await place(reap=shell("exec sleep 600")).reap(f"{RUN}/")


async def test_a_place_whose_client_is_not_installed_is_not_reached(tmp_path: Path) -> None:
    """Nothing was refused there, so a message can wait until it is installed."""
    far = place(enter=("no-such-command",), reap=("no-such-command",))
    for asking in (
        far.start(launch(READER, tmp_path), f"{RUN}/1"),
        far.run(["true"], cwd=tmp_path),
        far.reap(f"{RUN}/"),
    ):
        with pytest.raises(PlaceUnreachable) as failed:
            await asking
        assert failed.value.detail == "command not found: no-such-command"


async def test_an_engine_that_prints_without_end_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it has printed is no list of jobs."""
    monkeypatch.setattr(acp.places.engine_command, "MAX_OUTPUT", 100_000)
    assert await place(reap=shell("yes | head -c 100000")).reap(f"{RUN}/") == 50_000
    with pytest.raises(PlaceUnreachable, match="more than 100000 bytes"):
        await place(reap=shell("yes | head -c 100001")).reap(f"{RUN}/")


async def test_the_engine_ends_its_jobs_and_the_runner_what_it_finds_beside_them(tmp_path: Path) -> None:
    """It finds nothing in another container, so it is not asked where short commands run inside one."""
    jobs = shell("printf 'job/1\\n\\njob/2\\nNo more jobs found\\n'")
    beside = place(reap=jobs, inside=("env",))
    inside = place(reap=jobs, inside=("env", "{name}"))
    agent = await beside.start(launch(READER, tmp_path), f"{RUN}/1")
    try:
        assert await inside.reap(f"{RUN}/") == 2
        assert await beside.reap(f"{RUN}/") == 3
    finally:
        await agent.stop()


async def test_an_agent_whose_client_was_killed_is_ended_by_its_marker(tmp_path: Path) -> None:
    """Although its runner has not noticed: the agent has stopped it. It ends too, and is not left there for ever."""
    far = place(
        enter=shell(f'exec 3<&0; setsid "$@" <&3 & echo $! > {tmp_path}/runner; wait'), inside=("env",), reap=("true",)
    )
    started = await far.start(launch("say('pid', os.getpid()); hang()", tmp_path), f"{RUN}/1")
    child = listen(started)
    agent = await child.said("pid")
    runner_pid = int((tmp_path / "runner").read_text())
    os.kill(runner_pid, signal.SIGSTOP)
    try:
        started.kill()
        await child.over()
        assert await far.reap(f"{RUN}/1") == 1
        await gone(agent)
        await gone(runner_pid)
    finally:
        with suppress(ProcessLookupError):
            os.kill(runner_pid, signal.SIGKILL)
        await started.stop()


async def test_a_kill_ends_the_wait_for_an_end_that_is_not_confirmed(tmp_path: Path) -> None:
    """Who kills it cannot wait: what is left there ends by itself."""
    begun = tmp_path / "begun"
    os.mkfifo(begun)
    far = place(inside=("env",), reap=shell(f"echo begun > {begun}; exec sleep 600"), keep_alive=600)
    started = await far.start(launch(READER, tmp_path), f"{RUN}/1")
    os.kill(started.pid, signal.SIGKILL)
    stopping = asyncio.create_task(started.stop())
    await told(begun, 1)
    started.kill()
    await stopping
