"""The watchdog of a turn: how long the agent is silent, and how long the turn lasts. Pure: callers pass the time.

Time with an open question counts neither as silence nor towards the ceiling. While a tool runs, the agent may be
silent for longer.
"""

from dataclasses import dataclass
from enum import Enum, auto

from acp import Elicitation, Event, Question, SubagentToolCall, Withdrawn
from acp.schema import ToolCall, ToolCallUpdate

TOOL_SECONDS = 600.0
"""Silence that is normal while a tool runs: a test suite, a build."""

LONG_SECONDS = 1800.0
"""After this long, the thread is asked whether the turn should continue."""

MOST_TOOLS = 1000
"""How many running tools are remembered; further ones are ignored."""

_RUNNING = {"pending", "in_progress"}


class WatchdogAlert(Enum):
    """What is due for a turn."""

    SILENT = auto()
    """The agent has been silent for long: the thread learns it, and can stop the turn."""

    LONG = auto()
    """The turn is long: the thread is asked whether it should continue."""

    CEILING = auto()
    """The turn must end."""


@dataclass(frozen=True, slots=True)
class TurnLimits:
    """When an alert is due, in seconds.

    `question` is how long a question may stay open, `reminder` when people are reminded of it; 0 means never.
    """

    silence: float = 120.0
    ceiling: float = 120 * 60.0
    question: float = 4 * 3600.0
    reminder: float = 2 * 3600.0


class Watchdog:
    """The deadlines of one turn."""

    def __init__(self, bounds: TurnLimits, now: float) -> None:
        """Start at the time `now`, in seconds."""
        self._bounds = bounds
        self._started = self._active = now
        self._asked: float | None = None
        self._tools: set[tuple[str, str]] = set()
        self._told_silent = self._told_long = False

    def event(self, event: Event, now: float) -> None:
        """Note an event of the turn."""
        match event:
            case Question() | Elicitation() | Withdrawn():
                pass  # `questions` notes which are open.
            case ToolCallUpdate():
                self._tool("", event)
            case SubagentToolCall(subagent, update):
                self._tool(subagent.session_id, update)
        self._active = now
        self._told_silent = False

    def _tool(self, subagent_id: str, update: ToolCallUpdate) -> None:
        """Note whether a tool runs. An update without a status leaves it as it is: the tool may have ended before."""
        tool, begins = (subagent_id, update.tool_call_id), update.status is None and isinstance(update, ToolCall)
        if begins or update.status in _RUNNING:
            if len(self._tools) < MOST_TOOLS:
                self._tools.add(tool)
        elif update.status is not None:
            self._tools.discard(tool)

    def questions(self, *, waiting: bool, now: float) -> None:
        """Note whether a question is open. The time it was open is not counted."""
        if waiting and self._asked is None:
            self._asked = now
        elif not waiting and self._asked is not None:
            self._started += now - self._asked
            self._active = now
            self._asked = None

    def due(self, now: float) -> WatchdogAlert | None:
        """Return the next alert. Each comes once, but `SILENT` again after each event."""
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
        """Return the seconds since the last event."""
        return now - self._active
