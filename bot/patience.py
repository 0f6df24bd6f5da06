"""How often a write is tried again, and after what wait."""

from .rest import TryLater

__all__ = ["ATTEMPTS", "Patience"]

ATTEMPTS = 12
"""Tries for one write before it is given up; with the waits between them about five minutes."""

FIRST_WAIT = 0.5
LONGEST_WAIT = 60.0
"""Seconds between two tries, doubling from the one to the other, where Discord does not ask for more."""


class Patience:
    """The tries of one write after another; success renews it."""

    def __init__(self) -> None:
        """Start with none spent."""
        self._spent = 0

    def renew(self) -> None:
        """Forget the failures: something worked, or there is a new reason to try."""
        self._spent = 0

    def wait(self, error: Exception) -> float | None:
        """Count a failure; return the seconds to wait before the next try, None when it was the last."""
        self._spent += 1
        if self._spent >= ATTEMPTS:
            return None
        asked = error.seconds if isinstance(error, TryLater) else 0.0
        return max(asked, min(FIRST_WAIT * 2.0 ** (self._spent - 1), LONGEST_WAIT))
