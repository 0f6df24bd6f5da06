"""A turn of the scripted agent: its updates, its waits, and its end."""

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from loopback.agent.sessions import Session
from loopback.agent.wire import JsonRpcLink, Message


class TurnEnded(Exception):
    """The turn ends now, with this stop reason."""

    def __init__(self, stop_reason: str) -> None:
        super().__init__(stop_reason)
        self.stop_reason = stop_reason


class Turn:
    """A turn, on a thread of its own. `cancel` and the answers to requests come from the reading thread.

    Every method that sends or waits raises `TurnEnded("cancelled")` after a cancel, unless the turn is `deaf`.
    """

    def __init__(
        self,
        wire: JsonRpcLink,
        session: Session,
        everything: str,
        *,
        shows_subagents: bool,
        message_id: str | None = None,
    ) -> None:
        self.wire = wire
        self.session = session
        self.everything = everything
        self._message_id = message_id
        self.deaf = False
        self.late: list[str] = []
        self.late_logins: list[str] = []
        self.shows_subagents = shows_subagents
        self.subagents: dict[str, Any] = {}
        """Those that `loopback.agent.subagents` has begun, by name."""
        self.after_end: list[Callable[[], None]] = []
        """Called after the turn's response."""
        self._injected: deque[tuple[str, str]] = deque()
        self._closed = False
        self._steps: list[str] = []
        self._done = 0
        self._cancelled = False
        self._changed = threading.Condition()
        self._tools = 0
        self._needs_newline = False
        self._wrote_text = False

    def cancel(self) -> None:
        """End the turn, and any wait of it, with the stop reason cancelled."""
        with self._changed:
            self._cancelled = True
            self._changed.notify_all()

    def inject(self, text: str, everything: str) -> bool:
        """Take a message into the turn: what a person typed, and all that it holds. Return False if it is too late."""
        with self._changed:
            if not self._closed:
                self._injected.append((text, everything))
            return not self._closed

    def take_injected(self, *, last: bool) -> str | None:
        """Return what a person typed in the next message of the turn; without one, `last` closes the turn."""
        with self._changed:
            if not self._injected:
                self._closed = last
                return None
            text, self.everything = self._injected.popleft()
            return text

    def before_end(self, call: Callable[[], None]) -> bool:
        """Call this after the turn's response. Return False if it is too late."""
        with self._changed:
            if not self._closed:
                self.after_end.append(call)
            return not self._closed

    def close(self) -> None:
        """Take no more messages into the turn."""
        with self._changed:
            self._closed = True

    def update(self, update: Message, subagent_id: str = "") -> None:
        """Send one session/update; one of the session itself is added to the history."""
        self._check()
        if not subagent_id:
            self.session.remember(update)
        self.wire.notify("session/update", {"sessionId": subagent_id or self.session.session_id, "update": update})

    def plan(self, steps: list[str], done: int = 0) -> None:
        """Send a plan with so many completed steps; the next one is in progress."""
        self._steps, self._done = steps, done
        statuses = ["completed"] * done + ["in_progress"] + ["pending"] * len(steps)
        pairs = zip(steps, statuses, strict=False)
        entries = [{"content": step, "priority": "medium", "status": status} for step, status in pairs]
        self.update({"sessionUpdate": "plan", "entries": entries})

    def tick(self) -> None:
        """Complete the plan's current step."""
        self.plan(self._steps, self._done + 1)

    def begin_paragraph(self) -> None:
        """Let the next text start a new line."""
        self._needs_newline = self._wrote_text

    def say(self, text: str) -> None:
        """Send one chunk of the agent's message."""
        chunk = f"\n{text}" if self._needs_newline else text
        self._needs_newline, self._wrote_text = False, True
        named = {"messageId": self._message_id} if self._message_id is not None else {}
        self.update(text_update("agent_message_chunk", chunk) | named)

    def say_each(self, chunks: list[str], rate: float) -> None:
        """Send these chunks, `rate` a second on a fixed schedule, or without a pause if it is 0."""
        start = time.monotonic()
        for index, chunk in enumerate(chunks):
            if rate and index:
                self.wait(start + index / rate - time.monotonic())
            self.say(chunk)

    def open_tool(self, kind: str, title: str, **more: object) -> Message:
        """Announce a pending tool call, and return its id for later updates."""
        self._tools += 1
        call: Message = {"toolCallId": f"call_{len(self.session.prompts)}_{self._tools}"}
        described = {
            "title": title,
            "kind": kind,
            "status": "pending",
            "rawInput": {"command" if kind == "execute" else "path": title},
        }
        self.update({"sessionUpdate": "tool_call", **call, **described, **more})
        return call

    def move_tool(self, call: Message, status: str, output: str | None = None) -> None:
        """Update a tool call's status, with its output if there is any."""
        update = {"sessionUpdate": "tool_call_update", **call, "status": status}
        if output is not None:
            update["content"] = [{"type": "content", "content": {"type": "text", "text": output}}]
        self.update(update)

    def request(self, method: str, params: Message) -> Message:
        """Send the client a request, and return its response."""
        responses: list[Message] = []

        def settle(response: Message) -> None:
            with self._changed:
                responses.append(response)
                self._changed.notify_all()

        self.send_request(method, params, settle)
        self.wait_until(lambda: bool(responses))
        return responses[0]

    def send_request(self, method: str, params: Message, settle: Callable[[Message], None]) -> None:
        """Send the client a request. `settle` gets its response, on the reading thread."""
        self._check()
        self.wire.request(method, params, settle)

    def wait(self, seconds: float) -> None:
        """Wait this long. Zero or less only checks for a cancel."""
        self.wait_until(lambda: False, max(seconds, 0))

    def wait_until(self, condition: Callable[[], bool], seconds: float | None = None) -> None:
        """Wait until the condition, whose changes must `wake` the turn, or until the seconds are over."""
        with self._changed:
            self._changed.wait_for(lambda: (self._cancelled and not self.deaf) or condition(), seconds)
        self._check()

    def wake(self) -> None:
        """Let a waiting turn check its condition."""
        with self._changed:
            self._changed.notify_all()

    def _check(self) -> None:
        if self._cancelled and not self.deaf:
            raise TurnEnded("cancelled")


def text_update(kind: str, text: str) -> Message:
    """Return a chunk update of this kind with text."""
    return {"sessionUpdate": kind, "content": {"type": "text", "text": text}}
