"""Simulates many streaming threads and a Discord with its limits, and when text becomes visible. Pure.

It compares two writers: the bot's own schedule, and a timer in each thread that writes changed text and retries after a
refusal.
"""

import random
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from heapq import heappop, heappush
from itertools import count
from typing import Final

from bot.rest.call_scheduler import Scheduler, StartedCall
from bot.rest.calls import ApiCall, Bucket, Urgency
from bot.rest.sliding_window import RateLimitHeaders, Scope
from loopback.rest.rate_limits import Limit, Limits, Verdict

ONE_WAY: Final = 0.035
"""Seconds from the bot to Discord or back. Some calls take longer (`_delay`)."""

TURN_SECONDS: Final = 60.0

SAMPLE_SECONDS: Final = 0.1
"""Seconds between two measured pieces of text, about five tokens."""

TIMER_SECONDS: Final = 1.5

GIVEN_UP: Final = 600.0
"""Seconds after the last turn at which a running simulation has lost a text."""


@dataclass(slots=True)
class Outcome:
    """The delays of visible text in seconds, without `ONE_WAY`, and the number of refused calls."""

    refused: int = 0
    calls: int = 0
    first: list[float] = field(default_factory=list)
    final: list[float] = field(default_factory=list)
    staleness: list[float] = field(default_factory=list)


@dataclass(eq=False, slots=True)
class _Stream:
    """One thread's turn. The length of text is in seconds of the turn."""

    channel_id: int
    begins: float
    shown: float = -1.0
    sampled: int = 0

    def text(self, now: float) -> float:
        """Return the length of the text so far."""
        return TURN_SECONDS if now >= self.ended else now - self.begins

    @property
    def ended(self) -> float:
        return self.begins + TURN_SECONDS


class _Simulation(ABC):
    """A queue of events by time, and the server between the writer and the readers."""

    def __init__(self, threads: int, spread: float, seed: int = 1) -> None:
        """Let the turns of `threads` begin within `spread` seconds."""
        self.now = 0.0
        self.outcome = Outcome()
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = count()
        self._random = random.Random(seed)
        self._limits = Limits(lambda: self.now, set(Limit))
        self._left = threads
        for number in range(threads):
            begins = number * spread / threads
            self.at(begins, partial(self.begin, _Stream(number + 1, begins)))

    def run(self) -> Outcome:
        """Run the simulation to its end."""
        while self._left:
            self.now, _, act = heappop(self._events)
            if self.now > TURN_SECONDS * 2 + GIVEN_UP:
                raise RuntimeError(f"{self._left} final texts never came")
            act()
        return self.outcome

    def at(self, when: float, act: Callable[[], None]) -> None:
        """Schedule an event."""
        heappush(self._events, (when, next(self._numbers), act))

    @abstractmethod
    def begin(self, stream: _Stream) -> None:
        """Handle the beginning of a turn, when its first text exists."""

    def call(self, stream: _Stream, text: float, answered: Callable[[Verdict], None]) -> None:
        """Send a write of a thread's text."""
        self.outcome.calls += 1
        self.at(self.now + self._delay(), lambda: self._arrive(stream, text, answered))

    def _arrive(self, stream: _Stream, text: float, answered: Callable[[Verdict], None]) -> None:
        method = "POST" if stream.shown < 0 else "PATCH"
        verdict = self._limits.admit(1, method, str(stream.channel_id), [Limit.MESSAGES])
        if verdict.refused:
            self.outcome.refused += 1
        elif text > stream.shown:
            self._show(stream, text)
        self.at(self.now + self._delay(), lambda: answered(verdict))

    def _show(self, stream: _Stream, text: float) -> None:
        seen = self.now - ONE_WAY
        if stream.shown < 0:
            self.outcome.first.append(seen - stream.begins)
        while (written := stream.sampled * SAMPLE_SECONDS) <= text:
            self.outcome.staleness.append(seen - stream.begins - written)
            stream.sampled += 1
        stream.shown = text
        if text >= TURN_SECONDS:
            self.outcome.final.append(seen - stream.ended)
            self._left -= 1

    def _delay(self) -> float:
        """Return the seconds of one way, with jitter, and a longer delay for one call in a hundred."""
        late = self._random.expovariate(10.0) if self._random.random() < 0.01 else 0.0
        return ONE_WAY + self._random.expovariate(200.0) + late


class Scheduled(_Simulation):
    """The bot's own schedule as the writer."""

    def __init__(self, threads: int, spread: float, seed: int = 1) -> None:
        """Let the turns of `threads` begin within `spread` seconds."""
        super().__init__(threads, spread, seed)
        self._schedule = Scheduler()
        self._streams: dict[ApiCall, _Stream] = {}
        self._looking = float("inf")

    def begin(self, stream: _Stream) -> None:
        """Request the first write."""
        job = ApiCall(stream.channel_id, lambda: None, Urgency.FIRST)
        self._streams[job] = stream
        self._ask(job)
        self.at(stream.ended, lambda: self._ask(job))

    def _ask(self, job: ApiCall, delay: float = 0.0) -> None:
        stream = self._streams[job]
        if not job.waiting:
            job.bucket = Bucket.MESSAGE if stream.shown < 0 else Bucket.EDIT
        if stream.text(self.now) >= TURN_SECONDS:
            job.urgency = Urgency.FINAL
        elif stream.shown >= 0:
            job.urgency = Urgency.EDIT
        if stream.shown < TURN_SECONDS and self._schedule.put(job, self.now, delay):
            self._look()

    def _look(self) -> None:
        while (started := self._schedule.take(self.now)) is not None:
            self._write(started)
        at = self._schedule.next_look(self.now)
        if at is not None and (at < self._looking or self._looking <= self.now):
            self._looking = at
            self.at(at, self._look)

    def _write(self, started: StartedCall) -> None:
        stream = self._streams[started.call]
        self.call(stream, stream.text(self.now), lambda verdict: self._answered(started, verdict))

    def _answered(self, started: StartedCall, verdict: Verdict) -> None:
        headers, wait = verdict.headers, verdict.retry_after if verdict.refused else None
        stated = RateLimitHeaders(
            retry_after=wait, scope=Scope.EVERYWHERE if "X-RateLimit-Global" in headers else Scope.BUCKET
        )
        if wait is None:
            names = ("Limit", "Remaining", "Reset-After")
            limit, remaining, reset_after = (float(headers[f"X-RateLimit-{name}"]) for name in names)
            stated = RateLimitHeaders(int(limit), int(remaining), reset_after)
        self._schedule.answered(started, self.now, stated)
        self._schedule.finished(started, self.now)
        self._ask(started.call, wait or 0.0)
        self._look()


class Timers(_Simulation):
    """A timer in each thread as the writer."""

    def begin(self, stream: _Stream) -> None:
        """Write the first text, and continue with the timer."""
        self._write(stream)

    def _write(self, stream: _Stream) -> None:
        text = stream.text(self.now)
        if text > stream.shown:
            self.call(stream, text, lambda verdict: self._answered(stream, verdict))
        elif stream.shown < TURN_SECONDS:
            self.at(self.now + TIMER_SECONDS, lambda: self._write(stream))

    def _answered(self, stream: _Stream, verdict: Verdict) -> None:
        if stream.shown < TURN_SECONDS:
            wait = verdict.retry_after if verdict.refused else TIMER_SECONDS
            self.at(self.now + wait, lambda: self._write(stream))
