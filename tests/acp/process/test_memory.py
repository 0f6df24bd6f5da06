"""How much memory agents use, measured on real processes."""

import os
import subprocess
import sys
from collections.abc import Iterator

import psutil
import pytest

from acp.process.memory import resident

pytestmark = pytest.mark.real_time

SLEEP = "import time; print(flush=True); time.sleep(600)"
WITH_CHILD = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {SLEEP!r}]).wait()"


@pytest.fixture
def leader() -> Iterator[int]:
    """Start a process with a session of its own, and a child in it; both are there."""
    process = subprocess.Popen([sys.executable, "-c", WITH_CHILD], start_new_session=True, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline()
    yield process.pid
    os.killpg(process.pid, 9)
    process.communicate()


def test_the_memory_of_a_whole_session_counts(leader: int) -> None:
    """The leader and its child, and no other; what the kernel gives and takes between two looks is little."""
    process = psutil.Process(leader)
    of_each = [each.memory_info().rss for each in (process, *process.children())]
    assert len(of_each) == 2
    assert resident([leader]) == {leader: pytest.approx(sum(of_each), rel=0.3)}


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no /proc")
def test_a_child_that_leaves_the_session_still_counts() -> None:
    """An agent could hide from its limit otherwise."""
    away = f"subprocess.Popen([sys.executable, '-c', {WITH_CHILD!r}], start_new_session=True).wait()"
    line = [sys.executable, "-c", f"import subprocess, sys; {away}"]
    with subprocess.Popen(line, start_new_session=True, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        found = psutil.Process(process.pid).children(recursive=True)
        assert len(found) == 2
        whole = sum(each.memory_info().rss for each in (psutil.Process(process.pid), *found))
        assert resident([process.pid]) == {process.pid: pytest.approx(whole, rel=0.3)}
        for each in found:
            each.kill()
        process.kill()


def test_a_process_that_leads_no_session_has_no_memory(leader: int) -> None:
    """It may have ended; the others are measured all the same."""
    child = psutil.Process(leader).children()[0].pid
    sizes = resident([child, leader])
    assert sizes[child] == 0
    assert sizes[leader] > 0
    assert resident([]) == {}


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no /proc that could be missing")
def test_without_proc_no_memory_is_known(leader: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bot works on."""
    monkeypatch.setattr(psutil, "PROCFS_PATH", "/nonexistent")
    assert resident([leader]) == {leader: 0}
