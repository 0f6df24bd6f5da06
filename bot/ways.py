"""The way to a file: each entry of the file system that decides where its path leads."""

from collections.abc import Iterator
from pathlib import Path

__all__ = ["way_to"]

LONGEST_WAY = 1000
"""Entries that are followed to a file; links that lead in a circle lead nowhere."""


def way_to(file: Path) -> Iterator[Path]:
    """List every entry that leads to a file, the file itself last: who may replace a link decides where it leads."""
    left, here = [*file.absolute().parts], Path()
    for _ in range(LONGEST_WAY):
        if not left:
            return
        part = left.pop(0)
        entry = here.parent if part == ".." else here / part
        yield entry
        try:
            left = [*entry.readlink().parts, *left]  # An absolute one begins anew: its first part is the root.
        except OSError:  # No link, nothing, or nothing that this account may look at.
            here = entry
