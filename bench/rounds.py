"""Measures how long agent starts hold the event loop, and whether ended agents leave processes behind."""

import asyncio
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final
from uuid import uuid4

from acp import Launch, end_survivors, environment
from acp.connection import Connection
from acp.process.agent_process import AgentProcess
from acp.process.orphans import MARKER
from bench.procfs import having
from bench.run import Failed, Measurement, Run
from bench.statistics import Against, Figure, percentile

AT_ONCE: Final = 50
"""Agents that live at the same time. Each takes a second to end, the time of its children after SIGTERM."""

STUBBORN: Final = """
trap '' TERM
sleep 1000 &
setsid sleep 1000 &
( setsid sh -c 'sleep 1000 & exec sleep 1000' & )
echo '{"method": "ready"}'
read -r line
"""
"""An agent that ends with its input, and leaves four children that ignore SIGTERM, three in own sessions."""

PLAIN: Final = """
echo '{"method": "ready"}'
read -r line
"""

TICK: Final = 0.001
READY_SECONDS: Final = 60.0


class _Shell:
    """An agent that is a shell script, whose output matters only until it is ready."""

    def __init__(self, process: AgentProcess) -> None:
        self.process = process
        self.ready = asyncio.Event()
        connection = Connection(
            process,
            on_request=lambda _: False,
            on_notification=lambda _: self.ready.set(),
            on_text=lambda *_: None,
            on_unread=lambda *_: None,
        )
        process.attach(connection)

    @classmethod
    async def start(cls, code: str, marker: str) -> "_Shell":
        launch = Launch("/bin/sh", ("-c", code), Path.cwd(), environment(os.environ, inherit=(), env={}))
        shell = cls(await AgentProcess.spawn(launch, marker))
        try:
            async with asyncio.timeout(READY_SECONDS):
                await shell.ready.wait()
        except TimeoutError:
            await shell.process.stop()
            raise Failed("an agent that is a few lines of shell did not start") from None
        return shell


async def _measure(run: Run) -> list[Figure]:
    if sys.version_info < (3, 12):
        # As the bot does. Later versions choose it by default.
        watcher = asyncio.PidfdChildWatcher()
        watcher.attach_loop(asyncio.get_running_loop())
        asyncio.set_child_watcher(watcher)
    return [*await _spawns(run), *await _rounds(run)]


MEASUREMENT: Final = Measurement("rounds", "Starting and ending agents", _measure)


async def _spawns(run: Run) -> list[Figure]:
    count = run.choose(100, 20)
    marker = uuid4().hex
    lags: list[float] = []
    watching = asyncio.create_task(_watch(lags.append), name="lag")
    began = time.monotonic()
    shells = await asyncio.gather(*(_Shell.start(PLAIN, f"{marker}/{number}") for number in range(count)))
    took = time.monotonic() - began
    watching.cancel()
    await asyncio.gather(*(shell.process.stop() for shell in shells))
    return [
        Figure(f"{count} spawns at once", took * 1e3 / count, "ms each", "until each has said that it is ready"),
        Figure(f"the loop during {count} spawns", percentile(lags, 100), "ms", "longest that it held up a timer"),
    ]


async def _watch(on_lag: Callable[[float], None]) -> None:
    while True:
        began = time.monotonic()
        await asyncio.sleep(TICK)
        on_lag((time.monotonic() - began - TICK) * 1e3)


async def _rounds(run: Run) -> list[Figure]:
    count = run.choose(1000, 50)
    marker = uuid4().hex
    starting = asyncio.Semaphore(AT_ONCE)
    done, seconds = 0, list[float]()

    async def one(number: int) -> None:
        nonlocal done
        async with starting:
            shell = await _Shell.start(STUBBORN, f"{marker}/{number}")
            began = time.monotonic()
            await shell.process.stop()
            seconds.append(time.monotonic() - began)
        done += 1
        run.progress.step("rounds", done, count)

    await asyncio.gather(*map(one, range(count)))
    left = len(having(f"{MARKER}={marker}/"))  # Not by the code under measurement.
    await end_survivors(f"{marker}/", gently=False)
    return [
        Figure(
            f"left after {count:,} rounds",
            left,
            "processes",
            f"each agent left 4 children that ignore SIGTERM, 3 of them in sessions of their own; {AT_ONCE} at a time",
            Against("the children", 4.0 * count),
        ),
        Figure("a stop, p50", percentile(seconds, 50), "s", "children that ignore SIGTERM get 1 s"),
    ]
