"""Logs what an agent sends against the protocol, in bounded length and number."""

from collections import Counter
from typing import Literal

import structlog

from acp.excerpt import excerpt

LOGGED = 20
"""Log lines of one kind for each connection. Further ones are only counted."""

WIDTH = 200
"""Characters of each value that a log line shows."""

Level = Literal["debug", "info", "warning"]

log = structlog.stdlib.get_logger("acp")


class ViolationLog:
    """The violations of one connection."""

    def __init__(self) -> None:
        """Start without a violation."""
        self._counts: Counter[tuple[Level, str]] = Counter()

    def note(self, level: Level, event: str, **details: object) -> None:
        """Log a violation, or count it. A warning may need a person's attention."""
        self._counts[level, event] += 1
        if self._counts[level, event] <= LOGGED:
            getattr(log, level)(event, **{name: excerpt(each, WIDTH) for name, each in details.items()})

    def end(self) -> None:
        """Log how many were only counted."""
        for (level, event), count in self._counts.items():
            if count > LOGGED:
                getattr(log, level)("further lines of the log were left out", kind=event, count=count - LOGGED)
        self._counts.clear()
