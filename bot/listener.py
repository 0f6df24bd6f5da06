"""What the ACP client logs of an agent, kept: the client notices what an agent gets wrong, and says it there."""

import logging
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self

__all__ = ["Listener"]

_OF_THE_LOG = {"event", "level", "logger", "timestamp"}
"""Members of a log line that are not about the event."""


class Listener(logging.Handler):
    """Keeps what the client logs of an agent at level info and above: all of it is something the agent got wrong."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self._counts: Counter[str] = Counter()
        self._details: dict[str, str] = {}
        self.deaf = False
        """Whether what is logged now is passed over."""

    @contextmanager
    def attached(self) -> Iterator[Self]:
        """Listen, and keep it from the log meanwhile."""
        logger = logging.getLogger("acp")
        before = logger.level, logger.propagate
        logger.addHandler(self)
        logger.setLevel(logging.INFO)
        logger.propagate = False
        try:
            yield self
        finally:
            logger.removeHandler(self)
            logger.level, logger.propagate = before

    def emit(self, record: logging.LogRecord) -> None:
        """Count an event; the details of its first occurrence are kept."""
        match record.msg:
            case {"event": str(event), **more} if not self.deaf:
                details = [f"{name} {value}" for name, value in more.items() if name not in _OF_THE_LOG]
                self._counts[event] += 1
                self._details.setdefault(event, ", ".join(details))

    def heard(self) -> Iterator[str]:
        """Return each kind of event once, with how often it happened."""
        for event, count in self._counts.items():
            times = f", {count} times; the first" if count > 1 else ""
            yield f"{event}{times} ({self._details[event]})" if self._details[event] else f"{event}{times}"
