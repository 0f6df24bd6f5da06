"""The conversations in each working directory of each place, in order of arrival."""

from collections.abc import Iterator, Sequence
from itertools import takewhile
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from acp.paths import look
from acp.places.here import HERE

NEAR = 5
"""The first waiters for a directory, which learn of each departure; the others learn when they may enter."""

Worker = TypeVar("Worker")


class Occupant(Protocol):
    """A conversation, as others in the same directory see it."""

    @property
    def thread_id(self) -> int:
        """Its thread."""

    @property
    def is_working(self) -> bool:
        """Whether its turn runs."""

    def check_again(self) -> None:
        """Check again whether the directory is free."""


class Workdirs(Generic[Worker]):
    """Workers by directory, in order of arrival. A directory and one inside it count as the same.

    The directory of another place has that place's name before its path.
    """

    def __init__(self) -> None:
        """Begin without workers."""
        self._places: dict[Worker, Path] = {}

    def __repr__(self) -> str:
        """Read like a status line."""
        return f"<Directories {len(self._places)} at work>"

    async def enter(self, worker: Worker, directory: Path, place: str = HERE) -> None:
        """Enter a directory of a place, behind those who are there; who is in another one leaves it.

        Links are followed on this machine only. Raises `SpawnFailed`; see `acp.paths`.
        """
        if place == HERE:
            self._places[worker] = await look(Path.resolve, directory)
        else:
            self._places[worker] = Path(f"{place}:", *directory.parts[1:])

    def ahead(self, worker: Worker) -> Sequence[Worker]:
        """Return those who came to the same directory earlier, in order."""
        own = self._places[worker]
        same = _Same(own)
        before = takewhile(lambda other: other is not worker, self._places)
        return [other for other in before if same[self._places[other]]]

    def leave(self, worker: Worker) -> Iterator[Worker]:
        """Leave. Return those who may enter now and the first who wait, found as the iterator is used."""
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
    """Whether another directory is the same as ours, inside it or around it; computed once for each."""

    def __init__(self, own: Path) -> None:
        super().__init__()
        self._own = own

    def __missing__(self, other: Path) -> bool:
        same = self[other] = self._own.is_relative_to(other) or other.is_relative_to(self._own)
        return same
