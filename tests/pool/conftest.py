"""Fixtures for all tests of the pool."""

from collections.abc import Callable
from pathlib import Path

import pytest

import acp.client_side.roots
import pool.session_setup
import pool.workdirs


@pytest.fixture(autouse=True)
def _directories_answer_immediately(monkeypatch: pytest.MonkeyPatch) -> None:
    """Resolve directories without a thread, so that everything happens in the order of the test."""

    async def look(work: Callable[[Path], Path], directory: Path) -> Path:
        return work(directory)

    for module in (acp.client_side.roots, pool.workdirs, pool.session_setup):
        monkeypatch.setattr(module, "look", look)
