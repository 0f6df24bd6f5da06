"""Captures what the ACP client logs about an agent, for a command to show."""

import logging
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from acp.dispatch import LOGGED_OUT

_OF_THE_LOG = {"event", "level", "logger", "timestamp"}
"""Fields of a log line that are not about the event."""

_STDERR = "agent stderr"
"""The event whose `line` is a line of the agent's stderr."""

_NO_FAULT = {_STDERR, LOGGED_OUT, "agent is not given everything"}
"""Events that are no faults: an agent may write to its stderr, be logged out, and lack a feature."""


@contextmanager
def capture_log(handler: logging.Handler) -> Iterator[None]:
    """Send what the client logs, at the handler's level and above, to `handler` instead of the log."""
    logger = logging.getLogger("acp")
    before = logger.level, logger.propagate
    logger.addHandler(handler)
    logger.setLevel(handler.level)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before[0])
        logger.propagate = before[1]


class StderrTap(logging.Handler):
    """Passes on each line of an agent's stderr, such as the address of a page to visit."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        super().__init__(logging.DEBUG)
        self._tell = tell

    def emit(self, record: logging.LogRecord) -> None:
        """Pass the line on."""
        match record.msg:
            case {"event": str(event), "line": str(line)} if event == _STDERR:
                self._tell(line)


class LogRecorder(logging.Handler):
    """Records what the client logs about an agent at level info and above: almost all of it is a fault of the agent."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self._counts: Counter[str] = Counter()
        self._details: dict[str, str] = {}
        self.muted = False
        """Whether events are ignored now."""

    def emit(self, record: logging.LogRecord) -> None:
        """Count an event, and keep the details of its first occurrence."""
        match record.msg:
            case {"event": str(event), **more} if event not in _NO_FAULT and not self.muted:
                details = [f"{name} {value}" for name, value in more.items() if name not in _OF_THE_LOG]
                self._counts[event] += 1
                self._details.setdefault(event, ", ".join(details))

    def events(self) -> Iterator[str]:
        """Return each kind of event once, with its count."""
        for event, count in self._counts.items():
            times = f", {count} times; the first" if count > 1 else ""
            yield f"{event}{times} ({self._details[event]})" if self._details[event] else f"{event}{times}"
