"""The audit log: who started, approved, denied, stopped and changed what, as JSON lines in a file of its own."""

import asyncio
import json
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import structlog

__all__ = ["Audit", "AuditAction"]

LONGEST = 500
"""Characters of what was done; more says less."""

MINUTE = 60.0
PER_MINUTE = 60
"""Lines of one action of one person in one thread in so many seconds; an agent that floods makes more, and they are
counted."""

AuditAction = Literal["started", "approved", "denied", "answered", "stopped", "changed", "refused"]
Key = tuple[AuditAction, int | None, int | None]
"""A action, who did it, and in which thread."""

log = structlog.stdlib.get_logger("bot")


class Audit:
    """Appends to the file at `path`; None writes nothing.

    The file is opened again for each line, so that it may be moved away at any time: the next line begins a new one.
    """

    def __init__(self, path: Path | None = None, *, redact: Callable[[str], str] = str) -> None:
        """`redact` takes secrets out of text."""
        self._path = path
        self._redact = redact
        self._minutes: dict[Key, int] = {}
        """How many there were in the minute that began with the first of them."""

    def open(self) -> None:
        """See to it that the file is there, for its owner only. Raises OSError."""
        if self._path is not None:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._append(self._path, b"")

    def record(self, action: AuditAction, what: str, *, user_id: int | None, thread_id: int | None) -> None:
        """Write a line, unless there are too many. `user_id` is None where the configuration decided.

        A disk that is full stops no turn. Needs a running loop, for what is left out is counted after a minute.
        """
        if self._path is None:
            return
        key = (action, user_id, thread_id)
        count = self._minutes[key] = self._minutes.get(key, 0) + 1
        if count == 1:
            asyncio.get_running_loop().call_later(MINUTE, self._count, key)
        if count <= PER_MINUTE:
            self._write(self._path, action, what, user_id, thread_id)

    def close(self) -> None:
        """Say what was left out in the minutes that still run."""
        for key in [*self._minutes]:
            self._count(key)

    def _count(self, key: Key) -> None:
        left_out = self._minutes.pop(key, 0) - PER_MINUTE
        if left_out > 0 and self._path is not None:
            action, *whose = key
            self._write(self._path, "omitted", f"{left_out} more lines of one minute: {action}", *whose)

    def _write(self, path: Path, action: str, what: str, user_id: int | None, thread_id: int | None) -> None:
        line = {
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "deed": action,
            "user_id": None if user_id is None else str(user_id),
            "thread_id": None if thread_id is None else str(thread_id),
            "what": self._redact(what)[:LONGEST],
        }
        try:
            self._append(path, json.dumps(line).encode() + b"\n")
        except OSError:
            log.exception("the audit log cannot be written", **line)

    def _append(self, path: Path, data: bytes) -> None:
        file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.write(file, data)
        finally:
            os.close(file)
