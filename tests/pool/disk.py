"""A disk that is full, for the journal of a test: SQLite itself refuses, as it does where there is no room."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from pool.journal.journal import Journal

__all__ = ["LARGE", "no_room"]

LARGE = "x" * 20_000
"""What needs room that a file has nowhere."""

_ROOM = 2**30


@contextmanager
def no_room(journal: Journal | sqlite3.Connection) -> Iterator[None]:
    """Let the file not grow for as long as the block lasts: "database or disk is full"."""
    db = journal._db if isinstance(journal, Journal) else journal
    (pages,) = db.execute("PRAGMA page_count").fetchone()
    db.execute(f"PRAGMA max_page_count = {pages}")
    try:
        yield
    finally:
        db.execute(f"PRAGMA max_page_count = {_ROOM}")
