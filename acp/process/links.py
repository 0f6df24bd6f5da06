"""Follows a path link by link, so that each link on the way can be judged, or enters a directory without any."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

MAX_ENTRIES = 1000
"""Entries that are followed to a file; links in a circle lead nowhere."""

Link = tuple[Path, Path]
"""A link, by its path without other links, and its target as it stands there."""


@dataclass(frozen=True, slots=True)
class Followed:
    """Where a path leads: `real` has no links. `links` are the links on the way, in order."""

    real: Path
    links: tuple[Link, ...]


def follow(path: Path) -> Followed:
    """Follow the absolute `path`, which may lead to something missing. Blocks. Raises OSError for a circle of links."""
    left, here = [*path.parts[1:]], Path("/")
    links: list[Link] = []
    for _ in range(MAX_ENTRIES):
        if not left:
            return Followed(here, tuple(links))
        part = left.pop(0)
        entry = here.parent if part == ".." else here / part
        try:
            target = entry.readlink()
        except OSError:  # No link, missing, or inaccessible.
            here = entry
            continue
        links.append((entry, target))
        if target.is_absolute():
            here = Path("/")
        left = [*target.parts[target.is_absolute() :], *left]
    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))


@contextmanager
def entered(directory: Path) -> Iterator[int]:
    """Open an absolute path as a directory for the block, if no part of it is a link. Blocks. Raises OSError.

    What is made or removed through the descriptor is in that directory, wherever the path leads in the meantime.
    """
    flags = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    here = os.open("/", flags)
    try:
        for part in directory.parts[1:]:
            deeper = os.open(part, flags, dir_fd=here)
            os.close(here)
            here = deeper
        yield here
    finally:
        os.close(here)
