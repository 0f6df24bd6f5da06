"""The waiting exchanges of a thread, in order: they run when their turn comes, or are held for a person."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence

from pool.exchange import Dropped, Exchange, Outcome
from pool.journal.journal import Journal

SLICE = 20
"""When very many exchanges are closed together, other threads get their turn after so many."""


def close_exchange(journal: Journal, exchange: Exchange, outcome: Outcome, reason: str) -> None:
    """End an exchange without an answer, for a `reason` of a word or two, and close its rows."""
    pages: Sequence[str] = ()
    try:
        pages = exchange.on_ended(outcome)
    finally:
        journal.messages.close(exchange.message_ids, reason, pages)


class Inbox:
    """The exchanges that wait behind the current one. Synchronous; holds and closings are written down."""

    def __init__(self, journal: Journal, *, on_time: Callable[[], object], on_closed: Callable[[], object]) -> None:
        """`on_time` is called when the time of a temporary hold is over, `on_closed` when `close_all` is done."""
        self._journal = journal
        self._on_time = on_time
        self._on_closed = on_closed
        self._waiting: deque[Exchange] = deque()
        self._closing: deque[tuple[Exchange, str]] = deque()
        self._alone: Exchange | None = None
        self._steering: list[Exchange] = []
        self._timer: asyncio.TimerHandle | None = None
        self.held = False
        """Whether the waiting exchanges are held for a person."""
        self.held_until: float | None = None
        """When a temporary hold ends, in Unix time; None where there is none."""

    def __len__(self) -> int:
        """Return how many wait, held or not."""
        return len(self._waiting)

    def __iter__(self) -> Iterator[Exchange]:
        """Go through the waiting exchanges, in order."""
        return iter(self._waiting)

    def __repr__(self) -> str:
        """Read like a status line."""
        return f"{len(self._waiting)} {'held' if self.held else 'waiting'}"

    @property
    def ready(self) -> bool:
        """Whether an exchange can run now."""
        return bool(self._waiting) and not self.held

    @property
    def is_closing(self) -> bool:
        """Whether `close_all` still has exchanges to close."""
        return bool(self._closing)

    def put(self, exchange: Exchange) -> None:
        """Put an exchange behind all others."""
        self._waiting.append(exchange)

    def put_first(self, *exchanges: Exchange) -> None:
        """Put exchanges, in this order, before all others."""
        self._waiting.extendleft(reversed(exchanges))

    def put_back(self, *exchanges: Exchange, hold: bool = False) -> None:
        """Put exchanges that were taken out before all others, where `steer` lets none overtake them.

        With `hold`, hold all for a person.
        """
        self.put_first(*exchanges)
        self._steering = [each for each in self._waiting if each in self._steering or each in exchanges]
        if hold:
            self._stop_timer()
            self.held = True
        if self.held and self._timer is None:
            self._mark(held=True)

    def advance(self, exchange: Exchange) -> None:
        """Put a waiting exchange before all others; it will not be merged with those behind it."""
        self._waiting.remove(exchange)
        self._waiting.appendleft(exchange)
        self._alone = exchange

    def steer(self, exchange: Exchange) -> None:
        """Put a waiting exchange before all others, except those that came to the front earlier."""
        self._waiting.remove(exchange)
        self._steering = [each for each in self._waiting if each in self._steering or each is self._alone]
        self._waiting.insert(len(self._steering), exchange)
        self._steering.append(exchange)

    def take(self) -> Exchange:
        """Remove the first exchange, merged with those behind it that belong to it, and return it."""
        taken = self._waiting.popleft()
        while self._waiting and taken is not self._alone and self._waiting[0].merge_earlier(taken):
            taken = self._waiting.popleft()
        self._alone = None
        return taken

    def remove(self, exchange: Exchange) -> None:
        """Remove a waiting exchange. The hold ends with the last one."""
        self._waiting.remove(exchange)
        if not self._waiting:
            self._stop_timer()
            self.held = False

    def hold(self) -> None:
        """Hold the waiting exchanges for a person, without a time limit."""
        if self._waiting and (self._timer is not None or not self.held):
            self._stop_timer()
            self.held = True
            self._mark(held=True)

    def hold_again(self, seconds: float | None) -> None:
        """Hold the waiting exchanges without writing it down; with `seconds`, for no longer than that."""
        if self._waiting:
            self.held = True
            if seconds is not None:
                self._timer = asyncio.get_running_loop().call_later(seconds, self._on_time)
                self.held_until = time.time() + seconds

    def resume(self) -> bool:
        """End the hold. Return whether there was one."""
        self._stop_timer()
        held, self.held = self.held, False
        if held:
            self._mark(held=False)
        return held

    def close_all(self, reason: str) -> int:
        """Close all waiting exchanges, a few at a time, for `reason`. Return how many there are."""
        self._stop_timer()
        self.held = False
        count = len(self._waiting)
        self._closing.extend((exchange, reason) for exchange in self._waiting)
        self._waiting.clear()
        self._close_some()
        return count

    def finish_closing(self) -> None:
        """Close what `close_all` has left."""
        while self._closing:
            self._close_some()

    def _close_some(self) -> None:
        try:
            for _ in range(min(SLICE, len(self._closing))):
                exchange, reason = self._closing.popleft()
                close_exchange(self._journal, exchange, Dropped(), reason)
        finally:
            if self._closing:
                asyncio.get_running_loop().call_soon(self._close_some)
            else:
                self._on_closed()

    def _mark(self, *, held: bool) -> None:
        message_ids = [message_id for exchange in self._waiting for message_id in exchange.message_ids]
        self._journal.messages.hold(message_ids, held=held)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = self.held_until = None
