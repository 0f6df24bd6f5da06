"""Follows a path link by link, so that each link on the way can be judged."""

import errno
import os
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
