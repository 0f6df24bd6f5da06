"""The waits between the tries of one call, which grow. Pure."""

from typing import Final

from .errors import RestError, TryLater

ATTEMPTS: Final = 12
"""Tries of a call that is not worth more, such as a reaction or a name; the waits between them sum to two minutes."""

FIRST_WAIT: Final = 0.5
LONGEST_WAIT: Final = 15.0
"""Seconds before the next try, doubling from the first value to the second, unless Discord asks for more.

During an outage the circuit breaker lets one call at a time through, so many that wait cause no storm.
"""


class Backoff:
    """The failures of one call since its last success."""

    def __init__(self, attempts: int | None = None) -> None:
        """Allow this number of tries in a row, or any number."""
        self._attempts = attempts
        self._failures = 0

    def reset(self) -> None:
        """Forget the failures: a try succeeded, or there is a new reason to try."""
        self._failures = 0

    @property
    def exhausted(self) -> bool:
        """Whether the last allowed try has failed."""
        return self._attempts is not None and self._failures >= self._attempts

    def wait(self, error: RestError) -> float:
        """Count a failure; return the seconds to wait before the next try."""
        self._failures += 1
        asked = error.seconds if isinstance(error, TryLater) else 0.0
        return max(asked, min(FIRST_WAIT * 2.0 ** min(self._failures - 1, 10), LONGEST_WAIT))
