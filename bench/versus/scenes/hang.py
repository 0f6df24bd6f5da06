"""Beside a hang: other threads while the agent of one does not answer."""

from collections.abc import Iterable
from typing import Final

from bench.statistics import Figure, percentile
from bench.versus.scene import Scene
from bench.versus.scenes.first_text import delay
from bench.versus.stage import Stage
from loopback import Thread

ANSWERED: Final = "other threads are answered while the agent of one hangs"


async def _play(stage: Stage) -> None:
    stuck, *others = [await stage.open(name) for name in ("stuck", *("other",) * stage.run.choose(6, 2))]
    for place in (stuck, *others):
        asked = await stage.ask("tell ready", place)
        await stage.sees("ready", after=asked, place=place)
    await stage.pause()
    free = await _first_texts(stage, others)
    asked = await stage.ask("tell begun\nhang", stuck)
    await stage.sees("begun", after=asked, place=stuck)
    await stage.pause()
    with stage.verdicts.judging(ANSWERED):
        while_hung = await _first_texts(stage, others)
        how = f"said -> the agent's text is visible; {len(others)} threads"
        stage.verdicts.figures += [
            Figure("first text, none hangs, p50", percentile(free, 50) * 1e3, "ms", how),
            Figure("first text, one hangs, p50", percentile(while_hung, 50) * 1e3, "ms", how),
        ]


async def _first_texts(stage: Stage, places: Iterable[Thread]) -> list[float]:
    """Say something in each thread, one after another. Returns the seconds until each first text."""
    found = []
    for place in places:
        asked = await stage.ask("tell first", place)
        found.append(delay(asked, await stage.sees("first", after=asked, place=place)))
    return found


SCENE: Final = Scene("hang", "Beside a hang", (ANSWERED,), _play, threads=7)
