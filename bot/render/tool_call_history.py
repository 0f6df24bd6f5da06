"""The tool calls of one turn: the latest in full, the earlier ones as counts for the receipt. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from acp import Subagent
from acp.schema import ToolCallUpdate

from .tool_calls import Call

MOST: Final = 1000
"""Calls that are remembered by their ids; an id that comes again after so many others is a new call."""

MOST_WEIGHT: Final = 8 * 1024 * 1024
"""About how many bytes the calls that have not ended may hold together."""

FEW_LINES: Final = 20
"""Changed lines up to which a reply that shows them all has no patch attached."""

MOST_PATHS: Final = 10_000
"""Changed files that are counted."""


@dataclass(slots=True)
class Tally:
    """The sums of tool calls."""

    tools: int = 0
    failed: int = 0
    added: int = 0
    removed: int = 0
    paths: set[int] = field(default_factory=set)
    """The files that were changed, each as a hash."""

    def add(self, call: Call) -> None:
        """Count a call."""
        self.tools += call.is_known
        self.failed += call.update.status == "failed"
        self.added += sum(change.added for change in call.changes)
        self.removed += sum(change.removed for change in call.changes)
        if len(self.paths) < MOST_PATHS:
            self.paths |= set(map(hash, call.paths))


class ToolCallHistory:
    """Tool calls by their ids."""

    def __init__(self) -> None:
        """Start empty."""
        self._calls: dict[str, Call] = {}
        self._forgotten = Tally()
        self._weights: dict[str, int] = {}
        """What the calls that have not ended hold, by their ids, oldest first."""
        self._weight = 0
        """The sum of `_weights`."""

    def __iter__(self) -> Iterator[Call]:
        """Iterate over the calls that are remembered, oldest first."""
        return iter(self._calls.values())

    def of(self, call_id: str, subagent: Subagent | None = None) -> Call:
        """Return the call with an id among those of the agent or of a subagent, a new one where none is remembered."""
        key = call_id if subagent is None else f"{subagent.session_id}\0{call_id}"
        call = self._calls.get(key)
        if call is None:
            if len(self._calls) == MOST:
                self._forget()
            call = self._calls[key] = Call(ToolCallUpdate(tool_call_id=call_id), key=key)
        return call

    def _forget(self) -> None:
        """Count and drop the oldest call that has ended, else the oldest."""
        ended = (call_id for call_id, call in self._calls.items() if call.ended)
        call_id = next(ended, next(iter(self._calls)))
        call = self._calls.pop(call_id)
        self._weigh(call_id, 0)
        call.over = True
        self._forgotten.add(call)
        if not call.ended:
            call.lighten()  # A run may keep it.

    def lighten(self, latest: Call) -> None:
        """Drop what the oldest calls hold where all hold too much; the `latest` keeps what it holds."""
        self._weigh(latest.key, latest.weight)
        while self._weight > MOST_WEIGHT:
            oldest = next((each for each in self._weights if each != latest.key), None)
            if oldest is None:
                break
            self._calls[oldest].lighten()
            self._weigh(oldest, 0)

    def _weigh(self, call_id: str, weight: int) -> None:
        self._weight += weight - self._weights.pop(call_id, 0)
        if weight:
            self._weights[call_id] = weight

    def shows_changes(self) -> bool:
        """Whether the calls' lines, as they were rendered last, show all changes, and these are few."""
        tally = self.tally()
        few = tally.added + tally.removed <= FEW_LINES and not self._forgotten.paths
        return few and all(call.shows_all for call in self if call.changes)

    def tally(self) -> Tally:
        """Return the sums of all calls."""
        found = Tally()
        past = self._forgotten
        found.tools, found.failed, found.added, found.removed = past.tools, past.failed, past.added, past.removed
        found.paths |= past.paths
        for call in self:
            found.add(call)
        return found
