"""The rows of trailers: messages after the pages of a reply, with its files and its end, until they are posted.

The files' bytes are kept next to the journal up to a bound (see `attachment_files`), so that a crash before the last
message loses none of them.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, Protocol

import structlog

from .attachment_files import AttachmentFiles
from .transactions import Rows, Writer, retried

FIRST_TRAILER: Final = 500
"""The number of the first trailer; pages count from 0, and late text may add some. A nonce has three digits for it."""

MOST_BYTES: Final = 25 * 1024 * 1024
"""How many bytes of a reply's files are kept, the first files first: as many as Discord takes in one message."""

PIECE_BYTES: Final = 256 * 1024
"""Bytes of a file that are in memory while it is copied."""

log = structlog.stdlib.get_logger("pool")


class FileLost(OSError):
    """The file cannot be read after a restart: `kept` is whether it was stored before."""

    def __init__(self, *, kept: bool) -> None:
        """Say what became of it."""
        super().__init__("lost" if kept else "not kept")
        self.kept = kept


class Enclosure(Protocol):
    """A file to attach."""

    @property
    def name(self) -> str:
        """The file's name, without a path."""

    @property
    def size(self) -> int:
        """Its bytes."""

    def pieces(self) -> Iterator[bytes]:
        """Return its bytes, at most `PIECE_BYTES` at a time. Raises OSError."""

    def source(self) -> bytes | Path:
        """Return its bytes, or the path of a file that consists of them. Raises OSError."""


@dataclass(frozen=True, slots=True)
class DataFile:
    """A file in memory."""

    name: str
    data: bytes = field(repr=False)

    @property
    def size(self) -> int:
        """Its bytes."""
        return len(self.data)

    def pieces(self) -> Iterator[bytes]:
        """Return its bytes, as one piece."""
        yield self.data

    def source(self) -> bytes:
        """Return its bytes."""
        return self.data


@dataclass(frozen=True, slots=True)
class Trailer:
    """A message after the pages. It may ping the user `mention`."""

    content: str = ""
    files: tuple[Enclosure, ...] = ()
    mention: int | None = None


@dataclass(frozen=True, slots=True)
class KeptFile:
    """A file next to the journal, at `path`; None if it was too large to keep."""

    name: str
    size: int
    path: Path | None = field(repr=False, compare=False)

    def pieces(self) -> Iterator[bytes]:
        """Return its bytes in pieces. Raises `FileLost`, or OSError."""
        with self.source().open("rb") as file:
            while piece := file.read(PIECE_BYTES):
                yield piece

    def source(self) -> Path:
        """Return its path. Raises `FileLost`."""
        if self.path is None:
            raise FileLost(kept=False)
        try:
            size = self.path.stat().st_size
        except OSError:
            raise FileLost(kept=True) from None
        if size != self.size:
            raise FileLost(kept=True)
        return self.path


class Trailers(Rows):
    """The rows of trailers, by exchange (its last message) and number; `Journal.trailers`."""

    def __init__(self, writer: Writer, files: AttachmentFiles) -> None:
        """`writer` and `files` are the journal's."""
        super().__init__(writer)
        self._files = files
        self._unnamed: set[str] = set()
        """Files whose rows are not written yet."""

    def keep(self, exchange_id: int, trailers: Mapping[int, Trailer]) -> dict[int, Trailer]:
        """Write down the trailers of an exchange, by number, in place of earlier ones.

        Returns them with the files as they are stored, which take no memory. A file that has no room is as it was.
        """
        left, files, kept = MOST_BYTES, [], {}
        for number, trailer in trailers.items():
            enclosures = []
            for file in trailer.files:
                stored = self._store(file, left)
                size = 0 if stored is None else file.size
                left -= size
                files.append((exchange_id, number, file.name, stored, size))
                enclosures.append(file if stored is None else KeptFile(file.name, size, self._files.path(stored)))
            kept[number] = replace(trailer, files=tuple(enclosures))
        rows = [(exchange_id, number, each.content, each.mention) for number, each in trailers.items()]
        names = {stored for *_, stored, _ in files if stored is not None}
        self._unnamed |= names
        try:
            self._keep(exchange_id, rows, files)
        except BaseException:
            self._unnamed -= names
            raise
        return kept

    def _store(self, file: Enclosure, most: int) -> str | None:
        """Store a file next to the journal; return its stored name, or None if it has no room."""
        try:
            return self._files.write(file.pieces()) if file.size <= most else None
        except OSError as error:
            log.warning("a file is not kept over a restart", file=file.name, reason=str(error))
            return None

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
        """Return the trailers of an exchange, by number."""
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
        """Delete an exchange's trailers as part of another transaction. Their files become `unneeded`."""
        self._db.execute("DELETE FROM postscripts WHERE exchange_id = ?", (exchange_id,))

    def unneeded(self) -> set[str]:
        """Return the files that no row names, neither a written nor an owed one."""
        named = {stored for (stored,) in self._db.execute("SELECT stored FROM files")}
        return self._files.names() - named - self._unnamed
