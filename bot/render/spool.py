"""Holds bytes to attach: a few in memory, more in an unnamed temporary file."""

import tempfile
import weakref
from typing import IO, Final

from bot.user_messages.files import NOT_KEPT

IN_MEMORY: Final = 64 * 1024
"""Bytes that one spool keeps in memory."""

IN_TROUBLE: Final = 1024 * 1024
"""The same where the temporary directory cannot be written: most files are smaller, and a reply has about twenty."""


class Spool:
    """A growing text or file. Its temporary file is deleted with the spool, or with the process.

    Writing never raises: a full disk must not end a reply. Bytes without room are counted as `lost`.
    """

    def __init__(self, data: bytes = b"") -> None:
        """Start with `data`."""
        self._file: IO[bytes] | None = None
        self._on_disk = 0
        self._memory = bytearray()
        """The bytes behind those on the disk."""
        self._closed = False
        self.lost = 0
        """Bytes missing at the end: they could not be written, or came after `close`."""
        self.trouble = ""
        """Why the temporary directory cannot be written; empty while it can."""
        self.write(data)

    def __repr__(self) -> str:
        """Read like a status line."""
        return f"<Spool {self.size} bytes>"

    @property
    def size(self) -> int:
        """Bytes that can be read."""
        return self._on_disk + len(self._memory)

    def write(self, data: bytes) -> None:
        """Append bytes, unless bytes before them are missing."""
        if self._closed or self.lost:
            self.lost += len(data)
            return
        self._memory += data
        if len(self._memory) > IN_MEMORY and not self.trouble:
            try:
                self._spill()
            except OSError as error:
                self.trouble = error.strerror or str(error)
        if len(self._memory) > IN_TROUBLE:
            self.lost = len(self._memory) - IN_TROUBLE
            del self._memory[IN_TROUBLE:]

    def read(self, start: int = 0, size: int = -1) -> bytes:
        """Return the bytes from `start` on, at most `size` where that is not negative. Raises `OSError`."""
        if self._closed:
            raise OSError(NOT_KEPT)
        end = self.size if size < 0 else min(self.size, start + size)
        behind = self._memory[max(0, start - self._on_disk) : max(0, end - self._on_disk)]
        return self._from_disk(start, min(end, self._on_disk)) + bytes(behind)

    def close(self) -> None:
        """Release memory and file."""
        self._closed = True
        self._memory.clear()
        if self._file is not None:
            self._file.close()

    def _spill(self) -> None:
        """Move the bytes from memory to the disk; where that fails half-way they stay in memory."""
        if self._file is None:
            # Without a buffer, so that an error comes with the write that it belongs to.
            self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - closed with the spool
            weakref.finalize(self, self._file.close)
        self._file.seek(self._on_disk)
        data, at = memoryview(bytes(self._memory)), 0
        while at < len(data):
            at += self._file.write(data[at:])
        self._on_disk += len(data)
        self._memory.clear()

    def _from_disk(self, start: int, end: int) -> bytes:
        pieces = []
        if self._file is not None and start < end:
            self._file.seek(start)
            while start < end and (piece := self._file.read(end - start)):
                pieces.append(piece)
                start += len(piece)
        return b"".join(pieces)
