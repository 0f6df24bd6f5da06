"""The audit log: who started, approved, denied, stopped and changed what, as JSON lines in a file of its own."""

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import structlog

__all__ = ["Audit", "Deed"]

LONGEST = 500
"""Characters of what was done; more says less."""

Deed = Literal["started", "approved", "denied", "answered", "stopped", "changed", "refused"]

log = structlog.stdlib.get_logger("bot")


class Audit:
    """Appends to the file at `path`; None writes nothing.

    The file is opened anew for each line, so that it may be moved away at any time: the next line begins a new one.
    """

    def __init__(self, path: Path | None = None, *, redact: Callable[[str], str] = str) -> None:
        """`redact` takes secrets out of text."""
        self._path = path
        self._redact = redact

    def open(self) -> None:
        """See to it that the file is there, for its owner only. Raises OSError."""
        if self._path is not None:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._append(self._path, b"")

    def record(self, deed: Deed, what: str, *, user_id: int | None, thread_id: int | None) -> None:
        """Write a line. `user_id` is None where the configuration decided. A disk that is full stops no turn."""
        if self._path is None:
            return
        line = {
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "deed": deed,
            "user_id": None if user_id is None else str(user_id),
            "thread_id": None if thread_id is None else str(thread_id),
            "what": self._redact(what)[:LONGEST],
        }
        try:
            self._append(self._path, json.dumps(line).encode() + b"\n")
        except OSError:
            log.exception("the audit log cannot be written", **line)

    def _append(self, path: Path, data: bytes) -> None:
        file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.write(file, data)
        finally:
            os.close(file)
