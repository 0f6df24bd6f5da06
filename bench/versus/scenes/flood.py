"""An agent that says more than anyone can read: as many lines as it can write, and one line of a megabyte."""

from typing import Final

from bench.procfs import peak_rss, rss
from bench.statistics import Figure
from bench.versus.scene import Scene
from bench.versus.stage import Stage

OTHERS: Final = "another thread is answered during the flood"
NEXT: Final = "the flooded thread answers the next message"
LINE: Final = "text on a line of a megabyte is visible"

LINES: Final = 100_000
"""Lines after which the flood ends at the latest: 10 MB of text, 24 MB of protocol."""

BYTES: Final = 1_000_000


async def _play(stage: Stage) -> None:
    flooded, other = [await stage.open(name) for name in ("flooded", "other")]
    for place in (flooded, other):
        await stage.sees("ready", after=await stage.ask("tell ready", place), place=place)
    before = sum(map(rss, stage.bot_pids()))
    asked = await stage.ask(f"pour flood {stage.run.choose(LINES, LINES // 10)}", flooded)
    await stage.sees("flood0", after=asked, place=flooded)
    with stage.verdicts.judging(OTHERS):
        await stage.sees("beside", after=await stage.ask("tell beside", other), place=other)
    with stage.verdicts.judging(NEXT):
        await stage.sees("next", after=await stage.ask("tell next", flooded), place=flooded)
    growth = sum(map(peak_rss, stage.bot_pids())) - before
    with stage.verdicts.judging(LINE):
        await stage.sees("stretched", after=await stage.ask(f"stretch stretched {BYTES}", other), place=other)
    stage.verdicts.figures.append(
        Figure("growth of memory", growth / 1e6, "MB", "of the bot without its agents, at its peak")
    )


SCENE: Final = Scene("flood", "Floods", (OTHERS, NEXT, LINE), _play, threads=2)
