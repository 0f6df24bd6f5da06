"""Compares other threads' first text while one thread hangs and while all work, in turns."""

import asyncio
from typing import Final

from bench.harness import CHANNEL_SECONDS, PATIENCE, BotLab, bot_lab
from bench.run import Measurement, Run
from bench.statistics import Against, Figure, percentile
from loopback import Thread

STOPPED: Final = "Stopped by"
"""How a reply ends whose turn a person has stopped."""


async def _measure(run: Run) -> list[Figure]:
    count, rounds = run.choose((8, 6), (3, 2))
    free: list[float] = []
    while_hung: list[float] = []
    async with bot_lab(agents=count + 2) as lab:
        stuck, *threads = [await lab.ready_thread() for _ in range(count + 1)]
        for number in range(rounds):
            run.progress.step("rounds", number, rounds)
            free += await _pass(lab, threads)
            await lab.ann.say(stuck, f"say stuck {number}\nhang")
            await lab.ann.sees(stuck, f"stuck {number}", by=lab.bot, timeout=PATIENCE)
            while_hung += await _pass(lab, threads)
            await lab.ann.slash(stuck, "cancel")
            await lab.ann.sees(stuck, STOPPED, by=lab.bot, timeout=PATIENCE)
    how = f"said -> the agent's text is visible; {len(while_hung)} messages in {count} threads"
    return [
        Figure(
            "while one hangs: p50",
            percentile(while_hung, 50),
            "ms",
            how,
            Against("while none does", percentile(free, 50)),
        ),
        Figure("while one hangs: p95", percentile(while_hung, 95), "ms", "the same"),
        Figure("while none does: p95", percentile(free, 95), "ms", "the same"),
    ]


async def _pass(lab: BotLab, threads: list[Thread]) -> list[float]:
    """Post in each thread, one after another, with full message budgets. Returns milliseconds."""
    await asyncio.sleep(CHANNEL_SECONDS)
    return [await lab.first_text(thread) for thread in threads]


MEASUREMENT: Final = Measurement("hung-thread", "Other threads while one hangs", _measure)
