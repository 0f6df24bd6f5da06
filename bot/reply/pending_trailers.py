"""The messages behind a reply's pages that are still to be sent, and what replaces those that Discord refuses. Pure."""

from collections.abc import Mapping

from bot.rest.backoff import ATTEMPTS
from bot.rest.errors import TryLater
from bot.text.markdown import escape
from bot.user_messages.files import not_read
from pool.journal.trailers import Trailer

from .refused_content import in_place_of


class PendingTrailers:
    """The trailers by their numbers, sent in the order in which they were put."""

    def __init__(self, trailers: Mapping[int, Trailer] | None = None) -> None:
        """Start with these."""
        self._trailers = dict(trailers or {})
        self._replaced: set[int] = set()
        """The numbers of lines that replace files: the files are missing then."""
        self._slow = self._taken = 0
        """How often Discord did not get the next files while it took other messages, and how many it had then taken."""

    def __bool__(self) -> bool:
        """Whether one is left."""
        return bool(self._trailers)

    @property
    def bring_files(self) -> bool:
        """Whether files are left to send, or lines about files that were refused."""
        return any(each.files or number in self._replaced for number, each in self._trailers.items())

    def put(self, number: int, trailer: Trailer) -> None:
        """Add one."""
        self._trailers[number] = trailer

    def first(self) -> tuple[int, Trailer]:
        """Return the next one to send, with its number."""
        return next(iter(self._trailers.items()))

    def sent(self, number: int) -> None:
        """Remove one that was sent."""
        del self._trailers[number]
        self._slow = 0

    def replace_first(self, error: Exception, taken: int) -> bool:
        """Replace the first one, which `error` kept from being sent, by a line about it; return whether that is done.

        `taken` is how many messages Discord has taken in all: while it takes none, an outage only puts the files off.
        """
        number, trailer = self.first()
        instead = in_place_of(trailer, escape(not_read(error)))
        if instead is None or (isinstance(error, TryLater) and not self._is_too_slow(trailer, taken)):
            return False
        self._trailers[number] = instead
        if trailer.files:
            self._replaced.add(number)
        self._slow = 0
        return True

    def _is_too_slow(self, trailer: Trailer, taken: int) -> bool:
        """Count a failed try; return whether the connection to Discord is too slow for these files."""
        if trailer.files and taken > self._taken:
            self._slow += 1
        self._taken = taken
        return self._slow >= ATTEMPTS
