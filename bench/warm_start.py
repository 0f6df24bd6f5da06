"""Compares a warm spare with a live session: the first text after a new thread's first and second message."""

import asyncio
from typing import Final

from bench.agent_command import AGENT
from bench.harness import CHANNEL_SECONDS, bot_lab
from bench.run import Measurement, Run
from bench.statistics import Against, Figure, percentile

SLOW: Final = (*AGENT, "--initialize-delay", "2", "--new-delay", "0.05", "--first-delay", "1")
"""An agent that is as slow as real ones."""

REFILL_SECONDS: Final = 4.0
"""Seconds for the next spare: the pool checks once a second, and a start takes two."""


async def _measure(run: Run) -> list[Figure]:
    rounds = run.choose(12, 3)
    new: list[float] = []
    live: list[float] = []
    async with bot_lab(agents=rounds + 2, agent=SLOW, warm=1) as lab:
        for number in range(rounds):
            run.progress.step("rounds", number, rounds)
            await asyncio.sleep(REFILL_SECONDS)
            # A person opens the thread, to exclude the bot's time for it.
            thread = await lab.ann.open_thread(lab.channel, f"thread {number}")
            new.append(await lab.first_text(thread, f"{lab.bot.mention} stamp 1 1"))
            await asyncio.sleep(CHANNEL_SECONDS)
            live.append(await lab.first_text(thread))
    how = f"said -> the agent's text is visible; {rounds} rounds; initialize 2 s, session/new 50 ms, first token 1 s"
    return [
        Figure(
            "with a warm spare: p50", percentile(new, 50), "ms", how, Against("a live session", percentile(live, 50))
        ),
        Figure("with a warm spare: p95", percentile(new, 95), "ms", "the same"),
        Figure("live session: p95", percentile(live, 95), "ms", "the same"),
    ]


MEASUREMENT: Final = Measurement("warm-start", "Warm spare against a live session", _measure)
