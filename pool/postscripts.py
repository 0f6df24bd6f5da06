"""What follows the pages of a reply: its files, and a word that its turn has ended. Kept until it has been posted.

A crash between the end of a turn and the last message may lose none of it, so the files' bytes are in the journal, up
to a bound.
"""

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from .writer import Writer, surely

__all__ = ["FIRST", "MOST_BYTES", "Enclosure", "FileLost", "KeptFile", "Postscript", "Postscripts"]

FIRST: Final = 500
"""Postscripts are numbered from here on, pages from 0: late text may still add pages. A nonce has room for no more."""

MOST_BYTES: Final = 25 * 1024 * 1024
"""Bytes of a reply's files that are kept, in their order: as many as Discord takes with one message."""


class FileLost(OSError):
    """The file was too much to be kept, and its source is gone."""


class Enclosure(Protocol):
    """A file that is to be attached."""

    @property
    def name(self) -> str:
        """What it is called, without a path."""

    def read(self) -> bytes:
        """Return its bytes. Raises OSError."""


@dataclass(frozen=True, slots=True)
class Postscript:
    """A message behind the pages. It may ping the user `mention`, if there is one."""

    content: str = ""
    files: tuple[Enclosure, ...] = ()
    mention: int | None = None


@dataclass(frozen=True, slots=True)
class KeptFile:
    """A file in the journal."""

    name: str
    rowid: int
    db: sqlite3.Connection = field(repr=False, compare=False)

    def read(self) -> bytes:
        """Return its bytes. Raises `FileLost`."""
        row = self.db.execute("SELECT data FROM files WHERE rowid = ?", (self.rowid,)).fetchone()
        if row is None or row[0] is None:
            raise FileLost("it was too large to be kept over a restart")
        data: bytes = row[0]
        return data


class Postscripts:
    """Those that are kept, by exchange (its last message) and number."""

    def __init__(self, writer: Writer) -> None:
        """`writer` is the journal's."""
        self._db = writer.db
        self._writer = writer

    def keep(self, exchange_id: int, postscripts: Mapping[int, Postscript]) -> None:
        """Write down all that is to follow the pages, in one transaction, instead of what was to before."""
        left, files = MOST_BYTES, []
        for number, postscript in postscripts.items():
            for file in postscript.files:
                kept = _read(file, left)  # Of one for which there is no room only the name is kept.
                left -= len(kept or b"")
                files.append((exchange_id, number, file.name, kept))
        rows = [(exchange_id, number, each.content, each.mention) for number, each in postscripts.items()]
        self._keep(exchange_id, rows, files)

    @surely
    def _keep(self, exchange_id: int, rows: Sequence[tuple[object, ...]], files: Sequence[tuple[object, ...]]) -> None:
        with self._writer.transaction():
            self.drop(exchange_id)
            self._db.executemany("INSERT INTO postscripts VALUES (?, ?, ?, ?)", rows)
            self._db.executemany("INSERT INTO files VALUES (?, ?, ?, ?)", files)

    def of(self, exchange_id: int) -> dict[int, Postscript]:
        """Return what was to follow the pages of an exchange."""
        query = "SELECT number, content, mention FROM postscripts WHERE exchange_id = ? ORDER BY number"
        return {
            number: Postscript(content, self._files_of(exchange_id, number), mention)
            for number, content, mention in self._db.execute(query, (exchange_id,)).fetchall()
        }

    def _files_of(self, exchange_id: int, number: int) -> tuple[KeptFile, ...]:
        query = "SELECT name, rowid FROM files WHERE exchange_id = ? AND number = ? ORDER BY rowid"
        rows = self._db.execute(query, (exchange_id, number))
        return tuple(KeptFile(name, rowid, self._db) for name, rowid in rows)

    def drop(self, exchange_id: int) -> None:
        """Let go of what was kept; part of a transaction of the journal's."""
        self._db.execute("DELETE FROM postscripts WHERE exchange_id = ?", (exchange_id,))


def _read(file: Enclosure, most: int) -> bytes | None:
    """Return the bytes of a file, None where there are more than `most` or they cannot be read."""
    try:
        data = file.read()
    except OSError:
        return None
    return data if len(data) <= most else None
