import os
import signal
from pathlib import Path

import pytest

from tests.acp.child_processes import running

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
