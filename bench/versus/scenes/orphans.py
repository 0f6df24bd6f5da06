"""What is left of agents and their tools after the bot has ended: by SIGTERM, and by SIGKILL."""

import asyncio
import signal
from contextlib import suppress
from typing import Final

from bench.statistics import Figure
from bench.versus.scene import Scene
from bench.versus.stage import Stage
from bench.versus.verdicts import demand

AFTER_TERM: Final = "after SIGTERM no process of its agents is left"
AFTER_KILL: Final = "after SIGKILL and a restart no process of its earlier agents is left"

MOMENT_SECONDS: Final = 2.0
"""Seconds for processes to leave the table after the bot has ended."""

LOOK_SECONDS: Final = 0.5


async def _play(stage: Stage) -> None:
    talk = await stage.begin("child deaf\nchild deaf setsid\ntell born", "born")
    with stage.verdicts.judging(AFTER_TERM):
        there = stage.agents()
        await stage.end(signal.SIGTERM)
        left = await _left(stage, there, MOMENT_SECONDS)
        demand(not left, f"{len(left)} of {len(there)} processes are left")
    await stage.start()
    again = await talk.say("child deaf\nchild deaf setsid\ntell again")
    await talk.sees("again", after=again)
    there = stage.agents()
    await stage.end(signal.SIGKILL)
    left = await _left(stage, there, MOMENT_SECONDS)
    stage.verdicts.figures.append(Figure("left after SIGKILL", len(left), "processes", "before a restart"))
    with stage.verdicts.judging(AFTER_KILL):
        await stage.start()
        left = await _left(stage, there, stage.patience)
        demand(not left, f"{len(left)} of {len(there)} processes are left")


async def _left(stage: Stage, there: set[int], seconds: float) -> set[int]:
    """Wait until none of these processes lives, and return those that still do after the time."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while there & stage.agents():  # noqa: ASYNC110 - the kernel tells no event of processes that are no children
                await asyncio.sleep(LOOK_SECONDS)
    return there & stage.agents()


SCENE: Final = Scene("orphans", "Processes that are left", (AFTER_TERM, AFTER_KILL), _play)
