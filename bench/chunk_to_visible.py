"""Measures the time from an agent's write of a chunk until the chunk is in a Discord message."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from bench.harness import CHANNEL_SECONDS, PATIENCE, BotLab, bot_lab
from bench.run import Measurement, Run
from bench.statistics import Against, Figure, percentile
from bench.timestamps import STAMP, first_seen
from loopback import Message, Thread

RATE: Final = 12
"""Chunks a second and thread. Each has about four tokens, so a thread gets about 50 tokens a second."""

ANSWER_SECONDS: Final = 0.07
"""Seconds for every answer of Discord."""

AT_ONCE: Final = 5
"""Threads that open at the same time."""

REQUESTS: Final = 50.0
"""Requests a second of one bot (Discord, Rate Limits)."""


async def _measure(run: Run) -> list[Figure]:
    counts, seconds = run.choose(((1, 10, 50, 100), 30), ((1, 5), 5))
    figures: list[Figure] = []
    async with bot_lab(agents=max(counts) + 1) as lab:
        lab.discord.fault(slow=ANSWER_SECONDS, times=None)
        threads: list[Thread] = []
        for number in range(0, max(counts), AT_ONCE):
            run.progress.step("opening threads", number, max(counts))
            more = min(AT_ONCE, max(counts) - number)
            threads += await asyncio.gather(*(lab.ready_thread() for _ in range(more)))
        for count in counts:
            await asyncio.sleep(CHANNEL_SECONDS)
            figures += await _stream(run, lab, threads[:count], seconds)
    return figures


MEASUREMENT: Final = Measurement("chunk-to-visible", "Chunk to visible", _measure)


async def _stream(run: Run, lab: BotLab, threads: Sequence[Thread], seconds: int) -> list[Figure]:
    began, chunks = time.monotonic(), seconds * RATE
    asked = [await lab.ann.say(thread, f"stamp {chunks} {RATE}") for thread in threads]
    async with run.progress.lasting(f"{len(threads)} threads streaming", seconds):
        for thread, message in zip(threads, asked, strict=True):
            await lab.ann.sees(
                thread,
                lambda reply: any(int(match[1]) == chunks - 1 for match in STAMP.finditer(reply.content)),
                by=lab.bot,
                after=message,
                timeout=seconds + PATIENCE,
            )
    sights = [_sights(lab, *pair) for pair in zip(threads, asked, strict=True)]
    return _figures(sights, chunks, lab.refused(began))


@dataclass(frozen=True, slots=True)
class _Sight:
    """The times of a chunk's writing and first sight, in seconds."""

    written: float
    seen: float

    @property
    def delay(self) -> float:
        """The difference in milliseconds."""
        return (self.seen - self.written) * 1e3


def _sights(lab: BotLab, thread: Thread, asked: Message) -> dict[int, _Sight]:
    """Return the visible chunks by their numbers."""
    found: dict[int, _Sight] = {}
    for reply in (each for each in lab.said_by_bot(thread) if each.id > asked.id):
        for number, written, seen in first_seen(reply.history):
            if number not in found or seen < found[number].seen:
                found[number] = _Sight(written, seen)
    return found


def _figures(sights: Sequence[dict[int, _Sight]], chunks: int, refused: int) -> list[Figure]:
    threads = len(sights)
    delays = [sight.delay for found in sights for sight in found.values()]
    firsts, lasts = ([found[number] for found in sights if number in found] for number in (0, chunks - 1))
    first_delays, last_delays = ([sight.delay for sight in each] for each in (firsts, lasts))
    chunks *= threads
    # Each thread has one write a period, so the waits of chunks are spread evenly over the period.
    period = max(1.0, threads / REQUESTS) * 1e3
    queue = _queue([sight.written for sight in lasts]) * 1e3
    name = f"{threads} thread{'s' if threads > 1 else ''}"
    how = f"agent writes -> visible, {chunks} chunks, {RATE} a second and thread"
    bound, last = "what Discord's limits allow", "the last chunk of each thread"
    return [
        Figure(f"{name}: p50", percentile(delays, 50), "ms", how, Against(bound, period * 0.5)),
        Figure(f"{name}: p99", percentile(delays, 99), "ms", "the same", Against(bound, period * 0.99)),
        Figure(f"{name}: first text p99", percentile(first_delays, 99), "ms", "the first chunk of each thread"),
        Figure(f"{name}: final text p50", percentile(last_delays, 50), "ms", last, Against(bound, queue)),
        Figure(f"{name}: final text p99", percentile(last_delays, 99), "ms", last, Against(bound, queue)),
        Figure(f"{name}: not seen", chunks - len(delays), "chunks", "of the same, never in a message"),
        Figure(f"{name}: 429", refused, "calls", "refused for their rate, by limits as Discord has them"),
    ]


def _queue(written: Sequence[float]) -> float:
    """Return the seconds for which the last of texts written at these times waits in a queue of `REQUESTS` a second.

    For N texts within a spread it is N / `REQUESTS` minus the spread.
    """
    left = wait = 0.0
    for each in sorted(written):
        left = max(each, left + 1 / REQUESTS)
        wait = left - each
    return wait
