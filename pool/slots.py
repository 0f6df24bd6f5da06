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
    """A place in line: who waits since when, and the last told place and asking threads (see `QueuePositions`).

    `memory`: see `Slots`.
    """

    holder: Holder
    memory: int
    since: float
    granted: asyncio.Future[bool]
    told: tuple[int, Sequence[int]] | None = None


@dataclass(frozen=True, slots=True)
class _Grant:
    """A slot that is held, since when, with so much reserved memory."""

    since: float
    memory: int


class Slots(Generic[Holder]):
    """At most `size` holders at any time. The others wait in line, first come first served.

    Each may reserve memory, up to `memory` bytes all together; 0 is no bound. Who asks for more than there is reserves
    all of it. A freed slot goes straight to the first in line, so that a newcomer cannot take it, nor one behind who
    needs less memory.
    """

    def __init__(
        self,
        size: int,
        *,
        on_line_moved: Callable[[], None],
        on_free: Callable[[], None] = lambda: None,
        memory: int = 0,
    ) -> None:
        """Start with `size` free slots.

        `on_line_moved` is called after each change of the line, `on_free` when a slot was returned that none waits for.
        """
        self._size = size
        self._memory = memory
        self._on_line_moved = on_line_moved
        self._on_free = on_free
        self._held: dict[Holder, _Grant] = {}
        self._line: dict[Holder, Wait[Holder]] = {}
        self._reserved = 0

    def __repr__(self) -> str:
        """Read like a status line."""
        return f"<Slots {len(self._held)}/{self._size} held, {len(self._line)} in line>"

    @property
    def load(self) -> Load:
        """The number of slots, of held ones, and of those in line."""
        return Load(self._size, len(self._held), len(self._line))

    @property
    def unreserved(self) -> int | None:
        """The bytes that can still be reserved; None without a bound."""
        return self._memory - self._reserved if self._memory else None

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
        grant = self._held.get(holder)
        return 0.0 if grant is None else asyncio.get_running_loop().time() - grant.since

    def has_room(self, memory: int = 0) -> bool:
        """Whether a newcomer would get a slot with so much memory without waiting."""
        return self._first() is None and self._fits(memory)

    def take_free(self, holder: Holder, memory: int = 0) -> bool:
        """Take a slot without waiting. Return whether one was free."""
        if not self.has_room(memory):
            return False
        self._grant(holder, memory)
        return True

    def pass_on(self, holder: Holder, to: Holder) -> None:
        """Give a holder's slot to another one, past the line."""
        grant = self._held.pop(holder)
        self._reserved -= grant.memory
        self._grant(to, grant.memory)

    async def acquire(self, holder: Holder, memory: int = 0) -> bool:
        """Take a slot, and wait in line for it if necessary. Return False when `leave` ended the wait."""
        if holder in self._held or self.take_free(holder, memory):
            return True
        loop = asyncio.get_running_loop()
        wait = self._line[holder] = Wait(holder, memory, loop.time(), loop.create_future())
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
            self._grant_first()  # It may have needed more memory than the next.
            self._on_line_moved()

    def release(self, holder: Holder) -> None:
        """Return the slot, if one is held. The holder's process group must be gone."""
        grant = self._held.pop(holder, None)
        if grant is None:
            return
        self._reserved -= grant.memory
        if self._grant_first():
            self._on_line_moved()
        elif self._first() is None:
            self._on_free()

    def _first(self) -> Wait[Holder] | None:
        # A cancelled wait stays in line until its task runs. It would never return a slot.
        return next((wait for wait in self._line.values() if not wait.granted.done()), None)

    def _grant_first(self) -> bool:
        """Give slots to those in line while they fit; return whether there was one."""
        granted = False
        while (wait := self._first()) is not None and self._fits(wait.memory):
            del self._line[wait.holder]
            self._grant(wait.holder, wait.memory)
            wait.granted.set_result(True)
            granted = True
        return granted

    def _fits(self, memory: int) -> bool:
        return len(self._held) < self._size and (
            not self._memory or self._reserved + self._need(memory) <= self._memory
        )

    def _need(self, memory: int) -> int:
        return min(memory, self._memory) if self._memory else memory

    def _grant(self, holder: Holder, memory: int) -> None:
        self._held[holder] = _Grant(asyncio.get_running_loop().time(), self._need(memory))
        self._reserved += self._need(memory)
