"""The messages that follow the pages of a reply, its files and its end, kept until they are posted.

A crash between the end of a turn and the last message may lose none of it, so the files' bytes are beside the journal,
up to a bound; see `files`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

import structlog

from .attachment_files import AttachmentFiles
from .transactions import Rows, Writer, retried

__all__ = ["FIRST_TRAILER", "MOST_BYTES", "Enclosure", "FileLost", "KeptFile", "Trailer", "Trailers"]

FIRST_TRAILER: Final = 500
"""Postscripts are numbered from here on, pages from 0: late text may still add pages. A nonce has room for no more."""

MOST_BYTES: Final = 25 * 1024 * 1024
"""Bytes of a reply's files that are kept, in their order: as many as Discord takes with one message."""

log = structlog.stdlib.get_logger("pool")


class FileLost(OSError):
    """The file was not kept, or what was kept of it is gone, and so is its source."""


class Enclosure(Protocol):
    """A file that is to be attached."""

    @property
    def name(self) -> str:
        """What it is called, without a path."""

    def read(self) -> bytes:
        """Return its bytes. Raises OSError."""


@dataclass(frozen=True, slots=True)
class Trailer:
    """A message behind the pages. It may ping the user `mention`, if there is one."""

    content: str = ""
    files: tuple[Enclosure, ...] = ()
    mention: int | None = None


@dataclass(frozen=True, slots=True)
class KeptFile:
    """A file beside the journal, at `path`; None where there was no room for it."""

    name: str
    size: int
    path: Path | None = field(repr=False, compare=False)

    def read(self) -> bytes:
        """Return its bytes. Raises `FileLost`."""
        if self.path is None:
            raise FileLost("it was too large to be kept over a restart")
        try:
            data = self.path.read_bytes()
        except OSError:
            data = b""
        if len(data) != self.size:
            raise FileLost("it was lost in a restart")
        return data


class Trailers(Rows):
    """The rows of trailers, by exchange (its last message) and number; `Journal.trailers`."""

    def __init__(self, writer: Writer, files: AttachmentFiles) -> None:
        """`writer` is the journal's, `files` are beside it."""
        super().__init__(writer)
        self._files = files
        self._unnamed: set[str] = set()
        """Files whose rows are still to be written."""

    def keep(self, exchange_id: int, postscripts: Mapping[int, Trailer]) -> None:
        """Write down all that is to follow the pages, in one transaction, instead of what was to before."""
        left, files = MOST_BYTES, []
        for number, postscript in postscripts.items():
            for file in postscript.files:
                size, stored = self._store(file, left)
                left -= size
                files.append((exchange_id, number, file.name, stored, size))
        rows = [(exchange_id, number, each.content, each.mention) for number, each in postscripts.items()]
        names = {stored for *_, stored, _ in files if stored is not None}
        self._unnamed |= names
        try:
            self._keep(exchange_id, rows, files)
        except BaseException:
            self._unnamed -= names
            raise

    def _store(self, file: Enclosure, most: int) -> tuple[int, str | None]:
        """Keep the bytes of a file beside the journal. Of one for which there is no room only the name is kept."""
        try:
            data = file.read()
            return (len(data), self._files.write(data)) if len(data) <= most else (0, None)
        except OSError as error:
            log.warning("a file is not kept over a restart", file=file.name, reason=str(error))
            return (0, None)

    @retried
    def _keep(self, exchange_id: int, rows: Sequence[tuple[object, ...]], files: Sequence[tuple[object, ...]]) -> None:
        with self._writer.transaction():
            self.drop(exchange_id)
            self._db.executemany("INSERT INTO postscripts VALUES (?, ?, ?, ?)", rows)
            self._db.executemany(
                "INSERT INTO files (exchange_id, number, name, stored, size) VALUES (?, ?, ?, ?, ?)", files
            )
        self._unnamed -= {stored for *_, stored, _ in files}

    def of(self, exchange_id: int) -> dict[int, Trailer]:
        """Return what was to follow the pages of an exchange."""
        query = "SELECT number, content, mention FROM postscripts WHERE exchange_id = ? ORDER BY number"
        return {
            number: Trailer(content, self._files_of(exchange_id, number), mention)
            for number, content, mention in self._db.execute(query, (exchange_id,)).fetchall()
        }

    def _files_of(self, exchange_id: int, number: int) -> tuple[KeptFile, ...]:
        query = "SELECT name, size, stored FROM files WHERE exchange_id = ? AND number = ? ORDER BY rowid"
        rows = self._db.execute(query, (exchange_id, number))
        return tuple(
            KeptFile(name, size, None if stored is None else self._files.path(stored)) for name, size, stored in rows
        )

    def drop(self, exchange_id: int) -> None:
        """Let go of what was kept; part of a transaction of the journal's. Its files become `unneeded`."""
        self._db.execute("DELETE FROM postscripts WHERE exchange_id = ?", (exchange_id,))

    def unneeded(self) -> set[str]:
        """Return the files that no row names, nor one that is owed to the journal."""
        named = {stored for (stored,) in self._db.execute("SELECT stored FROM files")}
        return self._files.names() - named - self._unnamed
