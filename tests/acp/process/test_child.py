import asyncio
import os
import signal
from pathlib import Path

import pytest

from acp.process.child import Child
from tests.acp.child_processes import gone, running

pytestmark = pytest.mark.real_time


async def test_a_group_is_not_signalled_once_its_leader_was_reaped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its number may be a stranger's by then."""
    signalled: list[tuple[int, int]] = []
    async with running('say("here"); sys.stdin.read()', tmp_path) as child:
        await child.said("here")
        monkeypatch.setattr(os, "killpg", lambda *args: signalled.append(args))
        child.process.kill()
        assert signalled == [(child.process.pid, signal.SIGKILL)]
        os.kill(child.process.pid, signal.SIGKILL)
        await child.over()
        child.process.kill()
        assert len(signalled) == 1


async def test_a_cancelled_creation_that_fails_says_why(tmp_path: Path) -> None:
    """There is no process to end."""
    child = Child()
    creating = asyncio.create_task(child._create("no-such-command", cwd=tmp_path))
    asyncio.get_running_loop().call_soon(creating.cancel)
    with pytest.raises(FileNotFoundError):
        await creating
    await child._discard("nobody/1")


async def test_a_creation_that_is_cancelled_at_once_leaves_a_process_that_can_be_ended(tmp_path: Path) -> None:
    """Before its pipes are connected, asyncio would lose track of it."""
    child = Child()
    creating = asyncio.create_task(child._create("sleep", "600", cwd=tmp_path))
    asyncio.get_running_loop().call_soon(creating.cancel)
    with pytest.raises(asyncio.CancelledError):
        await creating
    await child._discard("nobody/2")
    await gone(child.pid)
