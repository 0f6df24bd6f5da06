"""What is the same in all tests of the pool."""

from collections.abc import Callable
from pathlib import Path

import pytest

import acp.client_side.roots
import pool.session_setup
import pool.workdirs


@pytest.fixture(autouse=True)
def _directories_answer_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a thread, in which virtual time would be real: what happens does so in the order of the test."""

    async def look(work: Callable[[Path], Path], directory: Path) -> Path:
        return work(directory)

    for module in (acp.client_side.roots, pool.workdirs, pool.session_setup):
        monkeypatch.setattr(module, "look", look)
