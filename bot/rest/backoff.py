"""Retries a call after growing waits: the one way for all of them."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from .errors import RestError, TryLater
from .pacer import Bucket, Pacer, Urgency

__all__ = ["ATTEMPTS", "LONGEST_WAIT", "Backoff", "persist"]

ATTEMPTS: Final = 12
"""Tries for what nobody would miss, a sign or a name; with the waits between them about two minutes."""

FIRST_WAIT: Final = 0.5
LONGEST_WAIT: Final = 15.0
"""Seconds between two tries, doubling from the one to the other, where Discord does not ask for more.

While Discord is away the pacer lets one call at a time through, so many that wait make no storm.
"""

T = TypeVar("T")


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


async def persist(
    call: Callable[[], Awaitable[T]],
    *,
    pacer: Pacer,
    urgency: Urgency,
    channel_id: int | None = None,
    bucket: Bucket = Bucket.MESSAGE,
    patience: Backoff,
    on_failure: Callable[[TryLater, float], None] = lambda _error, _wait: None,
) -> T:
    """Make a call when its turn has come, and again as long as it is to be tried later; return what it returns.

    `on_failure` learns why a try failed and how long the next one waits, and may raise. Raises `TryLater` after the
    last try that `patience` allows, and any other `RestError` at once.
    """
    while True:
        await pacer.admit(channel_id, urgency, bucket, cause=patience)
        try:
            return await call()
        except TryLater as error:
            wait = patience.wait(error)
            if patience.exhausted:
                raise
            on_failure(error, wait)
            await asyncio.sleep(wait)
