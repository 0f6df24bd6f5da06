"""Shows the metrics in Prometheus's format: what was counted, and the current state, read on request."""

import asyncio
from collections import Counter as Tally
from collections.abc import Iterator, Mapping

from prometheus_client import CollectorRegistry, Gauge, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from acp.process.memory import resident
from bot.interactions.cards import Cards
from pool.conversation_context import ConversationState
from pool.pool import Pool
from pool.slots import Load

from .health import Health
from .metrics import Metrics


class PrometheusText:
    """All figures, in a registry of their own."""

    def __init__(self, metrics: Metrics) -> None:
        self._pool: Pool | None = None
        self._registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        registry.register(_Counts(metrics))
        self._agents_memory = Gauge(
            "threadline_agents_resident_memory_bytes",
            "Resident memory of all agents on this machine.",
            registry=registry,
        )

    def watch(self, pool: Pool, cards: Cards, health: Health) -> None:
        """Read these whenever the figures are requested."""
        self._pool = pool
        self._registry.register(_State(pool, cards, health))

    async def write(self, accept: str) -> tuple[bytes, str]:
        """Return all figures and their content type, in the newest format that `accept` allows."""
        pids = [agent.pid for agent in self._pool.near_agents] if self._pool is not None else []
        sizes = await asyncio.to_thread(resident, pids)
        self._agents_memory.set(sum(sizes.values()))
        write, content_type = choose_encoder(accept)
        return write(self._registry), content_type


class _Counts(Collector):
    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        for counter in self._metrics.counters:
            family = CounterMetricFamily(counter.name, counter.meaning, labels=counter.labels)
            for values, count in counter.counts.items():
                family.add_metric(values, count.total, created=count.since)
            yield family


class _State(Collector):
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
