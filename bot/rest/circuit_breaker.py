"""The circuit breaker of all Discord calls. Pure: it is given the time.

Where calls fail that have nothing to do with each other, Discord is away, and where the edge before Discord blocks
one, it blocks all. From then on one call at a time goes out, as a probe; the others wait, for each would count
against the bot (10,000 invalid calls in 10 minutes, and its address is blocked). The first call that is answered ends
that.
"""

from typing import Final

__all__ = ["PROBE_SECONDS", "CircuitBreaker"]

FIRST_PROBE_SECONDS: Final = 1.0
PROBE_SECONDS: Final = 15.0
"""Seconds from one probe to the next, doubling from the one to the other."""

FAILURES: Final = 2
"""So many jobs must fail, with no answer to any call between them: one that fails alone has its own trouble."""


class CircuitBreaker:
    """Open while Discord is away. `source` is what a call was made for: tries of one thing count once."""

    def __init__(self) -> None:
        """Start with a Discord that is there."""
        self.reason = ""
        """Why calls wait, in a line; empty while they do not."""
        self._failed: set[object] = set()
        self._opened: float | None = None
        self._pause = FIRST_PROBE_SECONDS
        self._probe_at = 0.0
        self._probe: object = None

    def __repr__(self) -> str:
        """Read like a status line."""
        return f"<Breaker open: {self.reason}>" if self.is_open else "<Breaker closed>"

    @property
    def is_open(self) -> bool:
        """Whether calls wait."""
        return self._opened is not None

    def open_seconds(self, now: float) -> float:
        """Return for how long calls have waited."""
        return 0.0 if self._opened is None else now - self._opened

    def wait(self, now: float) -> float:
        """Return the seconds until the next probe may be made; 0 is now."""
        return 0.0 if self._opened is None else max(0.0, self._probe_at - now)

    def begin(self, source: object, now: float) -> None:
        """Take note that a probe is made. One that never ends does not hold up the next."""
        self._probe, self._probe_at = source, now + PROBE_SECONDS

    def drop(self, source: object, now: float) -> None:
        """Take note that no call was made after all: another probe may be made now."""
        if self._opened is not None and self._probe is source:
            self._probe, self._probe_at = None, now

    def admits(self, source: object) -> bool:
        """Whether a call may leave now: any while closed, and the probe's."""
        return self._opened is None or (source is not None and self._probe is source)

    def answered(self, sent: float) -> bool:
        """Take note of an answer of Discord's own to a call that was sent then. Returns whether that ends an outage."""
        if self._opened is not None and sent < self._opened:
            return False  # It was on its way before.
        ended = self._opened is not None
        self._opened, self._probe, self._pause, self.reason = None, None, FIRST_PROBE_SECONDS, ""
        self._failed.clear()
        return ended

    def failed(self, source: object, now: float, reason: str, *, blocked: bool, seconds: float = 0.0) -> bool:
        """Take note that a call came to nothing. Returns whether that begins an outage.

        `blocked`: the edge has refused it, for at least so many `seconds`.
        """
        if self._opened is not None:
            if blocked or source is self._probe:
                self.reason = reason
            if source is self._probe:
                self._pause = min(self._pause * 2, PROBE_SECONDS)
                self._probe, self._probe_at = None, now + self._pause
            self._probe_at = max(self._probe_at, now + seconds)
            return False
        self._failed.add(source)
        if not blocked and len(self._failed) < FAILURES:
            return False
        self._failed.clear()
        self._opened, self.reason = now, reason
        self._probe_at = now + max(self._pause, seconds)
        return True
