"""The staleness bound: when an ideal writer, under Discord's limits, would show each token of many turns. Pure.

The ideal writer knows at once what has been written, loses no time between two calls, and makes only calls that show
text: no reaction, no typing, no placeholder. It obeys the same limits as the bot:

- `TOTAL_CALLS` in any second. A bot cannot see where Discord's seconds begin, so every second counts, not only those.
- In each thread `DEFAULT_LIMITS` for sends and for edits, which Discord counts apart. Of the edits one is kept for the
  turn's final text, so a growing text is edited once in `EDIT_GAP`.
- One write in flight per thread: the next one leaves after the answer.
- Each turn costs its first write and its final write: the turn ends with its last token, and the write that shows it is
  the final one. Only a turn that has ended before its first write needs no other.
- A message has `LIMIT` characters. A text without room on the open page begins the next one, in one call: what Discord
  shows already stays as it is. A longer text costs a call for each page.

The order is the bot's: first texts, final texts, then the oldest unseen token. Each call shows all that its thread has,
and no call that a limit allows is left out while a text waits that may be written.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Final

from bot.rest.calls import Bucket
from bot.rest.rate_limits import DEFAULT_LIMITS, EDIT_GAP, TOTAL_CALLS, TOTAL_SECONDS
from bot.text.markdown import LIMIT

_FIRST, _FINAL, _GROWING = range(3)

_ROUNDING: Final = 1e-9


@dataclass(eq=False, slots=True)
class _Turn:
    """One turn in a thread of its own, and what is shown of it. Times are in seconds."""

    written: Sequence[float]
    shown: int = 0
    """How many tokens are visible."""
    ready: int = 0
    """How many tokens are written."""
    on_page: int = 0
    """How many of the visible tokens are on the open page."""
    sends: list[float] = field(default_factory=list)
    edits: list[float] = field(default_factory=list)
    answered: float = -inf
    finished: bool = False
    seen: list[float] = field(default_factory=list)

    def advance(self, now: float) -> None:
        """Count what has been written by now."""
        while self.ready < len(self.written) and self.written[self.ready] <= now + _ROUNDING:
            self.ready += 1

    @property
    def has_ended(self) -> bool:
        return self.ready == len(self.written)

    @property
    def rank(self) -> tuple[int, float]:
        """The order among the turns: the smallest is written first."""
        oldest = self.written[min(self.shown, len(self.written) - 1)]
        return (_FIRST if not self.sends else _FINAL if self.has_ended else _GROWING), oldest

    def next_look(self, page: int) -> float:
        """Return the earliest time of the next write, if no call of another thread counts; infinity for never."""
        if self.finished:
            return inf
        if self.shown == self.ready and not self.has_ended:
            return self.written[self.ready]
        if self._needs_page(page):
            return max(self.answered, _free(self.sends, *DEFAULT_LIMITS[Bucket.MESSAGE]))
        most, seconds = DEFAULT_LIMITS[Bucket.EDIT]
        if self.has_ended:
            return max(self.answered, _free(self.edits, most, seconds))
        paced = self.edits[-1] + EDIT_GAP if self.edits else -inf
        return max(self.answered, paced, _free(self.edits, most - 1, seconds))

    def _needs_page(self, page: int) -> bool:
        return not self.sends or self.on_page + self.ready - self.shown > page

    def write(self, now: float, page: int, one_way: float, round_trip: float) -> None:
        """Show what is written: on the open page, or on the next one as much as that takes."""
        if self._needs_page(page):
            self.sends.append(now)
            self.on_page = 0
        else:
            self.edits.append(now)
        more = min(self.ready - self.shown, page - self.on_page)
        self.seen += [now + one_way] * more
        self.shown += more
        self.on_page += more
        self.answered = now + round_trip
        self.finished = self.shown == len(self.written)


def ideal_staleness(
    turns: Sequence[Sequence[float]], *, token_characters: int, one_way: float, round_trip: float
) -> list[list[float]]:
    """Return the delay of each token from its writing until it is visible, for each turn, in seconds.

    `turns` has the times at which each turn's tokens are written; a turn ends with its last one. A call takes effect
    `one_way` seconds after it was made, and is answered `round_trip` seconds after.
    """
    states, page = [_Turn(written) for written in turns if written], LIMIT // token_characters
    made: list[float] = []
    now = min((state.written[0] for state in states), default=0.0)
    while now < inf:
        for state in states:
            state.advance(now)
        total = _free(made, TOTAL_CALLS, TOTAL_SECONDS)
        due = [state for state in states if state.next_look(page) <= now + _ROUNDING]
        if due and total <= now + _ROUNDING:
            made.append(now)
            min(due, key=lambda state: state.rank).write(now, page, one_way, round_trip)
        else:
            now = total if due else min(_coming(states, page))
    return [[seen - written for seen, written in zip(state.seen, state.written, strict=True)] for state in states]


def _coming(states: Sequence[_Turn], page: int) -> Iterator[float]:
    """Yield when each turn may be written next: when its edit is due, or earlier when its page is full or it ends."""
    yield inf
    for state in states:
        yield state.next_look(page)
        if not state.finished and not state.has_ended:
            full = state.shown + page - state.on_page if state.sends else state.shown
            yield max(state.answered, state.written[max(state.ready, min(full, len(state.written) - 1))])


def _free(times: Sequence[float], most: int, seconds: float) -> float:
    """Return when another call is within the limit, after calls at these times."""
    return -inf if len(times) < most else times[-most] + seconds
