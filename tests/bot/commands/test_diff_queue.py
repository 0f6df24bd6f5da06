"""Concurrent `/diff` requests: how many comparisons they take, and what each request gets."""

import asyncio
import os
import shutil
from pathlib import Path

import pytest

from acp.places.here import Here
from bot.commands.diff_queue import AT_ONCE, DiffQueue
from bot.commands.git_safety import GitFailed
from tests.support.other_machine import OtherMachine

from .test_git_safety import made

HERE = Here()

ASKING = 40
"""Requests that come while the first comparison runs."""


def counted(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Wrap the installed git in a program that logs the start and end of comparisons; return the log."""
    log, installed = folder / "log", shutil.which("git")
    (folder / "bin").mkdir()
    (folder / "bin" / "git").write_text(
        f"""#!/bin/sh
case "$*" in *--show-toplevel*) echo "+ $PWD" >> {log};; esac
{installed} "$@"
told=$?
case "$*" in *--binary*) echo "- $PWD" >> {log};; esac
exit $told
"""
    )
    (folder / "bin" / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}")
    return log


async def test_requests_during_a_comparison_share_the_next_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It starts after all of these requests, so it shows the files as they were then."""
    here = made(tmp_path / "here", "one")
    log, queue = counted(tmp_path, monkeypatch), DiffQueue()
    (here / "a").write_text("two\n")
    found = await asyncio.gather(*(queue.changes(HERE, here, (here,)) for _ in range(ASKING)))
    assert log.read_text().count("+ ") == 2
    assert all(b"+two" in each.patch for each in found)
    (here / "a").write_text("three\n")
    assert b"+three" in (await queue.changes(HERE, here, (here,))).patch


async def test_at_most_two_comparisons_run_at_the_same_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bound holds across directories."""
    places = [made(tmp_path / f"place{number}", "one") for number in range(3 * AT_ONCE)]
    log, queue = counted(tmp_path, monkeypatch), DiffQueue()
    await asyncio.gather(*(queue.changes(HERE, each, (each,)) for each in places))
    running, most = 0, 0
    for line in log.read_text().splitlines():
        running += 1 if line.startswith("+") else -1
        most = max(most, running)
    assert (running, most) == (0, AT_ONCE)


async def test_all_requests_that_share_a_comparison_get_its_error(tmp_path: Path) -> None:
    """A later request is not affected."""
    here, queue = tmp_path / "here", DiffQueue()
    here.mkdir()
    asked = (queue.changes(HERE, here, (here,)) for _ in range(3))
    failed = await asyncio.gather(*asked, return_exceptions=True)
    assert [str(each) for each in failed] == ["the agent's folder is not in a git repository"] * 3
    assert {type(each) for each in failed} == {GitFailed}
    here.rmdir()
    made(here, "one")
    assert (await queue.changes(HERE, here, (here,))).patch == b""


async def test_a_cancelled_comparison_ends_all_its_requests(tmp_path: Path) -> None:
    """As at a stop of the bot: those who share it end with it, and the directory is free."""
    here, queue = made(tmp_path / "here", "one"), DiffQueue()
    asked = [asyncio.create_task(queue.changes(HERE, here, (here,)), name=f"asked {number}") for number in range(3)]
    _, running = await asyncio.wait(asked, timeout=0)
    assert len(running) == 3
    for task in asked[:2]:
        task.cancel()
    await asyncio.wait(asked)
    assert all(task.cancelled() for task in asked)
    assert (await queue.changes(HERE, here, (here,))).patch == b""


async def test_a_directory_of_the_same_name_on_another_machine_is_another(tmp_path: Path) -> None:
    """Its changes are read there."""
    there, queue = OtherMachine(tmp_path), DiffQueue()
    directory = there.path / "work"
    for work in (directory, there.root / "work"):
        made(work, "one")
    (directory / "a").write_text("here\n")
    (there.root / "work" / "a").write_text("there\n")
    near, far = await asyncio.gather(*(queue.changes(each, directory, (directory,)) for each in (HERE, there)))
    assert (b"+here" in near.patch, b"+there" in far.patch) == (True, True)
