"""Chunk to visible: from an agent's write of a chunk until it stands in a Discord message."""

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

__all__ = ["MEASUREMENT"]

RATE: Final = 12
"""Chunks a second and thread. Each is as long as four tokens: about 50 tokens a second, as models give them."""

ANSWER_SECONDS: Final = 0.07
"""What every answer of Discord's takes."""

AT_ONCE: Final = 5
"""Threads that are opened at the same time."""

REQUESTS: Final = 50.0
"""A second, for all of a bot (Discord, Rate Limits)."""


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
    """When a chunk was written and when it was seen first, in seconds."""

    written: float
    seen: float

    @property
    def delay(self) -> float:
        """In milliseconds."""
        return (self.seen - self.written) * 1e3


def _sights(lab: BotLab, thread: Thread, asked: Message) -> dict[int, _Sight]:
    """Every chunk that was seen, by its number."""
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
    # One write a thread every period; what arrives meanwhile waits for a time spread evenly over it.
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
    """Seconds that the last of texts written at these times waits, if nothing else is sent and each leaves when it may.

    For N texts that come within a spread that is N / `REQUESTS` less the spread.
    """
    left = wait = 0.0
    for each in sorted(written):
        left = max(each, left + 1 / REQUESTS)
        wait = left - each
    return wait
