"""What is particular to this machine as a place: its own files, and file systems that do not answer."""

import asyncio
import os
import threading
from pathlib import Path

import pytest

import acp.paths
import acp.process.short_command
from acp import FileProblem, FileRefused, RequestTimeout, SpawnFailed, StartProblem
from acp.places.here import Here
from acp.process.child import Child
from acp.process.short_command import ShortCommand
from tests.acp.child_processes import PATIENCE, gone

pytestmark = pytest.mark.real_time


async def test_the_embedding_programs_own_files_are_not_read_under_any_name(tmp_path: Path) -> None:
    """Also where the session works in the same folder."""
    (tmp_path / "config").write_text("token")
    (tmp_path / "other-name").hardlink_to(tmp_path / "config")
    here = Here([tmp_path / "config", tmp_path / "not-there-yet"])
    for name in ("config", "other-name"):
        with pytest.raises(FileRefused) as refused:
            await here.get(tmp_path / name, [tmp_path], max_size=10)
        assert refused.value.problem is FileProblem.WITHHELD


async def test_a_file_system_that_does_not_answer_holds_no_caller_and_delays_no_other_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither a read nor a write; work on another directory goes on."""
    answers, real = threading.Event(), os.mkdir

    def mkdir(path: Path, mode: int = 0o777, **options: int) -> None:
        if Path(path).name == "dead":
            assert answers.wait(PATIENCE)
        real(path, mode, **options)

    monkeypatch.setattr(os, "mkdir", mkdir)
    monkeypatch.setattr(acp.paths, "ANSWER_SECONDS", 0.2)
    here = Here()
    try:
        with pytest.raises(RequestTimeout):
            await here.put(b"data", tmp_path / "dead" / "file")
        monkeypatch.setattr(acp.paths, "ANSWER_SECONDS", PATIENCE)
        await here.put(b"data", tmp_path / "alive" / "file")
        assert await here.get(tmp_path / "alive" / "file", [tmp_path], max_size=10) == b"data"
    finally:
        answers.set()


async def test_no_command_is_started_in_a_directory_that_does_not_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The start itself would block the loop."""
    answers, real = threading.Event(), Path.stat

    def look(path: Path, **options: bool) -> os.stat_result:
        assert path != tmp_path or answers.wait(PATIENCE)
        return real(path, **options)

    monkeypatch.setattr(Path, "stat", look)
    monkeypatch.setattr(acp.paths, "ANSWER_SECONDS", 0.05)
    try:
        with pytest.raises(SpawnFailed) as failed:
            await Here().run(["true"], cwd=tmp_path)
        assert failed.value.problem is StartProblem.DIRECTORY_SILENT
    finally:
        answers.set()


async def test_a_command_that_cannot_be_run_is_named_with_the_reason(tmp_path: Path) -> None:
    """By the system, or since it is none at all."""
    (tmp_path / "text").write_text("no program")
    for command in (str(tmp_path / "text"), "null\0character"):
        with pytest.raises(SpawnFailed) as failed:
            await Here().run([command], cwd=tmp_path)
        assert (failed.value.problem, failed.value.path) == (StartProblem.COMMAND_UNUSABLE, command)
        assert failed.value.detail


LEAVES_A_CHILD = "setsid sleep 600 & echo $! $$ > pids; echo > ready; wait"


async def test_a_cancelled_caller_leaves_no_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor what its command has started."""
    os.mkfifo(tmp_path / "ready")
    waiting = asyncio.Event()
    wait = ShortCommand.wait

    async def begun(command: ShortCommand) -> None:
        waiting.set()
        await wait(command)

    monkeypatch.setattr(ShortCommand, "wait", begun)
    running = asyncio.create_task(Here().run(["sh", "-c", LEAVES_A_CHILD], cwd=tmp_path, seconds=PATIENCE))
    await asyncio.to_thread((tmp_path / "ready").read_bytes)
    await waiting.wait()
    running.cancel()
    await asyncio.wait([running])
    for pid in (tmp_path / "pids").read_text().split():
        await gone(int(pid))


async def test_a_caller_that_is_cancelled_during_the_start_leaves_no_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command may be ahead of us, and have started others."""
    os.mkfifo(tmp_path / "ready")
    made = ShortCommand.connection_made

    def made_and_cancelled(command: ShortCommand, transport: asyncio.BaseTransport) -> None:
        made(command, transport)
        (tmp_path / "ready").read_bytes()
        running.cancel()

    monkeypatch.setattr(ShortCommand, "connection_made", made_and_cancelled)
    running = asyncio.create_task(Here().run(["sh", "-c", LEAVES_A_CHILD], cwd=tmp_path, seconds=PATIENCE))
    await asyncio.wait([running])
    assert running.cancelled()
    for pid in (tmp_path / "pids").read_text().split():
        await gone(int(pid))


async def test_a_process_that_the_kernel_does_not_end_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one that waits for a dead network file system."""

    async def spared(marker: str, *, leader: int | None, gently: bool) -> int:
        return 0

    monkeypatch.setattr(Child, "_signal_group", lambda *_: None)
    monkeypatch.setattr(acp.process.short_command, "end_survivors", spared)
    monkeypatch.setattr(acp.process.short_command, "LINGER_SECONDS", 0.05)
    with pytest.raises(RequestTimeout):
        await Here().run(["sh", "-c", "echo $$ > pid; exec sleep 600"], cwd=tmp_path, seconds=1)
    await gone(int((tmp_path / "pid").read_text()))
