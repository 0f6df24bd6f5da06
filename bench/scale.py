"""Measures a start and the loop's longest step with a million journal rows and a thousand queued conversations."""

import asyncio
import re
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Final

from bench.harness import BotLab, bot_lab, restarted
from bench.procfs import cpu_seconds, rss
from bench.run import Measurement, Run
from bench.statistics import Against, Figure
from bench.timed_bot import Hold, Holds
from loopback.harness import Lab
from pool.journal.journal import Journal

AGENTS: Final = 8
MOST_THREADS: Final = 1_000
"""Discord's bound on active threads of a server."""

OF_A_THREAD: Final = 50
"""Exchanges in one thread."""

TEXT: Final = "A sentence of the kind that people write to agents, and agents write to people. " * 5

FIRST: Final = 10**16
"""The first id of old messages. Loopback's ids are larger."""

PATIENCE: Final = 300.0
"""Seconds until a thousand threads show that they wait, at the pace that Discord allows."""

STEP_MS: Final = 50.0
START_SECONDS: Final = 5.0
"""The aims for a step of the loop and for a start."""

OTHERS: Final = "wall, with what else the machine does"

AT_WORK: Final = re.compile("in the queue|Working…|No output")
"""What a thread shows while its request waits or runs."""

_MB: Final = 1e6


async def _prepare(exchanges: int, _lab: Lab, path: Path) -> None:
    await asyncio.to_thread(_fill, exchanges, path)


def _fill(exchanges: int, path: Path) -> None:
    """Create a journal of answered exchanges, each with a message, a page and a posted message."""
    Journal.open(path).close()
    yesterday = time.time() - 86_400

    def ids() -> Iterator[tuple[int, int]]:
        for number in range(exchanges):
            yield FIRST + number - number % OF_A_THREAD, FIRST + number

    with closing(sqlite3.connect(path)) as db, db:
        db.executemany(
            "INSERT INTO conversations (thread_id, channel_id, guild_id, created) VALUES (?, 2, 3, 0)",
            ((thread,) for thread, each in ids() if thread == each),
        )
        db.executemany(
            "INSERT INTO messages (message_id, thread_id, author_id, state, reason, received, request, exchange_id)"
            " VALUES (?, ?, 4, 'answered', 'end_turn', ?, ?, ?)",
            ((each, thread, yesterday, TEXT, each) for thread, each in ids()),
        )
        db.executemany("INSERT INTO pages VALUES (?, 0, ?)", ((each, TEXT) for _, each in ids()))
        db.executemany(
            "INSERT INTO posts (exchange_id, number, content, message_id) VALUES (?, 0, ?, ?)",
            ((each, TEXT, 2 * FIRST + each) for _, each in ids()),
        )


async def _measure(run: Run) -> list[Figure]:
    exchanges, waiting, rest = run.choose((333_334, MOST_THREADS - AGENTS, 60.0), (20_000, 50, 10.0))
    rows, figures = exchanges * 3, list[Figure]()
    with tempfile.TemporaryDirectory(prefix="threadline-bench-") as folder:
        holds = Holds(Path(folder) / "holds")
        program = ("bench.timed_bot", str(Path(folder) / "holds"))
        run.progress.step("filling the journal", 0, 1)
        async with bot_lab(agents=AGENTS, program=program, prepare=partial(_prepare, exchanges)) as lab:
            await asyncio.sleep(2)  # Until it has read the journal.
            figures += _held(f"start, {rows:,} rows", holds.take())
            figures.append(Figure("memory, nothing to do", rss(lab.pid) / _MB, "MB", f"resident, {rows:,} rows"))
            await _line_up(run, lab, waiting)
            figures += _held(f"{waiting:,} come into line", holds.take())
            figures.append(Figure(f"memory, {waiting:,} in line", rss(lab.pid) / _MB, "MB", "resident"))
            began = time.monotonic()
            async with restarted(lab) as again:
                took, spent = time.monotonic() - began, cpu_seconds(again.pid)
                how = f"CPU; killed -> connected again, {rows:,} rows, {waiting:,} in line"
                figures.append(Figure("start", spent, "s", how, Against("the aim", START_SECONDS)))
                figures.append(Figure("the same on the clock", took, "s", OTHERS))
                async with run.progress.lasting("after a restart", rest):
                    await asyncio.sleep(rest)
                figures += _held(f"start with {waiting:,} in line", holds.take())
                figures.append(Figure("memory, after a restart", rss(again.pid) / _MB, "MB", "resident"))
    return figures


def _held(what: str, hold: Hold) -> list[Figure]:
    """Return the figures of the loop's longest step: its CPU time, and its time on the clock."""
    return [
        Figure(f"longest step: {what}", hold.cpu, "ms", f"CPU; {hold.where}", Against("the aim", STEP_MS)),
        Figure("the same on the clock", hold.wall, "ms", OTHERS),
    ]


async def _line_up(run: Run, lab: BotLab, waiting: int) -> None:
    """Let all agents hang and `waiting` threads queue. A person opens the threads, as Discord limits bots more."""
    threads = [await lab.ann.open_thread(lab.channel, f"thread {number}") for number in range(AGENTS + waiting)]
    for thread in threads:
        await lab.ann.say(thread, f"{lab.bot.mention} hang")
    for number, thread in enumerate(threads):
        run.progress.step("threads in line", number, len(threads))
        await lab.ann.sees(thread, AT_WORK, by=lab.bot, timeout=PATIENCE)


MEASUREMENT: Final = Measurement("scale", "A million rows, a thousand conversations", _measure)
