"""Bytes that wait to be attached: in memory while they are few, else in a temporary file without a name."""

import tempfile
import weakref
from typing import IO, Final, cast

__all__ = ["IN_MEMORY", "Spool"]

IN_MEMORY: Final = 64 * 1024
"""Bytes that one spool keeps in memory."""


class Spool:
    """A growing text or file. Its temporary file goes when the spool does, or the process."""

    def __init__(self, data: bytes = b"") -> None:
        """Start with `data`."""
        self._file = cast(IO[bytes], tempfile.SpooledTemporaryFile(max_size=IN_MEMORY))  # noqa: SIM115 - see _close
        self._close = weakref.finalize(self, self._file.close)
        self.size = 0
        """Bytes written so far."""
        self.write(data)

    def __repr__(self) -> str:
        """Read like a status line."""
        return f"<Spool {self.size} bytes>"

    def write(self, data: bytes) -> None:
        """Append. Raises OSError where the disk is full."""
        self._file.write(data)
        self.size += len(data)

    def read(self, start: int = 0, size: int = -1) -> bytes:
        """Return what is there from `start` on, at most `size` bytes where it is not negative."""
        self._file.seek(start)
        data = self._file.read(size)
        self._file.seek(0, 2)
        return data

    def close(self) -> None:
        """Let go of what is kept. Later reads raise ValueError."""
        self._close()
