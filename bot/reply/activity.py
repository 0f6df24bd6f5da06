"""Shows the agent's activity as a reaction: it thinks, reads, runs a command, or is silent."""

import asyncio
from collections.abc import Callable
from typing import Final

from acp import Event, Text, Thought
from acp.schema import ToolCallUpdate

SETTLE_SECONDS: Final = 3.0
"""Seconds from a change to its reaction. Of the changes in between the last one shows, however fast they come."""

SILENT: Final = "💤"
"""The agent has been silent for long."""

_THINKING, _WRITING, _OTHER = "🤔", "✍️", "🔧"
_KINDS: Final = {
    "read": "📖", "edit": "✏️", "delete": "🗑️", "move": "📦", "search": "🔍", "execute": "💻", "think": _THINKING,
    "fetch": "🌐",
}  # fmt: skip

EMOJI: Final = tuple(dict.fromkeys([SILENT, _THINKING, _WRITING, _OTHER, *_KINDS.values()]))
"""Every reaction that may show."""


class Activity:
    """Takes the events of one turn, and calls `show` with the reaction for the latest."""

    def __init__(self, show: Callable[[str], None]) -> None:
        """Start with no reaction."""
        self._show = show
        self._wanted = ""
        self._shown = ""
        self._timer: asyncio.TimerHandle | None = None

    def event(self, event: Event) -> None:
        """Take an event."""
        match event:
            case Thought():
                self.note(_THINKING)
            case Text():
                self.note(_WRITING)
            case ToolCallUpdate(status="completed" | "failed"):
                pass
            case ToolCallUpdate(kind=kind):
                self.note(_KINDS.get(kind or "", _OTHER))

    def note(self, emoji: str) -> None:
        """Show this unless another one follows soon. A running timer is kept: a busy agent has a reaction too."""
        self._wanted = emoji
        if self._timer is None and emoji != self._shown:
            self._timer = asyncio.get_running_loop().call_later(SETTLE_SECONDS, self._settle)

    def stop(self) -> None:
        """Stop calling `show`."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _settle(self) -> None:
        self._timer = None
        if self._wanted != self._shown:
            self._shown = self._wanted
            self._show(self._shown)
