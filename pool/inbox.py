"""The waiting exchanges of a thread, in order: they go on by themselves, or are held for a person."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Iterator

from pool.exchange import Exchange
from pool.journal.journal import Journal

__all__ = ["Inbox"]


class Inbox:
    """The exchanges behind the one that is worked on. Synchronous; it keeps their rows in step, and runs nothing."""

    def __init__(self, journal: Journal, *, on_time: Callable[[], object]) -> None:
        """`on_time` learns that those held for a time have waited long enough."""
        self._journal = journal
        self._on_time = on_time
        self._waiting: deque[Exchange] = deque()
        self._alone: Exchange | None = None
        self._steering: list[Exchange] = []
        self._timer: asyncio.TimerHandle | None = None
        self.held = False
        """Whether what waits is waiting for a person."""

    def __len__(self) -> int:
        """How many wait, held or not."""
        return len(self._waiting)

    def __iter__(self) -> Iterator[Exchange]:
        """What waits, in order."""
        return iter(self._waiting)

    def __repr__(self) -> str:
        """Read like a status line."""
        return f"{len(self._waiting)} {'held' if self.held else 'waiting'}"

    @property
    def ready(self) -> bool:
        """Whether there is something to run now."""
        return bool(self._waiting) and not self.held

    @property
    def exchanges(self) -> tuple[Exchange, ...]:
        """What waits, in order."""
        return tuple(self._waiting)

    def put(self, exchange: Exchange) -> None:
        """Put an exchange behind all others."""
        self._waiting.append(exchange)

    def put_first(self, *exchanges: Exchange) -> None:
        """Put exchanges, in this order, before all others."""
        self._waiting.extendleft(reversed(exchanges))

    def advance(self, exchange: Exchange) -> None:
        """Put one that waits before all others; it is then taken alone."""
        self._waiting.remove(exchange)
        self._waiting.appendleft(exchange)
        self._alone = exchange

    def steer(self, exchange: Exchange) -> None:
        """Put one that waits before all others but those that jumped before it; it may be taken with such."""
        self._waiting.remove(exchange)
        self._steering = [each for each in self._waiting if each in self._steering or each is self._alone]
        self._waiting.insert(len(self._steering), exchange)
        self._steering.append(exchange)

    def take(self) -> Exchange:
        """Remove the first, with those behind it that may be taken together with it, and return them as one."""
        taken = self._waiting.popleft()
        while self._waiting and taken is not self._alone and self._waiting[0].merge_earlier(taken):
            taken = self._waiting.popleft()
        self._alone = None
        return taken

    def remove(self, exchange: Exchange) -> None:
        """Remove one that waits; when none is left, none is held."""
        self._waiting.remove(exchange)
        if not self._waiting:
            self._stop_timer()
            self.held = False

    def hold(self) -> None:
        """Let what waits wait for a person, for good."""
        if self._waiting and (self._timer is not None or not self.held):
            self._stop_timer()
            self.held = True
            self._mark(held=True)

    def hold_again(self, seconds: float | None) -> None:
        """Hold what an earlier run held or left, as its rows have it; with `seconds`, for no longer."""
        if self._waiting:
            self.held = True
            if seconds is not None:
                self._timer = asyncio.get_running_loop().call_later(seconds, self._on_time)

    def resume(self) -> bool:
        """Let what waits go on. Returns whether it was held."""
        self._stop_timer()
        held, self.held = self.held, False
        if held:
            self._mark(held=False)
        return held

    def empty(self) -> Iterable[Exchange]:
        """Remove and return all, held or not."""
        self._stop_timer()
        self.held = False
        removed, self._waiting = self._waiting, deque()
        return removed

    def _mark(self, *, held: bool) -> None:
        message_ids = [message_id for exchange in self._waiting for message_id in exchange.message_ids]
        self._journal.messages.hold(message_ids, held=held)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
