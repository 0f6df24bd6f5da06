"""The conversations in each working directory, in the order in which they came."""

from collections.abc import Iterator, Sequence
from itertools import takewhile
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from acp.paths import look

__all__ = ["Occupant", "Workdirs"]

NEAR = 5
"""Of those who wait for a place so many learn of each who leaves it; the others when their way is free."""

Worker = TypeVar("Worker")


class Occupant(Protocol):
    """A conversation, as those see it who work in the same directory."""

    @property
    def thread_id(self) -> int:
        """Its thread."""

    @property
    def is_working(self) -> bool:
        """Whether a turn of it runs."""

    def look_again(self) -> None:
        """Learn that the way may be free now."""


class Workdirs(Generic[Worker]):
    """Workers by directory, first come first. Directories of which one holds the other are one and the same."""

    def __init__(self) -> None:
        """Start with empty directories."""
        self._places: dict[Worker, Path] = {}

    def __repr__(self) -> str:
        """Read like a status line."""
        return f"<Directories {len(self._places)} at work>"

    async def enter(self, worker: Worker, directory: Path) -> None:
        """Come to a directory, behind those who are there. Follows links; raises `SpawnFailed`, see `acp.paths`."""
        self._places[worker] = await look(Path.resolve, directory)

    def ahead(self, worker: Worker) -> Sequence[Worker]:
        """Return those who came to the same place before, first come first."""
        own = self._places[worker]
        same = _Same(own)
        before = takewhile(lambda other: other is not worker, self._places)
        return [other for other in before if same[self._places[other]]]

    def leave(self, worker: Worker) -> Iterator[Worker]:
        """Go away at once; looks, when it is asked, for those who can come in now and the first of those who wait."""
        own = self._places.pop(worker, None)
        return iter(()) if own is None else self._near(own)

    def _near(self, left: Path) -> Iterator[Worker]:
        same, found, held, above = _Same(left), 0, set[Path](), set[Path]()
        for other, place in self._places.items():
            free = place not in held and place not in above and held.isdisjoint(place.parents)
            if (free or found < NEAR) and same[place]:
                found += 1
                yield other
            if place not in held:
                held.add(place)
                above.update(place.parents)


class _Same(dict[Path, bool]):
    """Whether a directory holds another one, or is in it, or is it; looked at once for each."""

    def __init__(self, own: Path) -> None:
        super().__init__()
        self._own = own

    def __missing__(self, other: Path) -> bool:
        same = self[other] = self._own.is_relative_to(other) or other.is_relative_to(self._own)
        return same
