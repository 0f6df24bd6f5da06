"""Threads that stream at once: how old the visible text is, and how late the end, at Discord's limits."""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from string import ascii_lowercase
from typing import Final

from bench.procfs import cpu_seconds, rss
from bench.statistics import Against, Figure, percentile
from bench.versus.scene import Scene
from bench.versus.stage import Stage
from bench.versus.verdicts import demand
from loopback import Message, Thread

RATE: Final = 10
"""Tokens a second and thread."""

ANSWER_SECONDS: Final = 0.04
"""Seconds until Discord answers a call. Its effect is visible at once."""

AT_ONCE: Final = 5
"""Threads that start their agents at the same time."""

REQUESTS: Final = 50.0
"""Requests a second of one bot (Discord, Rate Limits)."""

COMPLETE: Final = "every token is visible in the end"
STREAMED: Final = "most tokens are visible before the agent has ended"

_TAGS: Final = ["".join(letters) for letters in product(ascii_lowercase, repeat=2)]


@dataclass(frozen=True, slots=True)
class _Sight:
    """A token's emission and its first sight, in monotonic seconds. It was not seen if `seen` is infinite."""

    said: float
    seen: float

    @property
    def age(self) -> float:
        """Seconds for which it was not visible."""
        return self.seen - self.said


async def _play(stage: Stage) -> None:
    threads = stage.run.choose(stage.workplace.threads, min(stage.workplace.threads, 3))
    tokens = stage.run.choose(20, 6) * RATE
    opened = await _open(stage, threads)
    await stage.pause()
    slow = stage.discord.fault(slow=ANSWER_SECONDS, times=None)
    calls, spent = len(stage.discord.record), _cpu_seconds(stage)
    asked = {tag: (place, await stage.ask(f"tokens {tag} {tokens} {RATE}", place)) for tag, place in opened.items()}
    async with stage.run.progress.lasting(f"{threads} threads streaming", tokens / RATE):
        with stage.verdicts.judging(COMPLETE):
            for tag, (place, message) in asked.items():
                await stage.sees(f"{tag}{tokens - 1}", after=message, place=place)
    spent = _cpu_seconds(stage) - spent
    slow.remove()
    refused = sum(call.status == 429 for call in stage.discord.record[calls:])
    said = {note["tag"]: note["times"] for note in stage.notes("said")}
    sights = [_sights(stage, tag, *asked[tag], said.get(tag, ())) for tag in asked]
    _judge(stage, sights, tokens)
    _measure(stage, sights, refused=refused, milliseconds=spent * 1e3)


def _cpu_seconds(stage: Stage) -> float:
    return sum(map(cpu_seconds, stage.bot_pids()))


async def _open(stage: Stage, threads: int) -> dict[str, Thread]:
    """Open threads with an agent each, and return them by their tags. A person opens them: Discord limits bots more."""

    async def open_one(tag: str) -> Thread:
        thread = await stage.open(f"thread {tag}")
        asked = await stage.ask("tell ready", thread)
        await stage.sees("ready", after=asked, place=thread)
        return thread

    opened: dict[str, Thread] = {}
    for number in range(0, threads, AT_ONCE):
        stage.run.progress.step("opening threads", number, threads)
        tags = _TAGS[number : min(number + AT_ONCE, threads)]
        opened |= zip(tags, await asyncio.gather(*map(open_one, tags)), strict=True)
    return opened


def _sights(stage: Stage, tag: str, place: Thread, asked: Message, said: Sequence[float]) -> list[_Sight]:
    """Return every token of a thread in order."""
    pattern, seen = re.compile(rf"\b{tag.upper()}(\d+)\b"), dict[int, float]()
    for message in stage.said(asked, place):
        for at, text in message.history:
            for found in pattern.finditer(text):
                number = int(found[1])
                seen[number] = min(at, seen.get(number, at))
    return [_Sight(each, seen.get(number, float("inf"))) for number, each in enumerate(said)]


def _judge(stage: Stage, sights: Sequence[Sequence[_Sight]], tokens: int) -> None:
    with stage.verdicts.judging(COMPLETE):
        lost = sum(tokens - sum(each.age < float("inf") for each in thread) for thread in sights)
        demand(not lost, f"{lost} of {tokens * len(sights)} tokens are not visible in the end")
    with stage.verdicts.judging(STREAMED):
        early = sum(each.seen < thread[-1].said for thread in sights for each in thread)
        demand(early * 2 > tokens * len(sights), f"{early} of {tokens * len(sights)} tokens were")


def _measure(stage: Stage, sights: Sequence[Sequence[_Sight]], *, refused: int, milliseconds: float) -> None:
    """Add the figures. Each thread has a write a period, so the ages of tokens are spread evenly over the period."""
    ages = [each.age for thread in sights for each in thread if each.age < float("inf")]
    ends = [thread[-1].age for thread in sights if thread and thread[-1].age < float("inf")]
    if not ends:
        return
    period, bound = max(1.0, len(sights) / REQUESTS), "what Discord's limits allow"
    how = f"agent says -> visible; {len(ages)} tokens, {RATE} a second and thread"
    stage.verdicts.figures += [
        Figure("age of text, p50", percentile(ages, 50), "s", how, Against(bound, period * 0.5)),
        Figure("age of text, p99", percentile(ages, 99), "s", how, Against(bound, period * 0.99)),
        Figure("the end is late by, p99", percentile(ends, 99), "s", "the last token of each thread"),
        Figure("refused calls", refused, "", "answers of 429"),
        Figure("CPU for 1,000 tokens", milliseconds / len(ages) * 1e3, "ms", "of the bot without its agents"),
        Figure("memory", sum(map(rss, stage.bot_pids())) / 1e6, "MB", "resident, of the bot without its agents"),
    ]


def _scene(threads: int) -> Scene:
    title = f"{threads} threads stream at once" if threads > 1 else "One thread streams"
    return Scene(f"threads-{threads}", title, (COMPLETE, STREAMED), _play, threads=threads)


SCENES: Final = tuple(map(_scene, (1, 10, 50, 100)))
