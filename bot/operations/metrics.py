"""Metrics for Prometheus.

Events are counted at their source: the journal reports each move of a message, the HTTP client each call. The current
state is read from the pool on request.
"""

import asyncio
import re
from collections import Counter as Tally
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from http import HTTPStatus
from types import SimpleNamespace

import aiohttp
from prometheus_client import CollectorRegistry, Counter, Gauge, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from acp import AcpError
from acp.process.memory import resident
from bot.interactions.cards import Cards
from pool.conversation_context import ConversationState
from pool.journal.message_states import NEW, MessageState
from pool.pool import Pool
from pool.slots import Load

from .health import Health

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


class Metrics:
    """All metrics, in a registry of their own. The methods that count take microseconds and do not raise."""

    def __init__(self) -> None:
        self._pool: Pool | None = None
        self._registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        counter = partial(Counter, registry=registry)
        self._received = counter("threadline_messages_received", "Messages accepted.")
        self._answered = counter("threadline_messages_answered", "Messages whose reply is confirmed.")
        self._closed = counter("threadline_messages_closed", "Messages that ended unanswered.", ["reason"])
        self._turns = counter("threadline_turns", "Turns that have ended.", ["stop_reason"])
        self._starts = counter("threadline_agent_starts", "Agents started.")
        self._failed_starts = counter("threadline_agent_start_failures", "Agents that could not be started.")
        self._missed = counter("threadline_catch_up_messages", "Messages read after they were missed.")
        self._clients = counter("threadline_discord_clients", "Discord clients built.")
        self._calls = counter("threadline_discord_calls", "REST calls, by kind and outcome.", ["kind", "outcome"])
        self._agents_memory = Gauge(
            "threadline_agents_resident_memory_bytes",
            "Resident memory of all agents on this machine.",
            registry=registry,
        )

    # ---- what happens

    def moved(self, state: MessageState, reason: str | None, count: int) -> None:
        """Count `count` messages of one exchange that reached a state; see `Journal.open`."""
        match state:
            case MessageState.RECEIVED if reason == NEW:
                self._received.inc(count)
            case MessageState.FINISHED:
                self._turns.labels(reason if reason in STOP_REASONS else "other").inc()
            case MessageState.ANSWERED:
                self._answered.inc(count)
            case MessageState.CLOSED:
                self._closed.labels(reason).inc(count)

    @contextmanager
    def agent_start(self) -> Iterator[None]:
        """Count the start of an agent, by whether the block succeeds."""
        try:
            yield
        except AcpError:
            self._failed_starts.inc()
            raise
        self._starts.inc()

    def missed(self, count: int) -> None:
        """Count messages that a catch-up has read."""
        self._missed.inc(count)

    def client_built(self) -> None:
        """Count a Discord client."""
        self._clients.inc()

    def count(self, trace: aiohttp.TraceConfig) -> aiohttp.TraceConfig:
        """Count the calls of the HTTP session that gets this trace; each of the library's tries counts."""
        # First, since another listener may end the call with an exception.
        trace.on_request_end.insert(0, self._on_answer)
        trace.on_request_exception.insert(0, self._on_exception)
        return trace

    async def _on_answer(
        self, _session: aiohttp.ClientSession, _context: SimpleNamespace, answer: aiohttp.TraceRequestEndParams
    ) -> None:
        self._calls.labels(_kind(answer.method, answer.url.path), _outcome(answer.response.status)).inc()

    async def _on_exception(
        self, _session: aiohttp.ClientSession, _context: SimpleNamespace, failed: aiohttp.TraceRequestExceptionParams
    ) -> None:
        self._calls.labels(_kind(failed.method, failed.url.path), "lost").inc()

    # ---- what is

    def watch(self, pool: Pool, cards: Cards, health: Health) -> None:
        """Read these whenever metrics are requested."""
        self._pool = pool
        self._registry.register(_StateCollector(pool, cards, health))

    async def text(self, accept: str) -> tuple[bytes, str]:
        """Return all metrics and their content type, in the newest format that `accept` allows."""
        pids = [agent.pid for agent in self._pool.near_agents] if self._pool is not None else []
        sizes = await asyncio.to_thread(resident, pids)
        self._agents_memory.set(sum(sizes.values()))
        write, content_type = choose_encoder(accept)
        return write(self._registry), content_type


class _StateCollector(Collector):
    """The current state, read without an await."""

    def __init__(self, pool: Pool, cards: Cards, health: Health) -> None:
        self._pool = pool
        self._cards = cards
        self._health = health

    def collect(self) -> Iterator[Metric]:
        cards, health = self._cards, self._health
        states = Tally(each.lease.state for each in self._pool.conversations)
        conversations = GaugeMetricFamily("threadline_conversations", "Conversations that are awake.", labels=["state"])
        for state in ConversationState:
            conversations.add_metric([state], states[state])
        yield conversations
        yield from _slots(self._pool.loads)
        logged_out = len(self._pool.logins.logged_out)
        yield GaugeMetricFamily("threadline_agents_logged_out", "Configured agents that are logged out.", logged_out)
        yield GaugeMetricFamily("threadline_questions_open", "Questions of agents that wait for a person.", len(cards))
        yield CounterMetricFamily("threadline_questions_answered", "Questions that people answered.", cards.answered)
        yield GaugeMetricFamily("threadline_gateway_connected", "1 while the gateway is there.", int(health.connected))
        yield GaugeMetricFamily("threadline_loop_lag_seconds", "How late the event loop's last beat was.", health.lag)


def _slots(loads: Mapping[str, Load]) -> Iterator[Metric]:
    """Yield the figures of each place's slots."""
    size = GaugeMetricFamily("threadline_slots", "Agents that may run at a time.", labels=["place"])
    held = GaugeMetricFamily("threadline_slots_held", "Slots that are taken.", labels=["place"])
    in_line = GaugeMetricFamily("threadline_line_length", "Conversations that wait for a slot.", labels=["place"])
    for place, load in loads.items():
        size.add_metric([place], load.size)
        held.add_metric([place], load.held)
        in_line.add_metric([place], load.in_line)
    return iter((size, held, in_line))


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
