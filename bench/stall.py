"""Measures how long the worst inputs hold the bot's event loop, and their effect on other threads."""

import asyncio
import signal
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from bench.harness import BotLab, bot_lab
from bench.hostile_input import CASES, SHAPES, SMALL_BUDGET
from bench.run import Measurement, Run
from bench.statistics import Against, Figure
from bench.timed_bot import Holds
from bot.config.appearance import DONE, FAILED
from loopback import Thread

PATIENCE: Final = 120.0
"""The bound on a case in seconds. Only a failure takes so long."""

STOP_BUDGET: Final = 25_000.0
"""The bound on a stop in milliseconds."""

SHORT: Final = 8
"""Shapes of text in a quick run."""


async def _measure(run: Run) -> list[Figure]:
    cases = [*CASES]
    if run.quick:
        skipped = [*SHAPES][SHORT:]
        cases = [name for name in cases if name.partition(":")[2] not in skipped]
    figures = []
    with tempfile.TemporaryDirectory(prefix="threadline-bench-") as folder:
        holds = Holds(Path(folder) / "holds")
        program = ("bench.timed_bot", str(Path(folder) / "holds"))
        async with bot_lab(agents=4, limits=(), program=program) as lab:
            fed, other = await lab.ready_thread(), await lab.ready_thread()
            for number, name in enumerate(cases):
                case = CASES[name]
                run.progress.step(name, number, len(cases))
                feed = _fed(lab, fed, name, number)
                figures.append(await _held(lab, other, holds, (case.title, case.budget), feed))
            for title, send in PEOPLE.items():
                run.progress.step(title, len(cases), len(cases))
                figures.append(await _held(lab, other, holds, (title, SMALL_BUDGET), send(lab, fed)))
            figures.append(await _stopped(lab, fed, other))
    return figures


async def _held(lab: BotLab, other: Thread, holds: Holds, case: tuple[str, float], feed: Awaitable[None]) -> Figure:
    """Feed the bot, and post in another thread at the same time."""
    title, budget = case
    holds.take()
    feeding = asyncio.ensure_future(feed)
    try:
        first_text = await lab.first_text(other)
        await feeding
    finally:
        feeding.cancel()
    hold = holds.take()
    how = f"CPU; {hold.wall:.0f} ms on the clock; another thread's first text after {first_text:.0f} ms; {hold.where}"
    return Figure(title, hold.cpu, "ms", how, Against("the budget", budget))


async def _stopped(lab: BotLab, *threads: Thread) -> Figure:
    """Stop the bot while agents write the worst cases."""
    for thread, name in zip(threads, ("question:large", "diff:crafted"), strict=True):
        await lab.ann.say(thread, f"hostile {name}\nhostile line:15MB\nhostile text:quote marks\nhang deaf")
    await lab.ann.sees(threads[-1], ">", by=lab.bot, timeout=PATIENCE)
    began = time.monotonic()
    lab.process.send_signal(signal.SIGTERM)
    async with asyncio.timeout(PATIENCE):
        await lab.process.ended()
    how = f"from SIGTERM to exit code {lab.process.exit_code}, while two agents write such things and hang"
    return Figure("the bot's end", (time.monotonic() - began) * 1e3, "ms", how, Against("the budget", STOP_BUDGET))


async def _fed(lab: BotLab, thread: Thread, name: str, number: int) -> None:
    """Let the thread's agent write a case, and wait for the answer to the next message."""
    message = await lab.ann.say(thread, f"hostile {name}")
    await lab.discord.until(lambda: any(sign in message.reactions for sign in (DONE, FAILED)), timeout=PATIENCE)
    await _settled(lab, thread, f"after {number}")


async def _settled(lab: BotLab, thread: Thread, words: str) -> None:
    message = await lab.ann.say(thread, f"say {words}")
    await lab.ann.sees(thread, words, by=lab.bot, after=message, timeout=PATIENCE)


MEASUREMENT: Final = Measurement("stall", "The longest hold of the event loop", _measure)


# ---- what people send


async def _files(lab: BotLab, thread: Thread) -> None:
    content = b"> " * 500_000
    await lab.ann.say(thread, "say files", files=[(f"{number}.txt", content) for number in range(10)])
    await _settled(lab, thread, "after the files")


async def _texts(lab: BotLab, thread: Thread) -> None:
    for text in (">" * 2_000, "`" * 2_000, "[a](" * 500, "<@" * 1_000, "\u0301" * 2_000, "||" * 1_000):
        await lab.ann.say(thread, f"say {text[:1_990]}")
    await _settled(lab, thread, "after the texts")


async def _burst(lab: BotLab, thread: Thread) -> None:
    for number in range(40):
        await lab.ann.say(thread, f"say {number}")
    await _settled(lab, thread, "after the burst")


async def _edits(lab: BotLab, thread: Thread) -> None:
    """Edit queued messages, list the queue, and export the thread."""
    await lab.ann.say(thread, "say begun\nsleep 2")
    waiting = [await lab.ann.say(thread, f"say {number}") for number in range(20)]
    for shape in ("> ", "```\n", "\u0301", "[a]("):
        for message in waiting:
            await lab.ann.edit(message, (shape * 2_000)[:2_000])
        await lab.ann.slash(thread, "queue")
    exported = await lab.ann.slash(thread, "export")
    await lab.discord.until(lambda: exported.message is not None, timeout=PATIENCE)
    await lab.ann.slash(thread, "sessions")
    await _settled(lab, thread, "after the edits")


PEOPLE: Final[dict[str, Callable[[BotLab, Thread], Awaitable[None]]]] = {
    "ten text files of a megabyte": _files,
    "messages of 2,000 hostile characters": _texts,
    "40 messages at once": _burst,
    "80 edits, lists of what waits, an export": _edits,
}
