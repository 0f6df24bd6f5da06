"""Keeps updates of unknown sessions: some agents send them before they answer session/new."""

from collections import defaultdict
from typing import Any

__all__ = ["EARLY_BYTES", "EARLY_SESSIONS", "EARLY_UPDATES", "EarlyUpdates"]

EARLY_SESSIONS = 16
EARLY_UPDATES = 256
EARLY_BYTES = 1024 * 1024
"""What is kept: so many sessions, so many updates of each, and so many bytes of all together."""


class EarlyUpdates:
    """The updates that wait for their session, and the size of each one's line. What is over the bounds is dropped."""

    def __init__(self) -> None:
        """Start with no update."""
        self._waiting: defaultdict[str, list[tuple[dict[str, Any], int]]] = defaultdict(list)
        self._bytes = 0

    def __len__(self) -> int:
        """The sessions that something waits for."""
        return len(self._waiting)

    def keep(self, session_id: str, update: dict[str, Any], size: int) -> None:
        """Let an update wait."""
        if session_id in self._waiting or len(self._waiting) < EARLY_SESSIONS:
            waiting = self._waiting[session_id]
            if len(waiting) < EARLY_UPDATES and self._bytes < EARLY_BYTES:
                waiting.append((update, size))
                self._bytes += size

    def take(self, session_id: str) -> list[tuple[dict[str, Any], int]]:
        """Return what waits for a session, oldest first, and make room for others."""
        early = self._waiting.pop(session_id, [])
        self._bytes -= sum(size for _, size in early)
        return early
