"""Measures a start of the bot until it is connected, `threadline --help`, and what the libraries take of it."""

import asyncio
import signal
import sys
import time
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from bench.agent_command import ROOT
from bench.harness import PATIENCE, bot_lab, restarted
from bench.procfs import cpu_seconds
from bench.run import Failed, Measurement, Run
from bench.statistics import Against, Figure, percentile

IDENTIFY_SECONDS: Final = 6.0
"""Seconds after which the bot need not wait before it identifies again: Discord takes one identify in five."""

LIBRARIES: Final = """
import os
from bot.cli.lean_imports import import_lean
import_lean()
import aiohttp, click, discord, pydantic, sqlite3
class Model(pydantic.BaseModel):
    field: int
with open("/proc/self/statm") as file:
    print(int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE"))
"""
"""Imports the bot's libraries as the bot does, and prints the resident bytes. A first model loads half of pydantic."""


@dataclass(frozen=True, slots=True)
class Libraries:
    """What Python with the libraries takes, and nothing of the bot."""

    milliseconds: float
    resident: float
    """Bytes."""


async def libraries(rounds: int) -> Libraries:
    """Start Python with the libraries so often, after a first time, and return the medians."""
    await _output("-c", LIBRARIES)
    times: list[float] = []
    sizes: list[float] = []
    for _ in range(rounds):
        began = time.monotonic()
        sizes.append(float(await _output("-c", LIBRARIES)))
        times.append((time.monotonic() - began) * 1e3)
    return Libraries(percentile(times, 50), percentile(sizes, 50))


async def _output(*argv: str) -> bytes:
    """Run Python in the project's folder, and return its output."""
    process = await asyncio.create_subprocess_exec(sys.executable, *argv, cwd=ROOT, stdin=DEVNULL, stdout=PIPE)
    async with asyncio.timeout(PATIENCE):
        output, _ = await process.communicate()
    if process.returncode:
        raise Failed(f"python {argv[0]} ended with exit code {process.returncode}")
    return output


async def _measure(run: Run) -> list[Figure]:
    rounds = run.choose(10, 3)
    starts: list[float] = []
    cpu: list[float] = []
    async with bot_lab(agents=1) as lab:
        for number in range(rounds):
            run.progress.step("starts", number, rounds)
            lab.process.send_signal(signal.SIGKILL)
            await lab.process.ended()
            await lab.discord.until(lambda: not lab.discord.is_connected(lab.bot))
            await asyncio.sleep(IDENTIFY_SECONDS)
            began = time.monotonic()
            async with restarted(lab) as started:
                starts.append((time.monotonic() - began) * 1e3)
                cpu.append(cpu_seconds(started.pid) * 1e3)
    shown = await _times(rounds, "-m", "bot", "--help")
    python = await _times(rounds, "-c", "")
    alone = await libraries(rounds)
    return [
        Figure(
            "start until connected: p50",
            percentile(starts, 50),
            "ms",
            f"{rounds} starts after a first one; loopback answers at once",
            Against("the libraries alone", alone.milliseconds),
        ),
        Figure("its CPU: p50", percentile(cpu, 50), "ms", "until then, in steps of 10 ms"),
        Figure(
            "threadline --help: p50",
            percentile(shown, 50),
            "ms",
            f"{rounds} times",
            Against("Python alone", percentile(python, 50)),
        ),
    ]


MEASUREMENT: Final = Measurement("start", "Start", _measure)


async def _times(rounds: int, *argv: str) -> Sequence[float]:
    times = []
    for _ in range(rounds):
        began = time.monotonic()
        await _output(*argv)
        times.append((time.monotonic() - began) * 1e3)
    return times
