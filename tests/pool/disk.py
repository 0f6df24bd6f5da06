"""A full disk for a test's journal. SQLite itself refuses to write, as it does without room."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from pool.journal.journal import Journal

__all__ = ["LARGE", "no_room"]

LARGE = "x" * 20_000
"""A text that needs new pages in the file."""

_ROOM = 2**30


@contextmanager
def no_room(journal: Journal | sqlite3.Connection) -> Iterator[None]:
    """Keep the file from growing during the block: "database or disk is full"."""
    db = journal._db if isinstance(journal, Journal) else journal
    (pages,) = db.execute("PRAGMA page_count").fetchone()
    db.execute(f"PRAGMA max_page_count = {pages}")
    try:
        yield
    finally:
        db.execute(f"PRAGMA max_page_count = {_ROOM}")
