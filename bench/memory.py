"""Measures the bot's memory when idle, with agents, and while one of them floods it."""

import asyncio
import time
from typing import Final

from bench.cold_start import libraries
from bench.harness import PATIENCE, BotLab, bot_lab
from bench.procfs import children, peak_rss, rss, written
from bench.run import Measurement, Run
from bench.statistics import Against, Figure

CHARACTERS: Final = 20
ENDLESS: Final = 10**9
"""Chunks of a flood, which is stopped long before."""

CEILING: Final = 2 * 1024**3
"""The growth in bytes that ends the flood early, to spare the machine."""

LOOK_SECONDS: Final = 0.2
QUIET_SECONDS: Final = 2.0
"""Seconds after the last answer until the bot's work for it is done."""

_MB: Final = 1e6


async def _measure(run: Run) -> list[Figure]:
    agents, seconds = run.choose((10, 10), (3, 3))
    async with bot_lab(agents=agents + 1) as lab:
        await asyncio.sleep(QUIET_SECONDS)
        idle = rss(lab.pid)
        for number in range(agents):
            run.progress.step("starting agents", number, agents)
            await lab.ready_thread()
        await asyncio.sleep(QUIET_SECONDS)
        with_agents = rss(lab.pid)
        started = children(lab.pid)
        each = sum(map(rss, started)) / len(started)
        growth, told, lasted = await _flood(run, lab, seconds)
    alone = await libraries(1)
    return [
        Figure(
            "bot, idle",
            idle / _MB,
            "MB",
            "resident, connected, no agent yet; its helpers, if any, not counted",
            Against("Python with the bot's libraries", alone.resident / _MB),
        ),
        Figure(f"bot, {agents} idle agents", with_agents / _MB, "MB", "resident, each agent has answered once"),
        Figure("bot, for each agent", (with_agents - idle) / agents / 1e3, "kB", "the difference, for one"),
        Figure("an agent's process", each / _MB, "MB", f"resident, mean of {len(started)} scripted agents"),
        Figure(
            f"growth in {seconds} s of flood",
            growth / _MB,
            "MB",
            f"peak beyond the above while one agent writes {CHARACTERS}-character chunks without end, {lasted:.1f} s",
            Against("MB that the agent got rid of", told / _MB),
        ),
    ]


MEASUREMENT: Final = Measurement("memory", "Memory", _measure)


async def _flood(run: Run, lab: BotLab, seconds: float) -> tuple[int, int, float]:
    """Let one agent flood for `seconds`. Returns the growth in bytes, the bytes written, and the seconds."""
    thread = await lab.ready_thread()
    agent = children(lab.pid)[-1]
    before, told, began = rss(lab.pid), written(agent), time.monotonic()
    message = await lab.ann.say(thread, f"flood {ENDLESS} {CHARACTERS}")
    await lab.ann.sees(thread, "word", by=lab.bot, after=message, timeout=PATIENCE)
    async with run.progress.lasting("one agent floods", seconds):
        for _ in range(int(seconds / LOOK_SECONDS)):
            await asyncio.sleep(LOOK_SECONDS)
            if peak_rss(lab.pid) - before > CEILING:
                break
    return peak_rss(lab.pid) - before, written(agent) - told, time.monotonic() - began
