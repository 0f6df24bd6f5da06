"""Directories that hang delay only their own users."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import acp.client_side.roots
import acp.paths
from acp import FileSystem, SpawnFailed, end_survivors
from acp.client_side.roots import Roots
from acp.paths import look

from .child_processes import PATIENCE, RUN

pytestmark = pytest.mark.real_time


async def test_a_directory_that_does_not_answer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """One thread waits for it, for all callers. Other directories answer, and later this one may."""
    monkeypatch.setattr(acp.paths, "ANSWER_SECONDS", 0.05)
    gone, there = Path("/srv/gone"), Path("/srv/there")
    answers = threading.Event()
    looks: list[Path] = []

    def work(directory: Path) -> str:
        looks.append(directory)
        if directory == gone:
            assert answers.wait(PATIENCE)
            raise OSError("it was gone")
        return "found"

    try:
        for _ in range(3):
            with pytest.raises(SpawnFailed, match="no answer from directory: /srv/gone"):
                await look(work, gone)
        monkeypatch.setattr(acp.paths, "ANSWER_SECONDS", PATIENCE)
        assert await look(work, there) == "found"
        assert looks == [gone, there]
        again = asyncio.create_task(look(work, gone))
        await look(work, there)
    finally:
        answers.set()
    with pytest.raises(OSError, match="it was gone"):
        await again
    assert looks.count(gone) == 1


async def test_the_roots_of_a_session_are_not_waited_for_either(monkeypatch: pytest.MonkeyPatch) -> None:
    """One of its further directories may hang while the working directory answers."""
    monkeypatch.setattr(acp.paths, "ANSWER_SECONDS", 0.05)
    answers = threading.Event()
    monkeypatch.setattr(acp.client_side.roots, "_real", lambda directory: answers.wait(PATIENCE) and str(directory))
    try:
        with pytest.raises(SpawnFailed, match="no answer from directory: /srv/gone"):
            await Roots.find([Path("/srv/gone")])
    finally:
        answers.set()


async def test_files_that_do_not_answer_delay_no_other_session(tmp_path: Path) -> None:
    """For any number of them."""
    (tmp_path / "file").write_text("text")
    answers = threading.Event()
    roots = Roots([tmp_path])
    stuck = [asyncio.ensure_future(roots.in_thread(answers.wait, PATIENCE)) for _ in range(100)]
    try:
        async with asyncio.timeout(PATIENCE / 2):
            assert await FileSystem(Roots([tmp_path])).read_text(f"{tmp_path}/file") == "text"
            assert await asyncio.to_thread(str, 1) == "1"
        assert not any(each.done() for each in stuck)
    finally:
        answers.set()
        await asyncio.gather(*stuck)


async def test_what_keeps_all_shared_threads_busy_stops_no_stop() -> None:
    """One agent may read six files of a dead network; another one's processes still end."""
    loop = asyncio.get_running_loop()
    loop.set_default_executor(ThreadPoolExecutor(1))
    answers = threading.Event()
    stuck = loop.run_in_executor(None, answers.wait, PATIENCE)
    try:
        async with asyncio.timeout(PATIENCE / 2):
            assert await end_survivors(f"{RUN}-paths/1") == 0
        assert not stuck.done()
    finally:
        answers.set()
        await stuck
