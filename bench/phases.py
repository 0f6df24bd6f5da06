"""What a running bot costs in each phase of a measurement: CPU, memory, its loop's longest step, and its calls."""

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from bench.harness import BotLab
from bench.procfs import children, cpu_seconds, pss, rss
from bench.statistics import Against, Figure
from bench.timed_bot import Hold, Holds
from loopback import RestCall

STEP_MS: Final = 50.0
"""The aim for a step of the event loop."""

_MB: Final = 1e6


@dataclass(frozen=True, slots=True)
class Cost:
    """What a phase cost, in seconds and bytes. Memory is that at its end."""

    name: str
    seconds: float
    cpu: float
    memory: int
    agents: int
    agents_memory: int
    hold: Hold
    calls: Counter[str]
    """By their kind, see `kind_of`."""
    refused: int

    def figures(self) -> Iterator[Figure]:
        """Yield its figures."""
        kinds = ", ".join(f"{count:,} {kind}" for kind, count in self.calls.most_common())
        agents = f"of its {self.agents} agents, each shared page divided among those that share it"
        step = f"CPU; {self.hold.wall:.0f} ms on the clock; {self.hold.where}"
        yield Figure(f"{self.name}: CPU", 100 * self.cpu / self.seconds, "% core", f"the bot's; {self.seconds:.0f} s")
        yield Figure(f"{self.name}: memory", self.memory / _MB, "MB", "the bot's, resident, at the end")
        yield Figure(f"{self.name}: agents' memory", self.agents_memory / _MB, "MB", agents)
        yield Figure(f"{self.name}: longest step", self.hold.cpu, "ms", step, Against("the aim", STEP_MS))
        yield Figure(f"{self.name}: calls", self.calls.total(), "calls", kinds or "none")
        yield Figure(f"{self.name}: 429", self.refused, "calls", "refused for their rate")


class Phases:
    """Measures one phase after another of a running bot."""

    def __init__(self, lab: BotLab, holds: Holds) -> None:
        """Begin the first phase."""
        self._lab = lab
        self._holds = holds
        self._begin()

    def _begin(self) -> None:
        self._holds.take()
        self._began = time.monotonic()
        self._cpu = cpu_seconds(self._lab.pid)

    def end(self, name: str) -> Cost:
        """End the phase, and begin the next."""
        now = time.monotonic()
        calls = [call for call in self._lab.discord.record if self._began <= call.started < now]
        agents = children(self._lab.pid)
        cost = Cost(
            name,
            seconds=now - self._began,
            cpu=cpu_seconds(self._lab.pid) - self._cpu,
            memory=rss(self._lab.pid),
            agents=len(agents),
            agents_memory=sum(map(pss, agents)),
            hold=self._holds.take(),
            calls=Counter(map(kind_of, calls)),
            refused=sum(call.status == 429 for call in calls),
        )
        self._begin()
        return cost


def kind_of(call: RestCall) -> str:
    """Return what a call does: `send`, `edit`, `delete`, `reaction`, `typing`, or its method and path."""
    *_, last = call.path.split("/")
    match call.method, last:
        case "POST", "messages":
            return "send"
        case "PATCH", _ if "/messages/" in call.path:
            return "edit"
        case "DELETE", _ if "/messages/" in call.path and "/reactions" not in call.path:
            return "delete"
        case "PUT" | "DELETE", _ if "/reactions/" in call.path:
            return "reaction"
        case "POST", "typing":
            return "typing"
        case method, _:
            return f"{method} {call.path.partition('?')[0]}"
