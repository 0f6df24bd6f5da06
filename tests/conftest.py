"""How every test runs: async tests on anyio's asyncio backend with debug checks, in real or in virtual time.

Virtual is the default in `tests/acp` and `tests/pool`; another module asks for it with
`pytestmark = pytest.mark.virtual_time`. `@pytest.mark.real_time` selects the wall clock. The closest mark decides.
"""

import asyncio
import gc
import itertools
import os
import select
import signal
import sqlite3
import sys
import tempfile
from collections.abc import Generator, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import hypothesis
import pytest
import structlog

from tests.support import fork_server as forked
from tests.support.query_plans import Explaining
from tests.support.virtual_time import RealLoop, VirtualLoop, loop_that_reaps

pytest_plugins = ["tests.cluster.fixtures"]
"""The machines on which tests start agents, for whatever directory has such tests."""

VIRTUAL_DIRECTORIES = {"acp", "pool"}

MEASURED_DIRECTORIES = {"acp", "pool"}
"""Directories whose tests must cover every branch. Measuring doubles the work of all Python code."""

TESTS = Path(__file__).parent

# A killed process takes a moment to leave the table; after this bound it counts as left behind.
LAST_MOMENTS = 5.0

COUNT = itertools.count()

hypothesis.settings.register_profile(
    "threadline",
    # No test here judges the wall clock.
    deadline=None,
    suppress_health_check=[
        hypothesis.HealthCheck.too_slow,
        # The one fixture of an async property is its event loop's choice, which no example can change.
        hypothesis.HealthCheck.function_scoped_fixture,
    ],
)
hypothesis.settings.register_profile("quick", parent=hypothesis.settings.get_profile("threadline"), max_examples=10)
hypothesis.settings.load_profile("threadline")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Hide the loaded modules and tests from the garbage collector, which would traverse them again and again."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Measure only the tests that must cover their package completely."""
    # The mark exists only while pytest-cov measures.
    measuring = config.getoption("cov_source", default=None) and not config.getoption("no_cov")
    for item in items if measuring else ():
        is_proof = item.path.relative_to(TESTS).parts[0] in MEASURED_DIRECTORIES
        if not is_proof or item.get_closest_marker("bulk"):
            item.add_marker("no_cover")


@pytest.fixture
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, Any]]:
    """Select the event loop of an async test; see the module's docstring."""
    new_loop = VirtualLoop if _in_virtual_time(request.node) else RealLoop
    return "asyncio", {"debug": True, "loop_factory": partial(loop_that_reaps, new_loop)}


def _in_virtual_time(item: pytest.Item) -> bool:
    for mark in item.iter_markers():
        if mark.name in {"real_time", "virtual_time"}:
            return mark.name == "virtual_time"
    return item.path.relative_to(TESTS).parts[0] in VIRTUAL_DIRECTORIES


@pytest.fixture(scope="session", autouse=True)
def _children_are_reaped_without_threads() -> None:
    # Python 3.12 and later choose the same watcher by themselves; 3.11 would start a thread for each child.
    if sys.version_info < (3, 12) and sys.platform == "linux":
        with suppress(OSError):  # a kernel without pidfds keeps the threads
            os.close(os.pidfd_open(os.getpid()))
            asyncio.set_child_watcher(asyncio.PidfdChildWatcher())


@pytest.fixture(autouse=True)
def _no_statement_reads_all_of_a_table_that_grows(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fail a test that scans a growing table: with a million rows that would block every thread."""
    explained = SimpleNamespace(**{**vars(sqlite3), "connect": partial(sqlite3.connect, factory=Explaining)})
    monkeypatch.setattr("pool.journal.database.sqlite3", explained)
    yield
    found, Explaining.found = Explaining.found, []
    assert not found


@pytest.fixture(autouse=True)
def _its_state_is_its_own(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep locks and journals without an explicit place out of the user's home."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path_factory.getbasetemp() / "state" / str(next(COUNT))))


@pytest.fixture(scope="session", autouse=True)
def _tracebacks_are_plain() -> None:
    # structlog's own show all variables in colours, and hold everything up for a second each.
    plain = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(processors=[*structlog.get_config()["processors"][:-1], plain])


@pytest.fixture(scope="session", autouse=True)
def _no_process_outlives_the_run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Fail the run when it leaves a process behind, even one that changed its parent, group and session.

    TMPDIR is among the few variables that reach an agent, so a folder of this run's own marks all its processes.
    """
    folder = tmp_path_factory.mktemp("started-by-this-run")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", str(folder))
        patch.setattr(tempfile, "tempdir", str(folder))
        patch.setenv("XDG_STATE_HOME", str(folder))  # For fixtures of several tests.
        yield
        forked.stop()
    mark = f"TMPDIR={folder}\0".encode()
    left = {pid: name for pid, name in _started_by_this_run(mark).items() if not _ends_by_itself(pid)}
    assert not left, f"processes that this run left behind (now killed): {left}"


def _ends_by_itself(pid: int) -> bool:
    """Wait for the last moments of a process; kill it if it outlives them."""
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        ended, _, _ = select.select([process], [], [], LAST_MOMENTS)
        if not ended:
            signal.pidfd_send_signal(process, signal.SIGKILL)
        return bool(ended)
    finally:
        os.close(process)


def _started_by_this_run(mark: bytes) -> dict[int, str]:
    """Return the other live processes with the mark in their environment: pid to command line. Linux only."""
    found: dict[int, str] = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if int(process.name) != os.getpid() and mark in (process / "environ").read_bytes() + b"\0":
                found[int(process.name)] = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except (FileNotFoundError, PermissionError, ProcessLookupError):
            continue
    return found
