"""Measures the time from a person's message until the agent's first text is visible."""

import asyncio
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.agent_command import AGENT, agent_environment
from bench.baseline_client import baseline_client
from bench.harness import CHANNEL_SECONDS, PATIENCE, BotLab, bot_lab
from bench.run import Measurement, Run
from bench.statistics import Against, Figure, percentile
from bench.timestamps import STAMP, first_seen
from loopback import Message, Thread
from loopback.rest.call_log import RestCall

WORDS: Final = "stamp 1 1"
"""The agent answers immediately with the time."""

ANSWER_SECONDS: Final = 0.04
"""Seconds for every answer of Discord. A new thread waits for one, that to its opening; a known thread for none."""

NEW_SLOTS: Final = 2  # More agents than threads, so that all stay alive.


@dataclass(frozen=True, slots=True)
class _Round:
    """One message and its answer. Times are monotonic seconds."""

    said: float
    accepted: float
    """When the bot's first request about the message arrived at Discord."""
    written: float
    """When the agent, having read the prompt, wrote its first text."""
    visible: float


async def _measure(run: Run) -> list[Figure]:
    threads, again, alone = run.choose((15, 2, 5), (4, 1, 2))
    new_alone, known_alone = await _measure_alone(run, alone)
    new: list[_Round] = []
    known: list[_Round] = []
    async with bot_lab(agents=threads + NEW_SLOTS) as lab:
        lab.discord.fault(slow=ANSWER_SECONDS, times=None)
        used: list[tuple[Thread, float]] = []
        for number in range(threads):
            run.progress.step("new threads", number, threads)
            thread, result = await _new(lab)
            new.append(result)
            used.append((thread, time.monotonic()))
        for number in range(threads * again):
            run.progress.step("known threads", number, threads * again)
            thread, when = used.pop(0)
            await asyncio.sleep(max(0.0, when + CHANNEL_SECONDS - time.monotonic()))
            known.append(await _known(lab, thread))
            used.append((thread, time.monotonic()))
    opening = ANSWER_SECONDS * 1e3
    return [*_figures("new thread", new, new_alone, opening), *_figures("known thread", known, known_alone, 0.0)]


MEASUREMENT: Final = Measurement("first-text", "First visible text", _measure)


async def _new(lab: BotLab) -> tuple[Thread, _Round]:
    said = time.monotonic()
    message = await lab.ann.say(lab.channel, f"{lab.bot.mention} {WORDS}")
    thread = await lab.ann.sees_thread(message, timeout=PATIENCE)
    return thread, await _answered(lab, thread, message, said)


async def _known(lab: BotLab, thread: Thread) -> _Round:
    said = time.monotonic()
    message = await lab.ann.say(thread, WORDS)
    return await _answered(lab, thread, message, said)


async def _answered(lab: BotLab, thread: Thread, message: Message, said: float) -> _Round:
    reply = await lab.ann.sees(thread, STAMP, by=lab.bot, after=message, timeout=PATIENCE)
    _, written, visible = next(first_seen(reply.history))
    posted, about = f"/channels/{thread.id}/messages", f"/{message.id}/"
    calls: list[RestCall] = []

    def recorded() -> bool:
        calls[:] = (call for call in lab.discord.record if call.started >= said)
        return any(call.method == "POST" and call.path == posted for call in calls)

    await lab.discord.until(recorded, timeout=PATIENCE)  # A call is recorded when it has been answered.
    accepted = min(call.started for call in calls if call.path == posted or about in f"{call.path}/")
    return _Round(said, accepted, written, visible)


async def _measure_alone(run: Run, rounds: int) -> tuple[list[float], list[float]]:
    """Measure the agent without a bot and Discord. Returns milliseconds from its start, and from a second prompt."""
    new: list[float] = []
    known: list[float] = []
    with tempfile.TemporaryDirectory(prefix="threadline-bench-") as folder:
        cwd = Path(folder)
        for number in range(rounds):
            run.progress.step("the agent alone", number, rounds)
            starting = _stopwatch(new)
            async with asyncio.timeout(PATIENCE), baseline_client(AGENT, cwd=cwd, env=agent_environment()) as client:
                await client.open(cwd)
                await client.prompt(WORDS, starting)
                await client.prompt(WORDS, _stopwatch(known))
    return new, known


def _stopwatch(times: list[float]) -> Callable[[str], None]:
    """Start a stopwatch, which the returned function stops."""
    began = time.monotonic()
    return lambda _: times.append((time.monotonic() - began) * 1e3)


def _figures(where: str, rounds: Sequence[_Round], alone: Sequence[float], answers: float) -> list[Figure]:
    """`answers` is how many milliseconds of Discord's answers no bot can do without."""

    def milliseconds(since: Callable[[_Round], float], until: Callable[[_Round], float]) -> list[float]:
        return [(until(each) - since(each)) * 1e3 for each in rounds]

    count = f"{len(rounds)} rounds"
    total = milliseconds(lambda each: each.said, lambda each: each.visible)
    parts = {
        "accepted": (lambda each: each.said, lambda each: each.accepted, "said -> first request of the bot about it"),
        "prompt": (lambda each: each.said, lambda each: each.written, "said -> the agent has read the prompt"),
        "shown": (lambda each: each.written, lambda each: each.visible, "agent writes -> its text is visible"),
    }
    against = Against("the agent alone", percentile(alone, 50))
    figures = [
        Figure(f"{where}: p50", percentile(total, 50), "ms", f"said -> the agent's text is visible, {count}", against),
        Figure(f"{where}: p95", percentile(total, 95), "ms", "the same"),
        Figure(
            f"{where}, over the agent alone: p50",
            percentile(total, 50) - against.value,
            "ms",
            f"of which Discord's answers take up to {answers:.0f} ms",
        ),
    ]
    for name, (since, until, how) in parts.items():
        figures.append(Figure(f"{where}, {name}: p50", percentile(milliseconds(since, until), 50), "ms", how))
    return figures
