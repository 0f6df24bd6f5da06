"""Opens regular files only: to open a FIFO waits for its other end, and to open a device can have effects."""

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from .roots import Entry

_CAREFULLY = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC

_PIECE = 1024 * 1024


@contextmanager
def opened(entry: Entry, flags: int, require: Callable[[os.stat_result], None]) -> Iterator[int]:
    """Open an entry without following a link, and close it after the block. Blocks on the file system.

    `require` raises for a file that must not be opened: see `is_regular`. It is called before, since opening can have
    effects, and after, since another file may have taken the place of the first. Raises OSError.
    """
    require(os.stat(entry.name, dir_fd=entry.directory, follow_symlinks=False))
    descriptor = os.open(entry.name, flags | _CAREFULLY, dir_fd=entry.directory)
    try:
        require(os.fstat(descriptor))
        yield descriptor
    finally:
        os.close(descriptor)


def is_regular(status: os.stat_result) -> bool:
    """Whether this is a regular file: no directory, link, FIFO, socket or device."""
    return stat.S_ISREG(status.st_mode)


def read_at_most(descriptor: int, size: int) -> bytes:
    """Read to the end, or until more than `size` bytes are read: the size that a file claims proves nothing."""
    data = bytearray()
    while len(data) <= size and (piece := os.read(descriptor, min(_PIECE, size + 1 - len(data)))):
        data += piece
    return bytes(data)
