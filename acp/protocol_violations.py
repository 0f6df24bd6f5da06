"""Logs what an agent sends against the protocol, in bounded length and number."""

from collections import Counter
from typing import Literal

import structlog

from acp.excerpt import excerpt

__all__ = ["LOGGED", "WIDTH", "Oddities"]

LOGGED = 20
"""Lines of one kind that a connection may bring into the log. Its further ones are only counted."""

WIDTH = 200
"""Characters of an agent's own that a line of the log shows of each thing."""

Level = Literal["debug", "info", "warning"]

log = structlog.stdlib.get_logger("acp")


class Oddities:
    """The oddities of one connection."""

    def __init__(self) -> None:
        """Start with none."""
        self._counts: Counter[tuple[Level, str]] = Counter()

    def note(self, level: Level, event: str, **details: object) -> None:
        """Log one, or count it. A warning is what may need a person's attention."""
        self._counts[level, event] += 1
        if self._counts[level, event] <= LOGGED:
            getattr(log, level)(event, **{name: excerpt(each, WIDTH) for name, each in details.items()})

    def end(self) -> None:
        """Say how many were only counted."""
        for (level, event), count in self._counts.items():
            if count > LOGGED:
                getattr(log, level)("further lines of the log were left out", kind=event, count=count - LOGGED)
        self._counts.clear()
