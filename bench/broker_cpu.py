"""Measures the CPU cost of a chunk for the process that reads the agents."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final

from bench.harness import PATIENCE, BotLab, bot_lab
from bench.ingest_runner import CHARACTERS, RATE, Load, chunk_cost
from bench.procfs import cpu_seconds
from bench.run import Measurement, Run
from bench.statistics import Against, Figure
from loopback import Thread

LAST_WORD: Final = "finished"


async def _measure(run: Run) -> list[Figure]:
    flood, trickle, seconds = run.choose((20_000, 50, 5), (5_000, 10, 2))
    loads = (
        Load("flood", 10, f"flood {flood} {CHARACTERS}", f"10 agents, {flood:,} chunks each, as fast as they are read"),
        Load(
            "trickle",
            trickle,
            f"stamp {RATE * seconds} {RATE}",
            f"{trickle} agents, {RATE} chunks a second each, {seconds} s",
        ),
    )
    figures: list[Figure] = []
    costs: dict[str, float] = {}
    for number, load in enumerate(loads):
        run.progress.step(f"{load.name}, naive", 2 * number, 4)
        naive = await chunk_cost("naive", load)
        run.progress.step(f"{load.name}, acp", 2 * number + 1, 4)
        ours = await chunk_cost("acp", load)
        costs[load.name] = naive
        figures.append(Figure(f"acp, {load.name}", ours, "ms per 1,000", load.how, Against("the naive reader", naive)))
    return figures + await _whole_bot(run, costs)


MEASUREMENT: Final = Measurement("broker-cpu", "Broker CPU per 1,000 chunks", _measure)


# ---- the whole bot


async def _whole_bot(run: Run, naive: Mapping[str, float]) -> list[Figure]:
    threads, flood, seconds = run.choose((10, 2_000, 10), (4, 500, 4))
    async with bot_lab(agents=threads + 1) as lab:
        run.progress.step("opening threads", 0, 1)
        ready = await asyncio.gather(*(lab.ready_thread() for _ in range(threads)))
        loads = (
            Load(
                "flood", threads, f"flood {flood} {CHARACTERS // 4}", f"{threads} threads, {flood:,} short chunks each"
            ),
            Load(
                "trickle",
                threads,
                f"stamp {RATE * seconds} {RATE}",
                f"{threads} threads, {RATE} chunks a second each, {seconds} s",
            ),
        )
        figures = []
        for load, each in zip(loads, (flood, RATE * seconds), strict=True):
            async with run.progress.lasting(f"{load.name}, whole bot", seconds):
                cost = await _serve(lab, ready, load.words) / (threads * each) * 1e6
            how = f"{load.how}, from the prompts until all is posted"
            compared = Against("the naive reader, which posts nothing", naive[load.name])
            figures.append(Figure(f"whole bot, {load.name}", cost, "ms per 1,000", how, compared))
    return figures


async def _serve(lab: BotLab, threads: Sequence[Thread], words: str) -> float:
    """Return the CPU seconds of the bot until every thread's answer is posted whole."""
    before = cpu_seconds(lab.pid)
    asked = [await lab.ann.say(thread, f"{words}\nsay {LAST_WORD}") for thread in threads]
    for thread, message in zip(threads, asked, strict=True):
        await lab.ann.sees(thread, LAST_WORD, by=lab.bot, after=message, timeout=PATIENCE)
    return cpu_seconds(lab.pid) - before
