"""Counts what happens, at its source: the journal reports each move of a message, the HTTP client each call.

A bot always counts. What shows the figures (`prometheus_text`) is loaded only where they are served.
"""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from types import SimpleNamespace

import aiohttp

from acp import AcpError
from pool.journal.message_states import NEW, MessageState

STOP_REASONS = frozenset({"end_turn", "max_tokens", "max_turn_requests", "refusal", "cancelled", "failed"})
"""The stop reasons of the protocol, and ours for a turn without one; an agent cannot add a series by inventing more."""

_PREFIX = re.compile(r"/api/v[0-9]+/")
_KINDS = (
    ("message", "POST", re.compile(r"channels/[0-9]+/messages$")),
    ("edit", "PATCH", re.compile(r"channels/[0-9]+/messages/[0-9]+$")),
    ("reaction", None, re.compile(r"channels/[0-9]+/messages/[0-9]+/reactions/")),
    ("thread", "POST", re.compile(r"channels/[0-9]+/messages/[0-9]+/threads$")),
    ("interaction", None, re.compile(r"(interactions|webhooks)/")),
    ("read", "GET", re.compile(r"")),
)
"""The kinds of calls; the first match counts. The words are fixed, since ids must not become series."""


@dataclass(slots=True)
class Count:
    """How often something has happened, since `since` (Unix seconds)."""

    total: int = 0
    since: float = field(default_factory=time.time)


class Counter:
    """A figure that only rises: one count for each combination of its labels' values."""

    def __init__(self, name: str, meaning: str, *labels: str) -> None:
        self.name = f"threadline_{name}"
        self.meaning = meaning
        self.labels = labels
        self.counts: dict[tuple[str, ...], Count] = {} if labels else {(): Count()}

    def add(self, *values: str, count: int = 1) -> None:
        """Count `count` more events whose labels have these values, a closed set."""
        self.counts.setdefault(values, Count()).total += count


class Metrics:
    """All counts. The methods that count take microseconds and do not raise."""

    def __init__(self) -> None:
        self._received = Counter("messages_received", "Messages accepted.")
        self._answered = Counter("messages_answered", "Messages whose reply is confirmed.")
        self._closed = Counter("messages_closed", "Messages that ended unanswered.", "reason")
        self._turns = Counter("turns", "Turns that have ended.", "stop_reason")
        self._starts = Counter("agent_starts", "Agents started.")
        self._failed_starts = Counter("agent_start_failures", "Agents that could not be started.")
        self._missed = Counter("catch_up_messages", "Messages read after they were missed.")
        self._clients = Counter("discord_clients", "Discord clients built.")
        self._calls = Counter("discord_calls", "REST calls, by kind and outcome.", "kind", "outcome")

    @property
    def counters(self) -> list[Counter]:
        """All of them."""
        return [each for each in vars(self).values() if isinstance(each, Counter)]

    def moved(self, state: MessageState, reason: str | None, count: int) -> None:
        """Count `count` messages of one exchange that reached a state; see `Journal.open`."""
        match state:
            case MessageState.RECEIVED if reason == NEW:
                self._received.add(count=count)
            case MessageState.FINISHED:
                self._turns.add(reason if reason in STOP_REASONS else "other")
            case MessageState.ANSWERED:
                self._answered.add(count=count)
            case MessageState.CLOSED:
                self._closed.add(str(reason), count=count)

    @contextmanager
    def agent_start(self) -> Iterator[None]:
        """Count the start of an agent, by whether the block succeeds."""
        try:
            yield
        except AcpError:
            self._failed_starts.add()
            raise
        self._starts.add()

    def missed(self, count: int) -> None:
        """Count messages that a catch-up has read."""
        self._missed.add(count=count)

    def client_built(self) -> None:
        """Count a Discord client."""
        self._clients.add()

    def count(self, trace: aiohttp.TraceConfig) -> aiohttp.TraceConfig:
        """Count the calls of the HTTP session that gets this trace; each of the library's tries counts."""
        # First, since another listener may end the call with an exception.
        trace.on_request_end.insert(0, self._on_answer)
        trace.on_request_exception.insert(0, self._on_exception)
        return trace

    async def _on_answer(
        self, _session: aiohttp.ClientSession, _context: SimpleNamespace, answer: aiohttp.TraceRequestEndParams
    ) -> None:
        self._calls.add(_kind(answer.method, answer.url.path), _outcome(answer.response.status))

    async def _on_exception(
        self, _session: aiohttp.ClientSession, _context: SimpleNamespace, failed: aiohttp.TraceRequestExceptionParams
    ) -> None:
        self._calls.add(_kind(failed.method, failed.url.path), "lost")


def _kind(method: str, path: str) -> str:
    route = _PREFIX.match(path)
    if route is None:
        return "gateway"
    rest = path[route.end() :]
    return next((kind for kind, verb, form in _KINDS if verb in (None, method) and form.match(rest)), "other")


def _outcome(status: int) -> str:
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return "rate_limited"
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return "failed"
    return "refused" if status >= HTTPStatus.BAD_REQUEST else "done"
