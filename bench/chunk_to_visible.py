"""Measures the time from an agent's write of a token until the token is in a Discord message.

Messages are said at once in threads whose agents live, so the turns begin and end together. Every token counts from its
writing, those of the first and of the last second too.
"""

import asyncio
import tempfile
import time
from array import array
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from bench.harness import CHANNEL_SECONDS, PATIENCE, BotLab, bot_lab
from bench.ideal_schedule import ideal_staleness
from bench.run import Measurement, Run
from bench.statistics import Against, Figure, percentile
from bench.timestamps import TOKEN_CHARACTERS, token, tokens_first_seen
from loopback import Message, Thread
from loopback.rest.call_log import RestCall

RATES: Final = (10, 50)
"""Tokens a second in each thread."""

ANSWER_SECONDS: Final = 0.04
"""Seconds for every answer of Discord. Loopback's effect comes at once: a text is visible before its answer."""

AT_ONCE: Final = 5
"""Threads that open at the same time."""


async def _measure(run: Run) -> list[Figure]:
    counts, seconds = run.choose(((1, 10, 50, 100), 30), ((1, 5), 5))
    figures: list[Figure] = []
    async with bot_lab(agents=max(counts) + 1) as lab:
        threads = await _open_threads(run, lab, max(counts))
        lab.discord.fault(slow=ANSWER_SECONDS, times=None)
        for count in counts:
            for rate in RATES:
                figures += await _stream(run, lab, threads[:count], rate, seconds)
    return figures


async def _open_threads(run: Run, lab: BotLab, count: int) -> list[Thread]:
    threads: list[Thread] = []
    while len(threads) < count:
        run.progress.step("opening threads", len(threads), count)
        more = min(AT_ONCE, count - len(threads))
        threads += await asyncio.gather(*(lab.ready_thread() for _ in range(more)))
    return threads


MEASUREMENT: Final = Measurement("chunk-to-visible", "Token to visible", _measure)


async def _stream(run: Run, lab: BotLab, threads: Sequence[Thread], rate: int, seconds: int) -> list[Figure]:
    await asyncio.sleep(CHANNEL_SECONDS)
    began, tokens = time.monotonic(), seconds * rate
    with tempfile.TemporaryDirectory(prefix="threadline-bench-") as folder:
        files = [Path(folder) / str(thread.id) for thread in threads]
        asked = [
            await lab.ann.say(thread, f"tokens {tokens} {rate} {file}")
            for thread, file in zip(threads, files, strict=True)
        ]
        async with run.progress.lasting(f"{len(threads)} threads, {rate} tokens a second", seconds):
            last = token(tokens - 1).strip()
            for thread, message in zip(threads, asked, strict=True):
                await lab.ann.sees(thread, last, by=lab.bot, after=message, timeout=seconds + PATIENCE)
        ended = time.monotonic()
        written = [array("d", file.read_bytes()) for file in files]
    seen = [_first_seen(lab, *pair) for pair in zip(threads, asked, strict=True)]
    calls = [call for call in lab.discord.record if began <= call.started <= ended]
    return _figures(written, seen, rate, calls)


def _first_seen(lab: BotLab, thread: Thread, asked: Message) -> dict[int, float]:
    """Return when each token was first visible, by its number."""
    found: dict[int, float] = {}
    for reply in (each for each in lab.said_by_bot(thread) if each.id > asked.id):
        for number, seen in tokens_first_seen(reply.history):
            found[number] = min(seen, found.get(number, seen))
    return found


def _figures(
    written: Sequence[Sequence[float]], seen: Sequence[dict[int, float]], rate: int, calls: Sequence[RestCall]
) -> list[Figure]:
    threads = len(written)
    delays = [
        [(found[number] - when) * 1e3 for number, when in enumerate(times) if number in found]
        for times, found in zip(written, seen, strict=True)
    ]
    ideal = [
        [each * 1e3 for each in turn]
        for turn in ideal_staleness(written, token_characters=TOKEN_CHARACTERS, one_way=0.0, round_trip=ANSWER_SECONDS)
    ]
    count, name = sum(map(len, written)), f"{threads} thread{'s' if threads > 1 else ''}, {rate}/s"
    how = f"agent writes -> visible, {count} tokens, {rate} a second and thread, turns begin and end together"
    figures = [
        _against(f"{name}: p50", _all(delays), _all(ideal), 50, how),
        _against(f"{name}: p99", _all(delays), _all(ideal), 99, "the same"),
        _against(f"{name}: first token p99", _nth(delays, 0), _nth(ideal, 0), 99, "the first of each turn"),
        _against(f"{name}: last token p99", _nth(delays, -1), _nth(ideal, -1), 99, "the last of each turn"),
        Figure(f"{name}: not seen", count - len(_all(delays)), "tokens", "of the same, never in a message"),
    ]
    kinds = Counter(map(_kind, calls))
    figures += [
        Figure(f"{name}: {kind}", kinds[kind], "calls", "until the last token was visible")
        for kind in ("sends", "edits", "reactions", "typing", "others")
    ]
    refused = sum(call.status == 429 for call in calls)
    return [*figures, Figure(f"{name}: 429", refused, "calls", "refused for their rate, by limits as Discord has them")]


def _all(turns: Sequence[Sequence[float]]) -> list[float]:
    return [each for turn in turns for each in turn]


def _nth(turns: Sequence[Sequence[float]], number: int) -> list[float]:
    return [turn[number] for turn in turns]


def _against(name: str, delays: Sequence[float], ideal: Sequence[float], percent: float, how: str) -> Figure:
    bound = Against("what Discord's limits allow", percentile(ideal, percent))
    return Figure(name, percentile(delays, percent), "ms", how, bound)


def _kind(call: RestCall) -> str:
    if "/reactions/" in call.path:
        return "reactions"
    if call.path.endswith("/typing"):
        return "typing"
    return {"POST": "sends", "PATCH": "edits"}.get(call.method, "others") if "/messages" in call.path else "others"
