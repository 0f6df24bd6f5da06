"""Keeps updates of unknown sessions: some agents send them before they answer session/new."""

from collections import defaultdict, deque
from typing import Any

EARLY_SESSIONS = 16
EARLY_UPDATES = 256
EARLY_BYTES = 1024 * 1024
"""Most sessions, updates of each, and bytes of all together that are kept."""

CLOSED_SESSIONS = 16
"""Sessions to remember whose updates are dropped, the last ones closed: an agent may report on one a little longer."""


class EarlyUpdates:
    """The updates that wait for their session, with the size of each line. Updates over the bounds are dropped."""

    def __init__(self) -> None:
        """Start with no update."""
        self._waiting: defaultdict[str, list[tuple[dict[str, Any], int]]] = defaultdict(list)
        self._bytes = 0
        self._refused: deque[str] = deque(maxlen=CLOSED_SESSIONS)

    def refuse(self, session_id: str) -> None:
        """Drop the updates of a session that is closed: they would take the room of others."""
        self._refused.append(session_id)

    def keep(self, session_id: str, update: dict[str, Any], size: int) -> None:
        """Keep an update until `take`."""
        if session_id in self._refused:
            return
        if session_id in self._waiting or len(self._waiting) < EARLY_SESSIONS:
            waiting = self._waiting[session_id]
            if len(waiting) < EARLY_UPDATES and self._bytes < EARLY_BYTES:
                waiting.append((update, size))
                self._bytes += size

    def take(self, session_id: str) -> list[tuple[dict[str, Any], int]]:
        """Remove and return the updates of a session, oldest first."""
        early = self._waiting.pop(session_id, [])
        self._bytes -= sum(size for _, size in early)
        return early
