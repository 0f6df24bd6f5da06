"""The growing waits between the tries of one call. Pure."""

from typing import Final

from .errors import RestError, TryLater

__all__ = ["ATTEMPTS", "LONGEST_WAIT", "Backoff"]

ATTEMPTS: Final = 12
"""Tries for what nobody would miss, a sign or a name; with the waits between them about two minutes."""

FIRST_WAIT: Final = 0.5
LONGEST_WAIT: Final = 15.0
"""Seconds between two tries, doubling from the one to the other, where Discord does not ask for more.

While Discord is away the pacer lets one call at a time through, so many that wait make no storm.
"""


class Backoff:
    """The tries of one call after another; success renews it."""

    def __init__(self, most: int | None = None) -> None:
        """Allow `most` tries, or as many as it takes."""
        self._most = most
        self._spent = 0

    def renew(self) -> None:
        """Forget the failures: something worked, or there is a new reason to try."""
        self._spent = 0

    @property
    def exhausted(self) -> bool:
        """Whether there was the last try."""
        return self._most is not None and self._spent >= self._most

    def wait(self, error: RestError) -> float:
        """Count a failure; return the seconds to wait before the next try."""
        self._spent += 1
        asked = error.seconds if isinstance(error, TryLater) else 0.0
        return max(asked, min(FIRST_WAIT * 2.0 ** min(self._spent - 1, 10), LONGEST_WAIT))
