"""The limits of a pool: running agents, waiting messages, and messages per minute."""

import asyncio
from collections import deque
from dataclasses import dataclass
from enum import Enum, auto

__all__ = ["Bound", "Limits", "Pace"]

MINUTE = 60.0

REMEMBERED = 1000
"""People whose last minute is remembered, before the quiet ones are forgotten."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of everything. `max_memory` is in bytes, 0 for no bound; `exclusive`: one thread in a directory."""

    max_agents: int
    idle_seconds: float
    max_memory: int
    per_user: int
    per_thread: int
    per_minute: int
    exclusive: bool


class Bound(Enum):
    """Why a message is not accepted now."""

    THREAD = auto()
    """Too many wait in this thread."""

    USER = auto()
    """Its author has something to do in too many threads."""

    MINUTE = auto()
    """Its author writes too fast."""


class Pace:
    """How fast people write: what was accepted of each in the last minute."""

    def __init__(self, per_minute: int) -> None:
        """So many of a person's are accepted in any minute."""
        self._per_minute = per_minute
        self._recent: dict[int, deque[float]] = {}

    def __len__(self) -> int:
        """How many people are remembered."""
        return len(self._recent)

    def is_too_fast(self, author_id: int) -> bool:
        """Whether one more of this person's would be too much now."""
        recent = self._recent.get(author_id)
        return recent is not None and len(recent) == self._per_minute and _now() - recent[0] < MINUTE

    def accepted(self, author_id: int) -> None:
        """Count a message."""
        recent = self._recent.setdefault(author_id, deque(maxlen=self._per_minute))
        recent.append(_now())
        if len(self._recent) > REMEMBERED:
            self._recent = {each: times for each, times in self._recent.items() if _now() - times[-1] < MINUTE}


def _now() -> float:
    return asyncio.get_running_loop().time()
