"""The audit log: who started, approved, denied, stopped and changed what, as JSON lines in a file of its own."""

import asyncio
import json
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import structlog

LONGEST = 500
"""Characters of the description that are kept."""

MINUTE = 60.0
LONGEST_REQUEST = 50_000
"""Characters of an agent's question that are kept: its message in the thread becomes one line."""

PER_MINUTE = 60
"""Lines of one action of one person in one thread in so many seconds; more are counted."""

AuditAction = Literal["started", "approved", "denied", "answered", "stopped", "changed", "refused"]
Key = tuple[AuditAction, int | None, int | None]
"""An action, its person and its thread."""

log = structlog.stdlib.get_logger("bot")


class Audit:
    """Appends to the file at `path`; with None it writes none.

    It opens the file for each line, so that the file may be moved away at any time.
    """

    def __init__(
        self,
        path: Path | None = None,
        *,
        redact: Callable[[str], str] = str,
        machine: Callable[[int], str] = lambda _thread_id: "",
    ) -> None:
        """`redact` takes secrets out of text.

        `machine` names the other machine on which a thread's agent runs; empty for this one.
        """
        self._path = path
        self._redact = redact
        self._machine = machine
        self._minutes: dict[Key, int] = {}
        """The count in the minute that began with the first."""

    def open(self) -> None:
        """Create the file, readable by its owner only. Raises OSError."""
        if self._path is not None:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._append(self._path, b"")

    def record(
        self, action: AuditAction, what: str, *, user_id: int | None, thread_id: int | None, request: str = ""
    ) -> None:
        """Write a line, unless there are too many. `user_id` is None if the configuration decided.

        `request` is the whole question that was answered.

        A failure is only logged. Needs a running loop, which reports the omitted lines after a minute.
        """
        if self._path is None:
            return
        key = (action, user_id, thread_id)
        count = self._minutes[key] = self._minutes.get(key, 0) + 1
        if count == 1:
            asyncio.get_running_loop().call_later(MINUTE, self._count, key)
        if count <= PER_MINUTE:
            self._write(self._path, action, what, user_id, thread_id, request)

    def close(self) -> None:
        """Report the omitted lines of the minutes in progress."""
        for key in [*self._minutes]:
            self._count(key)

    def _count(self, key: Key) -> None:
        left_out = self._minutes.pop(key, 0) - PER_MINUTE
        if left_out > 0 and self._path is not None:
            action, user_id, thread_id = key
            self._write(self._path, "omitted", f"{left_out} more lines of one minute: {action}", user_id, thread_id)

    def _write(
        self, path: Path, action: str, what: str, user_id: int | None, thread_id: int | None, request: str = ""
    ) -> None:
        line = {
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "deed": action,
            "user_id": None if user_id is None else str(user_id),
            "thread_id": None if thread_id is None else str(thread_id),
            **({} if thread_id is None or not (machine := self._machine(thread_id)) else {"place": machine}),
            "what": self._redact(what)[:LONGEST],
            **({"request": self._redact(request)[:LONGEST_REQUEST]} if request else {}),
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
