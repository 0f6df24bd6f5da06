"""Fixtures for the tests of the journal."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pool.journal.journal import Journal


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    """A new journal in `tmp_path / "journal.db"`."""
    with Journal.open(tmp_path / "journal.db") as journal:
        yield journal
