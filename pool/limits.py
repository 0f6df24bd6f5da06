"""The limits of a pool: running agents, waiting messages, and messages per minute."""

import asyncio
from collections import deque
from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum, auto

MINUTE = 60.0

REMEMBERED = 1000
"""With more people than this, those without a message in the last minute are forgotten."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The configured limits. `max_memory` (of all agents) and `max_memory_per_agent` are in bytes, 0 for none.

    `exclusive`: one thread at a time in a directory.
    """

    max_agents: int
    idle_seconds: float
    max_memory: int
    max_memory_per_agent: int
    per_user: int
    per_thread: int
    per_minute: int
    exclusive: bool


class Bound(Enum):
    """Why a message is not accepted now."""

    THREAD = auto()
    """Too many messages wait in this thread."""

    USER = auto()
    """Its author has messages in too many threads."""

    MINUTE = auto()
    """Its author has sent too many messages in the last minute."""


class ThreadsOfPeople:
    """The awake threads in which each person has written, so that none is looked for among those of all people."""

    def __init__(self) -> None:
        """Begin without any."""
        self._threads: dict[int, set[int]] = {}
        self._people: dict[int, set[int]] = {}

    def get(self, author_id: int) -> Collection[int]:
        """Return the threads in which a person has written since they woke."""
        return self._threads.get(author_id, ())

    def add(self, author_id: int, thread_id: int) -> None:
        """Note that a person has written in a thread."""
        self._threads.setdefault(author_id, set()).add(thread_id)
        self._people.setdefault(thread_id, set()).add(author_id)

    def remove(self, thread_id: int) -> None:
        """Forget a thread that sleeps."""
        for author_id in self._people.pop(thread_id, ()):
            threads = self._threads[author_id]
            threads.discard(thread_id)
            if not threads:
                del self._threads[author_id]


class Pace:
    """Counts each person's accepted messages of the last minute."""

    def __init__(self, per_minute: int) -> None:
        """Accept `per_minute` messages of a person in any minute."""
        self._per_minute = per_minute
        self._recent: dict[int, deque[float]] = {}

    def __len__(self) -> int:
        """Return how many people are remembered."""
        return len(self._recent)

    def is_too_fast(self, author_id: int) -> bool:
        """Whether one more message of this person would be too many now."""
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
