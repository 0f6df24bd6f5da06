"""The slots, each the right to run one agent, and the line of those who wait. Synchronous but for the wait itself."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

__all__ = ["Load", "Slots", "Wait"]

Holder = TypeVar("Holder")


@dataclass(frozen=True, slots=True)
class Load:
    """How many slots there are, how many are held, and how many wait for one."""

    size: int
    held: int
    in_line: int


@dataclass(eq=False, slots=True)
class Wait(Generic[Holder]):
    """One who stands in line, since when, and what it was told last: its place, and whose answers are waited for."""

    holder: Holder
    since: float
    granted: asyncio.Future[bool]
    told: tuple[int, Sequence[int]] | None = None


class Slots(Generic[Holder]):
    """At most `size` holders at any time; the others stand in line, first come first served.

    A freed slot goes straight to the first in line, so that nobody can slip in between. `on_line_moved` is called
    after each change of the line.
    """

    def __init__(self, size: int, *, on_line_moved: Callable[[], None]) -> None:
        """Start with `size` free slots."""
        self._size = size
        self._on_line_moved = on_line_moved
        self._held: dict[Holder, float] = {}
        self._line: dict[Holder, Wait[Holder]] = {}

    def __repr__(self) -> str:
        """Read like a status line."""
        return f"<Slots {len(self._held)}/{self._size} held, {len(self._line)} in line>"

    @property
    def load(self) -> Load:
        """What `repr` says, as numbers."""
        return Load(self._size, len(self._held), len(self._line))

    @property
    def line(self) -> tuple[Holder, ...]:
        """Who waits, the next one first."""
        return tuple(self._line)

    @property
    def holders(self) -> tuple[Holder, ...]:
        """Who has a slot."""
        return tuple(self._held)

    def from_first(self) -> Iterable[Wait[Holder]]:
        """Go through the line from its first."""
        return self._line.values()

    def from_last(self) -> Iterable[Wait[Holder]]:
        """Go through the line from its last."""
        return reversed(self._line.values())

    @property
    def longest_wait(self) -> float:
        """Seconds that the first in line has waited; 0 where nobody waits."""
        now = asyncio.get_running_loop().time()
        return next((now - wait.since for wait in self._line.values()), 0.0)

    def held_for(self, holder: Holder) -> float:
        """Seconds since `holder` got its slot; 0 where it has none."""
        now = asyncio.get_running_loop().time()
        return now - self._held.get(holder, now)

    def take_free(self, holder: Holder) -> bool:
        """Take a slot if one is free: then nobody waits for it."""
        if len(self._held) >= self._size:
            return False
        self._grant(holder)
        return True

    def pass_on(self, holder: Holder, to: Holder) -> None:
        """Give a holder's slot to somebody else."""
        del self._held[holder]
        self._grant(to)

    async def acquire(self, holder: Holder) -> bool:
        """Take a slot, waiting in line if none is free. Returns False when `leave` ended the wait."""
        if holder in self._held:
            return True
        if len(self._held) < self._size:
            self._grant(holder)
            return True
        loop = asyncio.get_running_loop()
        wait = self._line[holder] = Wait(holder, loop.time(), loop.create_future())
        self._on_line_moved()
        try:
            return await wait.granted
        except asyncio.CancelledError:
            self.leave(holder)
            self.release(holder)
            raise

    def leave(self, holder: Holder) -> None:
        """Step out of the line, if in it."""
        wait = self._line.pop(holder, None)
        if wait is not None:
            if not wait.granted.done():
                wait.granted.set_result(False)
            self._on_line_moved()

    def release(self, holder: Holder) -> None:
        """Give the slot back, if one is held: only when the process group is gone."""
        if self._held.pop(holder, None) is None:
            return
        # A wait that was cut off is still in line until its task runs, and must not get what nobody would give back.
        first = next((waiter for waiter, wait in self._line.items() if not wait.granted.done()), None)
        if first is None:
            return
        wait = self._line.pop(first)
        self._grant(first)
        wait.granted.set_result(True)
        self._on_line_moved()

    def _grant(self, holder: Holder) -> None:
        self._held[holder] = asyncio.get_running_loop().time()
