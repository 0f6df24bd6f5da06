"""The slots, each the right to run one agent, and the line for them. Synchronous except for the wait itself."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

Holder = TypeVar("Holder")


@dataclass(frozen=True, slots=True)
class Load:
    """The number of slots, of held ones, and of those who wait for one."""

    size: int
    held: int
    in_line: int


@dataclass(eq=False, slots=True)
class Wait(Generic[Holder]):
    """A place in line: who waits since when, and the last told place and asking threads (see `QueuePositions`)."""

    holder: Holder
    since: float
    granted: asyncio.Future[bool]
    told: tuple[int, Sequence[int]] | None = None


class Slots(Generic[Holder]):
    """At most `size` holders at any time. The others wait in line, first come first served.

    A freed slot goes straight to the first in line, so that a newcomer cannot take it. `on_line_moved` is called after
    each change of the line.
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
        """The number of slots, of held ones, and of those in line."""
        return Load(self._size, len(self._held), len(self._line))

    @property
    def line(self) -> tuple[Holder, ...]:
        """Those in line, the first one first."""
        return tuple(self._line)

    @property
    def holders(self) -> tuple[Holder, ...]:
        """Those with a slot."""
        return tuple(self._held)

    def from_first(self) -> Iterable[Wait[Holder]]:
        """Go through the line from its first."""
        return self._line.values()

    def from_last(self) -> Iterable[Wait[Holder]]:
        """Go through the line from its last."""
        return reversed(self._line.values())

    @property
    def longest_wait(self) -> float:
        """Seconds that the first in line has waited; 0 when the line is empty."""
        now = asyncio.get_running_loop().time()
        return next((now - wait.since for wait in self._line.values()), 0.0)

    def held_for(self, holder: Holder) -> float:
        """Return the seconds since `holder` got its slot; 0 when it has none."""
        now = asyncio.get_running_loop().time()
        return now - self._held.get(holder, now)

    def take_free(self, holder: Holder) -> bool:
        """Take a slot without waiting. Return whether one was free."""
        if len(self._held) >= self._size:
            return False
        self._grant(holder)
        return True

    def pass_on(self, holder: Holder, to: Holder) -> None:
        """Give a holder's slot to another one, past the line."""
        del self._held[holder]
        self._grant(to)

    async def acquire(self, holder: Holder) -> bool:
        """Take a slot, and wait in line for it if necessary. Return False when `leave` ended the wait."""
        if holder in self._held or self.take_free(holder):
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
        """Leave the line, if in it."""
        wait = self._line.pop(holder, None)
        if wait is not None:
            if not wait.granted.done():
                wait.granted.set_result(False)
            self._on_line_moved()

    def release(self, holder: Holder) -> None:
        """Return the slot, if one is held. The holder's process group must be gone."""
        if self._held.pop(holder, None) is None:
            return
        # A cancelled wait stays in line until its task runs. It would never return a slot.
        first = next((waiter for waiter, wait in self._line.items() if not wait.granted.done()), None)
        if first is None:
            return
        wait = self._line.pop(first)
        self._grant(first)
        wait.granted.set_result(True)
        self._on_line_moved()

    def _grant(self, holder: Holder) -> None:
        self._held[holder] = asyncio.get_running_loop().time()
