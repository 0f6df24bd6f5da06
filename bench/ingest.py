"""Measures the cost of a chunk with one to five hundred agents, and the effect of a flood."""

from collections.abc import Iterator
from statistics import median
from typing import Final

from bench.ingest_runner import CHARACTERS, RATE, Load, chunk_cost, read
from bench.run import Measurement, Run
from bench.statistics import Against, Figure, percentile

PAIRS: Final = 3
MANY: Final = 100
"""Loads with up to `MANY` agents are measured in `PAIRS` pairs. Starting more takes minutes."""

FLOOD_MB: Final = 8.0
"""The bound on a flood's memory."""

_MB: Final = 1e6


def _loads(run: Run) -> Iterator[Load]:
    chunks, seconds = run.choose((200_000, 5), (20_000, 2))
    for agents in run.choose((1, 10, 100, 500), (1, 10)):
        each = chunks // agents
        how = f"{each:,} chunks each, as fast as they are read"
        yield Load(f"flood, {agents} agents", agents, f"flood {each} {CHARACTERS}", how)
    for agents in run.choose((1, 10, 100, 500), (1, 10)):
        how = f"{RATE} chunks a second each, {seconds} s"
        yield Load(f"trickle, {agents} agents", agents, f"stamp {RATE * seconds} {RATE}", how)


async def _measure(run: Run) -> list[Figure]:
    figures = []
    loads = list(_loads(run))
    for number, load in enumerate(loads):
        run.progress.step(load.name, number, len(loads) + 3)
        pairs = run.choose(1 if load.agents > MANY else PAIRS, 1)
        ours, naive = await _costs(load, pairs)
        how = f"CPU, {load.how}" + (f"; medians of {pairs} pairs" if pairs > 1 else "")
        figures.append(Figure(load.name, ours, "ms per 1,000", how, Against("the naive reader", naive)))
    run.progress.step("a lone agent beside a flood", len(loads), len(loads) + 3)
    figures += await _beside(run)
    run.progress.step("memory in a flood", len(loads) + 1, len(loads) + 3)
    figures.append(await _flood(run))
    run.progress.step("a long line", len(loads) + 2, len(loads) + 3)
    return [*figures, await _line(run)]


async def _costs(load: Load, pairs: int) -> tuple[float, float]:
    """Measure our reader and the baseline in turns, so that other load on the machine affects both."""
    costs = [(await chunk_cost("acp", load), await chunk_cost("naive", load)) for _ in range(pairs)]
    ours, naive = zip(*costs, strict=True)
    return median(ours), median(naive)


MEASUREMENT: Final = Measurement("ingest", "Reading agents", _measure)


async def _beside(run: Run) -> list[Figure]:
    count = RATE * run.choose(10, 3)
    naive = (await read("beside", "naive", count, RATE))["late"]
    ours = (await read("beside", "acp", count, RATE))["late"]
    return [
        Figure(
            f"lone agent beside a flood, p{percent}",
            percentile(ours, percent),
            "ms",
            f"from written to read, {count:,} chunks, {RATE} a second",
            Against("the naive reader", percentile(naive, percent)),
        )
        for percent in (50, 99)
    ]


async def _flood(run: Run) -> Figure:
    seconds = run.choose(10, 3)
    grown = (await read("flood", "acp", seconds))["grown"] / _MB
    how = f"resident memory at most, beyond half a second of it, in {seconds} s"
    return Figure("growth in a flood", grown, "MB", how, Against("what is allowed", FLOOD_MB))


async def _line(run: Run) -> Figure:
    megabytes = run.choose(50, 5)
    result = await read("line", "acp", megabytes * 10**6)
    how = f"peak beyond the resident memory before it; it took {result['seconds']:.1f} s"
    return Figure(
        f"growth by a line of {megabytes} MB", result["grown"] / _MB, "MB", how, Against("the line", float(megabytes))
    )
