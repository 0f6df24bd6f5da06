"""The circuit breaker of all Discord calls. Pure: it is given the time.

Discord is away when unrelated calls fail, or when the network in front of Discord blocks one call, since it blocks all
of them. During an outage one call at a time is made, as a probe. The others wait, because each would count against the
bot: Discord blocks an address for 10,000 invalid calls in 10 minutes. The first answer ends the outage.
"""

from typing import Final

FIRST_PROBE_SECONDS: Final = 1.0
PROBE_SECONDS: Final = 15.0
"""Seconds from one probe to the next, doubling from the one to the other."""

FAILURES: Final = 2
"""Sources that must fail with no answer between them; one that fails alone has a problem of its own."""


class CircuitBreaker:
    """Open while Discord is away. Tries of one thing have the same `source`, and count once."""

    def __init__(self) -> None:
        """Start closed."""
        self.reason = ""
        """Why calls wait, in a line; empty while closed."""
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
        """Return how long calls have waited."""
        return 0.0 if self._opened is None else now - self._opened

    def wait(self, now: float) -> float:
        """Return the seconds until the next probe; 0 is now."""
        return 0.0 if self._opened is None else max(0.0, self._probe_at - now)

    def begin(self, source: object, now: float) -> None:
        """Take note that a probe is made. One that hangs does not hold up the next."""
        self._probe, self._probe_at = source, now + PROBE_SECONDS

    def drop(self, source: object, now: float) -> None:
        """Take note that a source made no call: another probe may be made now."""
        if self._opened is not None and self._probe is source:
            self._probe, self._probe_at = None, now

    def admits(self, source: object) -> bool:
        """Whether a call may leave now: every call while closed, otherwise the probe."""
        return self._opened is None or (source is not None and self._probe is source)

    def answered(self, sent: float) -> bool:
        """Take note that Discord has answered a call sent at this time. Return whether that ends an outage."""
        if self._opened is not None and sent < self._opened:
            return False  # It was sent before the outage.
        ended = self._opened is not None
        self._opened, self._probe, self._pause, self.reason = None, None, FIRST_PROBE_SECONDS, ""
        self._failed.clear()
        return ended

    def failed(self, source: object, now: float, reason: str, *, blocked: bool, seconds: float = 0.0) -> bool:
        """Take note that a call failed. Return whether that begins an outage.

        `blocked` means that the network in front of Discord refuses calls, for `seconds` at least.
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
