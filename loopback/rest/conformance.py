"""The strict mode: checks every request, answer and event against Discord's own description."""

from __future__ import annotations

from typing import Any, Final, Protocol

KEPT: Final = 1_000


class Inspector(Protocol):
    """Judges requests, answers and events. Each method describes what is wrong, or returns None.

    Paths are below /api/v10, bodies are parsed JSON or None.
    """

    def request(self, method: str, path: str, body: Any) -> str | None:
        """Describe what is wrong with a bot's request."""

    def answer(self, method: str, path: str, status: int, body: Any) -> str | None:
        """Describe what is wrong with this server's answer."""

    def event(self, name: str, payload: Any) -> str | None:
        """Describe what is wrong with this server's event."""


class Violations(list[str]):
    """The inspector's findings, oldest first, at most KEPT. Without an inspector there are none."""

    def __init__(self, inspector: Inspector | None) -> None:
        super().__init__()
        self._inspector = inspector

    def see_call(self, method: str, path: str, body: Any, status: int, answer: Any) -> None:
        """Inspect a call and its answer. A refused request may be wrong."""
        if self._inspector is None:
            return
        if status < 400 and (wrong := self._inspector.request(method, path, body)):
            self._note(f"{method} {path}: the request: {wrong}")
        if wrong := self._inspector.answer(method, path, status, answer):
            self._note(f"{method} {path}: the answer {status}: {wrong}")

    def see_event(self, name: str, payload: Any) -> None:
        """Inspect an event."""
        if self._inspector is not None and (wrong := self._inspector.event(name, payload)):
            self._note(f"{name}: {wrong}")

    def _note(self, text: str) -> None:
        if len(self) < KEPT:
            self.append(text)
