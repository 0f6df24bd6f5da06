"""Files that an agent links to are read without holding anybody up, however little their file system answers."""

import asyncio
import threading
from pathlib import Path

import pytest

import acp.paths
from acp.paths import Lanes
from bot.agents.linked_files import NO_ANSWER, LinkedFiles
from bot.agents.workspace_files import WorkspaceFiles
from tests.acp.child_processes import PATIENCE

pytestmark = pytest.mark.real_time


class Mount(WorkspaceFiles):
    """An outbox whose files named `gone` lie on a file system that does not answer, until `answers` is set."""

    def __init__(self, directory: Path) -> None:
        super().__init__([directory])
        self.answers = threading.Event()
        self.read: list[str] = []
        self.asked = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    def read_now(self, uri: str) -> bytes | str:
        name = Path(uri).name
        self.read.append(name)
        self._loop.call_soon_threadsafe(self.asked.set)
        if name == "gone":
            assert self.answers.wait(PATIENCE)
        return super().read_now(uri)


async def test_a_file_that_does_not_answer_holds_its_own_turn_once_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The loop goes on, other threads get their files; the turn's further links are not tried, the next turn's are."""
    mount, lanes = Mount(tmp_path), Lanes("links")
    (tmp_path / "here").write_text("here")
    here, gone = str(tmp_path / "here"), str(tmp_path / "gone")
    try:
        first = LinkedFiles(lanes, 1, lambda: mount)
        reading = asyncio.create_task(first.read(gone))
        await mount.asked.wait()
        assert await LinkedFiles(lanes, 2, lambda: mount).read(here) == b"here"
        assert not reading.done()
        reading.cancel()
        monkeypatch.setattr(acp.paths, "ANSWER_SECONDS", 0.05)
        assert await first.read(here) == NO_ANSWER
        assert await first.read(here) == NO_ANSWER
        assert mount.read == ["gone", "here"]  # One thread waits for the file system, however many links there are.
    finally:
        mount.answers.set()
    monkeypatch.setattr(acp.paths, "ANSWER_SECONDS", PATIENCE)
    assert await LinkedFiles(lanes, 1, lambda: mount).read(here) == b"here"


async def test_directories_that_cannot_be_looked_at_are_a_refusal(tmp_path: Path) -> None:
    """What the agent has done to them ends no turn."""

    def outbox() -> WorkspaceFiles:
        raise PermissionError(13, "Permission denied")

    assert await LinkedFiles(Lanes("links"), 1, outbox).read(str(tmp_path / "a")) == "Permission denied"
