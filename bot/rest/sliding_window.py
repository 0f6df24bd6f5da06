"""A rate limit: a number of calls in a window of time, safe however late each call arrives. Pure.

A server counts in fixed windows that begin with the first call to arrive. The time of arrival is unknown here: it lies
between the sending of the call and its answer. So a call counts in the budget from its sending until one window after
its answer. Of the calls that arrive in any one window, all count when the last of them is sent; so a budget that never
counts more than the limit is never refused, however calls are delayed.

That is stricter than necessary: a call takes time to arrive, and an earlier one arrived some time before its answer.
The two times together are at least the fastest round trip, so a reservation ends earlier by that, less a margin:
`Budget.round_trip`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto

UNANSWERED_SECONDS = 2.0
"""Seconds after which a call without an answer counts as arrived: one that hangs must not keep its place for ever."""

ROUNDING = 1e-9
"""Seconds; a shorter time counts as none."""


@dataclass(eq=False, slots=True)
class Reservation:
    """A call as budgets count it. Times are in seconds of one clock."""

    sent: float
    answered: float | None = None

    def released(self, seconds: float) -> float:
        """Return when it no longer counts in a window of `seconds`."""
        return (self.sent + UNANSWERED_SECONDS if self.answered is None else self.answered) + seconds


class Scope(Enum):
    """The calls that a limit is about."""

    BUCKET = auto()
    """One kind of call in one channel."""

    CHANNEL = auto()
    SERVER = auto()
    EVERYWHERE = auto()


@dataclass(frozen=True, slots=True)
class RateLimitHeaders:
    """The limit that an answer states (Discord, Rate Limits). Durations are in seconds.

    `retry_after` is given if the call was refused; until then, every call in its `scope` would be.
    """

    limit: int | None = None
    remaining: int | None = None
    reset_after: float | None = None
    retry_after: float | None = None
    scope: Scope = Scope.BUCKET


class Budget:
    """At most `limit` calls in any window of `seconds`. A server's answer replaces these figures."""

    def __init__(self, limit: int, seconds: float) -> None:
        """Start with no call counted."""
        self.limit = limit
        self.seconds = seconds
        self.round_trip = 0.0
        """Seconds that every call and its answer take at least, together."""
        self._reservations: list[Reservation] = []
        self._closed_until = float("-inf")
        self._left = 0
        self._left_until = float("-inf")

    def __repr__(self) -> str:
        """Read like a status line."""
        return f"<Budget {len(self._reservations)} of {self.limit} in {self.seconds:g} s>"

    def spend(self, reservation: Reservation) -> None:
        """Count a call."""
        self._reservations.append(reservation)
        self._left -= 1

    def give_back(self, reservation: Reservation) -> None:
        """Do not count a call that was not made."""
        if reservation in self._reservations:
            self._reservations.remove(reservation)
            self._left += 1

    def learn(self, headers: RateLimitHeaders, now: float) -> None:
        """Apply the limit that the server states."""
        if headers.retry_after is not None:
            self._closed_until = max(self._closed_until, now + headers.retry_after)
            return
        if headers.limit is None or headers.remaining is None or headers.reset_after is None:
            return
        self.limit = max(1, headers.limit)
        # The first answer in a window states its whole length, a later one the time left.
        is_first = headers.remaining == headers.limit - 1
        self.seconds = headers.reset_after if is_first else max(self.seconds, headers.reset_after)
        in_flight = sum(each.answered is None for each in self._reservations)
        self._left, self._left_until = headers.remaining - in_flight, now + headers.reset_after - self.round_trip

    def is_idle(self, now: float) -> bool:
        """Whether no earlier call or answer has an effect now."""
        self._forget(now)
        return not self._reservations and max(self._closed_until, self._left_until) <= now

    def wait(self, now: float, *, keep: int = 0) -> float:
        """Return the seconds until a call may be made that leaves `keep` more to others; 0 is now."""
        self._forget(now)
        most = max(1, self.limit - keep)
        at = max(now, self._closed_until)
        if self._left <= min(keep, self.limit - 1) and self._left_until > now:
            at = max(at, self._left_until)
        if len(self._reservations) >= most:
            at = max(at, sorted(self._releases())[-most])
        return at - now if at - now > ROUNDING else 0.0

    def pace(self, now: float, *, keep: int = 0) -> float:
        """Return the seconds until a call may be made, if the calls that are left are spread evenly over the window.

        Spent together, they would be followed by almost a whole window without a visible change.
        """
        wait = self.wait(now, keep=keep)
        if not self._reservations:
            return wait
        last = max(each.sent for each in self._reservations)
        shares = max(1, self.limit - keep - len(self._reservations) + 1)
        even = max((min(self._releases()) - last) / shares, self.seconds / max(1, self.limit - keep))
        due = last + even - now
        return max(wait, due if due > ROUNDING else 0.0)

    def _forget(self, now: float) -> None:
        """Remove the calls that no longer count."""
        seconds = self.seconds - self.round_trip
        self._reservations = [each for each in self._reservations if each.released(seconds) > now + ROUNDING]

    def _releases(self) -> Iterator[float]:
        """Return when each call will no longer count."""
        seconds = self.seconds - self.round_trip
        return (each.released(seconds) for each in self._reservations)
