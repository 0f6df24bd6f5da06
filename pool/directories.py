"""Who works where: conversations in the order in which they came to a directory. Pure."""

from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path
from typing import Generic, TypeVar

__all__ = ["Directories"]

Worker = TypeVar("Worker")


class Directories(Generic[Worker]):
    """Workers by directory, first come first. Directories of which one holds the other are one and the same."""

    def __init__(self) -> None:
        """Nobody works anywhere."""
        self._places: dict[Worker, Path] = {}

    def __repr__(self) -> str:
        """Read like a status line."""
        return f"<Directories {len(self._places)} at work>"

    def enter(self, worker: Worker, directory: Path) -> None:
        """Come to a directory, behind those who are there. Blocks on the file system, to follow links."""
        self._places[worker] = directory.resolve()

    def ahead(self, worker: Worker) -> Sequence[Worker]:
        """Return those who came to the same place before, first come first."""
        own = self._places[worker]
        before = takewhile(lambda other: other is not worker, self._places)
        return [other for other in before if _same(own, self._places[other])]

    def leave(self, worker: Worker) -> Sequence[Worker]:
        """Go away; returns those for whom that may make room."""
        own = self._places.pop(worker, None)
        if own is None:
            return ()
        return [other for other, place in self._places.items() if _same(own, place)]


def _same(one: Path, other: Path) -> bool:
    return one.is_relative_to(other) or other.is_relative_to(one)
