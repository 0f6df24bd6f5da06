"""A rate limit: so many calls in a window of time, safe however late each call arrives. Pure.

A server counts in fixed windows that begin with the first call to arrive. When a call arrives is not known here: it is
after it was sent, and before its answer came. So a call is held against the budget from its sending until one window
after its answer. Of the calls that arrive in any one window, all are then held when the last of them is sent, and a
budget that never holds more than the limit is never refused, whatever the delays.

That is more careful than it need be: a call takes its time to arrive, and another has arrived some time before its
answer is here. Both together are what the fastest call takes, whose ways were the shortest; so much earlier a hold
ends, but for a margin: `Budget.sure`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto

__all__ = ["ROUNDING", "UNANSWERED_SECONDS", "Budget", "RateLimitHeaders", "Reservation", "Scope"]

UNANSWERED_SECONDS = 2.0
"""A call without an answer is taken to have arrived after so long: one that hangs must not hold its place for ever."""

ROUNDING = 1e-9
"""Seconds; less is nothing."""


@dataclass(eq=False, slots=True)
class Reservation:
    """One call, as budgets count it. Times are in seconds of one clock."""

    sent: float
    answered: float | None = None

    def released(self, seconds: float) -> float:
        """When it no longer counts in a window of `seconds`."""
        return (self.sent + UNANSWERED_SECONDS if self.answered is None else self.answered) + seconds


class Scope(Enum):
    """Which calls a limit is about."""

    BUCKET = auto()
    """Those of one kind in one channel."""

    CHANNEL = auto()
    SERVER = auto()
    EVERYWHERE = auto()


@dataclass(frozen=True, slots=True)
class RateLimitHeaders:
    """What an answer said about its limit (Discord, Rate Limits). Durations are in seconds.

    `retry_after` is given where the call was refused, and all others in its `scope` would be.
    """

    limit: int | None = None
    remaining: int | None = None
    reset_after: float | None = None
    retry_after: float | None = None
    scope: Scope = Scope.BUCKET


class Budget:
    """At most `limit` calls in any window of `seconds`. What the server tells counts for more than these figures."""

    def __init__(self, limit: int, seconds: float) -> None:
        """Start with nothing spent."""
        self.limit = limit
        self.seconds = seconds
        self.sure = 0.0
        """Seconds that every call is known to take to arrive, and its answer from there, together."""
        self._holds: list[Reservation] = []
        self._closed_until = float("-inf")
        self._left = 0
        self._left_until = float("-inf")

    def __repr__(self) -> str:
        """Read like a status line."""
        return f"<Budget {len(self._holds)} of {self.limit} in {self.seconds:g} s>"

    def spend(self, hold: Reservation) -> None:
        """Count a call."""
        self._holds.append(hold)
        self._left -= 1

    def give_back(self, hold: Reservation) -> None:
        """Do not count a call that was not made after all."""
        if hold in self._holds:
            self._holds.remove(hold)
            self._left += 1

    def learn(self, told: RateLimitHeaders, now: float) -> None:
        """Believe what the server said."""
        if told.retry_after is not None:
            self._closed_until = max(self._closed_until, now + told.retry_after)
            return
        if told.limit is None or told.remaining is None or told.reset_after is None:
            return
        self.limit = max(1, told.limit)
        # The first call of a window is told the whole length of it, a later one what is left.
        self.seconds = told.reset_after if told.remaining == told.limit - 1 else max(self.seconds, told.reset_after)
        in_flight = sum(hold.answered is None for hold in self._holds)
        self._left, self._left_until = told.remaining - in_flight, now + told.reset_after - self.sure

    def quiet(self, now: float) -> bool:
        """Whether nothing of the past matters any more."""
        self._forget(now)
        return not self._holds and max(self._closed_until, self._left_until) <= now

    def wait(self, now: float, *, keep: int = 0) -> float:
        """Return the seconds until one more call may be made that leaves `keep` to others; 0 is now."""
        self._forget(now)
        most = max(1, self.limit - keep)
        at = max(now, self._closed_until)
        if self._left <= min(keep, self.limit - 1) and self._left_until > now:
            at = max(at, self._left_until)
        if len(self._holds) >= most:
            at = max(at, sorted(self._releases())[-most])
        return at - now if at - now > ROUNDING else 0.0

    def pace(self, now: float, *, keep: int = 0) -> float:
        """Return the seconds until one more call may be made if what is left is to be spread evenly over the window.

        Spent at once, it would leave a gap of almost a whole window in which nothing can be shown.
        """
        wait = self.wait(now, keep=keep)
        if not self._holds:
            return wait
        last = max(hold.sent for hold in self._holds)
        shares = max(1, self.limit - keep - len(self._holds) + 1)
        even = max((min(self._releases()) - last) / shares, self.seconds / max(1, self.limit - keep))
        due = last + even - now
        return max(wait, due if due > ROUNDING else 0.0)

    def _forget(self, now: float) -> None:
        """Let go of the calls that no longer count."""
        seconds = self.seconds - self.sure
        self._holds = [hold for hold in self._holds if hold.released(seconds) > now + ROUNDING]

    def _releases(self) -> Iterator[float]:
        """When each call will no longer count."""
        seconds = self.seconds - self.sure
        return (hold.released(seconds) for hold in self._holds)
