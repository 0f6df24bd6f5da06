"""The watchdog of a turn: how long it is silent, and how long it lasts. Pure: it is given the time.

Time with an open question is the person's: it counts neither as silence nor towards the ceiling. A running tool counts
as activity, for a longer bound.
"""

from dataclasses import dataclass
from enum import Enum, auto

from acp import Elicitation, Event, Question, Withdrawn
from acp.schema import ToolCall, ToolCallUpdate

__all__ = ["MOST_TOOLS", "TurnLimits", "Watchdog", "WatchdogAlert"]

TOOL_SECONDS = 600.0
"""Silence that is normal while a tool runs: a test suite, a build."""

LONG_SECONDS = 1800.0
"""A turn that goes on for so long is worth a word."""

MOST_TOOLS = 1000
"""Running tools that are told apart. While so many run, one more changes nothing."""

_RUNNING = {"pending", "in_progress"}


class WatchdogAlert(Enum):
    """What a turn's length calls for."""

    SILENT = auto()
    """The agent has been silent for a while: the thread is told, with a way to stop."""

    LONG = auto()
    """It has gone on for long: the thread is asked whether to go on."""

    CEILING = auto()
    """It must end now."""


@dataclass(frozen=True, slots=True)
class TurnLimits:
    """Seconds after which something is due.

    `question` is how long a question may stay open, `reminder` when people are reminded of it; 0: never.
    """

    silence: float = 120.0
    ceiling: float = 120 * 60.0
    question: float = 4 * 3600.0
    reminder: float = 2 * 3600.0


class Watchdog:
    """The clock of one turn."""

    def __init__(self, bounds: TurnLimits, now: float) -> None:
        """Start it."""
        self._bounds = bounds
        self._started = self._active = now
        self._asked: float | None = None
        self._tools: set[str] = set()
        self._told_silent = self._told_long = False

    def event(self, event: Event, now: float) -> None:
        """Take note of an event of the turn."""
        match event:
            case Question() | Elicitation() | Withdrawn():
                pass  # The turn knows which questions are open; see `questions`.
            case ToolCall(tool_call_id=tool_call_id, status=None):
                self._run(tool_call_id)
            case ToolCallUpdate(status=None):
                pass  # Unchanged; it may have ended before.
            case ToolCallUpdate(tool_call_id=tool_call_id, status=status) if status in _RUNNING:
                self._run(tool_call_id)
            case ToolCallUpdate(tool_call_id=tool_call_id):
                self._tools.discard(tool_call_id)
        self._active = now
        self._told_silent = False

    def _run(self, tool_call_id: str) -> None:
        if len(self._tools) < MOST_TOOLS:
            self._tools.add(tool_call_id)

    def questions(self, *, waiting: bool, now: float) -> None:
        """Take note of whether a question is open. The time it was is taken out of the reckoning."""
        if waiting and self._asked is None:
            self._asked = now
        elif not waiting and self._asked is not None:
            self._started += now - self._asked
            self._active = now
            self._asked = None

    def due(self, now: float) -> WatchdogAlert | None:
        """Return what is due, each thing once; silence again after each sign of life."""
        if self._asked is not None:
            return None
        if now - self._started >= self._bounds.ceiling:
            return WatchdogAlert.CEILING
        if not self._told_long and now - self._started >= LONG_SECONDS:
            self._told_long = True
            return WatchdogAlert.LONG
        silence = max(self._bounds.silence, TOOL_SECONDS) if self._tools else self._bounds.silence
        if not self._told_silent and now - self._active >= silence:
            self._told_silent = True
            return WatchdogAlert.SILENT
        return None

    def silent_for(self, now: float) -> float:
        """Seconds since the last sign of life."""
        return now - self._active
