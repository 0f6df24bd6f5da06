"""When a growing reply is looked at and written. Pure: it is given the time (seconds of one clock) and what was said.

A write is due as soon as Discord takes one, so the cadence is the pacer's. What is decided here is how urgent the next
write is, how long edits of old messages wait, and how many characters are expected before the write after it: a page
without room for them ends early. To look at the pages costs something, so while a write waits they are looked at again
only when the last page may have become full.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from bot.rest.calls import Urgency
from bot.rest.rate_limits import EDIT_GAP
from bot.text.markdown import LIMIT

PLACEHOLDER_SECONDS = 0.25
"""Before a placeholder is posted or changed, which people hardly notice. A text that comes sooner takes its place, and
does not wait for the answer to a placeholder's call."""

OLD_EDIT_SECONDS = 6.0
"""Between two edits of messages older than an hour, which Discord takes more rarely."""

LOOK_AGAIN = 1000
"""Characters after which a page that is as good as full is looked at again."""


@dataclass(slots=True)
class EditCadence:
    """The cadence of one reply. `said` is always how many characters have come so far."""

    started: bool = False
    """Whether more than a placeholder has been written."""
    due: float = 0.0
    """When the write after this one is due; 0.0 where it need not wait."""
    _said_at_look: int = 0
    _room: int = 0
    """Characters for which the last page had room at the last look."""
    _said_at_write: int = 0
    _written_at: float = 0.0
    _waited_since: float = 0.0
    """Since when what the last write shows had waited."""

    def urgency(self, *, ended: bool, has_words: bool, is_posted: bool) -> Urgency:
        """Return how urgent the next write is; `is_posted` is whether there is a message already."""
        if ended:
            return Urgency.FINAL
        if self.started:
            return Urgency.EDIT
        if has_words:
            return Urgency.FIRST
        # One placeholder after another can wait; the first text behind them cannot, and would pay for them.
        return Urgency.EDIT if is_posted else Urgency.PLACEHOLDER

    def delay(self, now: float, seconds: float, *, is_old: bool) -> float:
        """Return the seconds to wait, at least `seconds`; longer where the last message `is_old`."""
        return max(seconds, self._written_at + OLD_EDIT_SECONDS - now) if is_old else seconds

    def is_look_due(self, said: int, *, waiting: bool) -> bool:
        """Whether the pages are to be looked at for the next write, which may be `waiting` already."""
        return not waiting or said - self._said_at_look > self._room

    def looked(self, said: int, pages: Sequence[str], *, waiting: bool = False) -> None:
        """Note that the pages were looked at; `waiting` as for `is_look_due`."""
        room = LIMIT - len(pages[-1]) if pages else LIMIT
        self._said_at_look, self._room = said, max(room, LOOK_AGAIN) if waiting else room

    def expected(self, said: int) -> int:
        """Return how many characters to expect until the write after this one: as many as since the last, or more."""
        return (said - self._said_at_write) * 5 // 4

    def write(self, now: float, said: int, *, waited_since: float, next_waits: bool) -> None:
        """Note that a page is written now. `next_waits`: what follows it waits as long as for an edit."""
        self._written_at, self._said_at_write, self._waited_since = now, said, waited_since
        self.due = now + EDIT_GAP if next_waits else 0.0

    def since(self, *, is_new_page: bool) -> float | None:
        """Return since when the next write waits; None: from now on.

        A page that continues a full one has waited as long as that one.
        """
        return self._waited_since if is_new_page and not self.due else None
