"""What is the same in all tests of the pool."""

from collections.abc import Callable
from pathlib import Path

import pytest

import acp.roots
import pool.directories
import pool.opening


@pytest.fixture(autouse=True)
def _directories_answer_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a thread, in which virtual time would be real: what happens does so in the order of the test."""

    async def look(work: Callable[[Path], Path], directory: Path) -> Path:
        return work(directory)

    for module in (acp.roots, pool.directories, pool.opening):
        monkeypatch.setattr(module, "look", look)
