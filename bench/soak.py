"""Measures whether memory, journal, log and attachments stay bounded in a virtual day of 200 threads with restarts.

The real bot and loopback share one process and one event loop whose clock jumps. Agents are in memory. The bot's memory
is that of all objects reachable from the bot, its tasks, and the module-level values of its packages and of discord.py.
The memory of the process includes loopback and the agents.
"""

import asyncio
import gc
import json
import logging
import os
import random
import sys
import tempfile
import time
from asyncio import Runner
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import pytest

import acp.places.here
from acp.process.agent_process import Launch
from bench.agent_command import ROOT
from bench.object_memory import globals_of, reachable_bytes
from bench.procfs import rss
from bench.run import Failed, Measurement, Run
from bench.statistics import Against, Figure
from bot.app import App
from bot.config.load import load
from bot.operations import logs
from loopback import Channel, Loopback, Thread, User
from loopback.harness import Lab, configuration
from tests.support.memory_agent import Json, MemoryAgent
from tests.support.virtual_time import VirtualLoop

HOUR: Final = 3600.0

RESTART_HOURS: Final = 4

SAMPLE_HOURS: Final = 1

TURN_SECONDS: Final = 20.0
"""The duration of an answer in virtual time."""

HEARTBEAT_SECONDS: Final = 10**7
"""Practically no heartbeats, because discord.py sends them from a thread by the real clock."""

COUNTED: Final = ("bot", "pool", "acp", "discord")
"""Packages whose memory counts as the bot's."""

STRANGERS: Final = ("loopback", "bench", "tests")
"""Packages whose objects do not count."""

PARTS: Final = 4
"""Pieces of an answer. Each is an edit, and edits take most of the real time."""

KEPT: Final = 10
"""Messages that loopback keeps in each channel and thread."""

ANSWER: Final = "Some **words** about `code`, a list:\n\n- one\n- two\n\n```python\nx = 1\n```\n\n" * 12

FILE: Final = ("notes.txt", b"some notes\n" * 2_000)


@dataclass(frozen=True, slots=True)
class Sample:
    """The bot's memory and files at one moment in bytes, and its number of tasks."""

    memory: int
    process: int
    journal: int
    log: int
    attachments: int
    tasks: int


async def _measure(run: Run) -> list[Figure]:
    threads, hours = run.choose((200, 24), (20, 6))
    samples, messages = await _child(run, threads, hours)
    half, last = samples[len(samples) // 2 - 1], samples[-1]
    how = f"{threads} threads, {hours} h of virtual time, {messages} messages, a restart every {RESTART_HOURS} h"
    what = f"after {hours // 2} h"
    return [
        Figure("memory of the bot", last.memory / 1e6, "MB", how, Against(what, half.memory / 1e6)),
        Figure(
            "memory of the process",
            last.process / 1e6,
            "MB",
            "resident; loopback and the agents too",
            Against(what, half.process / 1e6),
        ),
        Figure("journal", last.journal / 1e6, "MB", "kept for 30 days", Against(what, half.journal / 1e6)),
        Figure("journal for each message", last.journal / messages / 1e3, "kB", "the same"),
        Figure("log", last.log / 1e6, "MB", "two files of 1 MiB at most", Against(what, half.log / 1e6)),
        Figure(
            "attachments",
            last.attachments / 1e6,
            "MB",
            "kept for 7 days, 2 GiB at most",
            Against(what, half.attachments / 1e6),
        ),
        Figure("tasks of the event loop", last.tasks, "tasks", "loopback's included", Against(what, half.tasks)),
    ]


MEASUREMENT: Final = Measurement("soak", "A day in virtual time", _measure)


async def _child(run: Run, threads: int, hours: int) -> tuple[list[Sample], int]:
    """Run the day in a process of its own, because its clock jumps. Returns its samples and message count."""
    argv = (sys.executable, "-m", "bench.soak", str(threads), str(hours))
    process = await asyncio.create_subprocess_exec(*argv, stdout=PIPE, cwd=ROOT)
    assert process.stdout is not None  # noqa: S101 - for the types
    samples, messages = list[Sample](), 0
    async for line in process.stdout:
        told = json.loads(line)
        messages = told.pop("messages")
        samples.append(Sample(**told))
        run.progress.step("virtual hours", len(samples) * SAMPLE_HOURS, hours)
    if await process.wait() or not samples:
        raise Failed(f"the day ended with exit code {process.returncode}")
    return samples, messages


def _main(threads: int, hours: int) -> None:
    with Runner(loop_factory=VirtualLoop) as runner, tempfile.TemporaryDirectory(prefix="threadline-bench-") as folder:
        loop = runner.get_loop()
        began = time.time() - loop.time()
        with _patched(loop, began):
            runner.run(_day(Path(folder), threads, hours))


@contextmanager
def _patched(loop: asyncio.AbstractEventLoop, began: float) -> Iterator[None]:
    """Let the wall clock follow the loop's, and put agents into memory."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "time", lambda: began + loop.time())
        patch.setattr(acp.places.here, "AgentProcess", _Worker)  # What `Agent.spawn` starts.
        yield


class _Worker(MemoryAgent):
    """An agent that answers each prompt with some text and a tool call."""

    @classmethod
    async def spawn(cls, _launch: Launch, _marker: str) -> "_Worker":
        return cls(capabilities={"loadSession": True})

    def _answer_by_itself(self, request: Json) -> None:
        if request.get("method") != "session/prompt":
            super()._answer_by_itself(request)
            return
        session_id, loop = request["params"]["sessionId"], asyncio.get_running_loop()
        self.received.clear()
        self._untaken.clear()
        for part in range(PARTS):
            text = ANSWER[part * len(ANSWER) // PARTS : (part + 1) * len(ANSWER) // PARTS]
            loop.call_later(TURN_SECONDS * part / PARTS, self.text, session_id, text)
        call = {"toolCallId": f"call-{request['id']}", "title": "Run the tests", "kind": "execute"}
        for status in ("in_progress", "completed"):
            loop.call_soon(self.update, session_id, {"sessionUpdate": "tool_call", "status": status, **call})
        loop.call_later(TURN_SECONDS, self.end_turn, request)


async def _day(folder: Path, count: int, hours: int) -> None:
    dice, loop = random.Random(5), asyncio.get_running_loop()
    discord = Loopback(clock=time.time, heartbeat=HEARTBEAT_SECONDS)
    async with discord:
        lab = Lab.furnish(discord, "ann", token="soak", patience=HOUR)  # noqa: S106 - opens nothing
        config = _configuration(folder, lab)
        threads, said = list[Thread](), 0
        with _logged(folder):
            for hour in range(0, hours, RESTART_HOURS):
                async with _running(config, lab) as (app, running):
                    while len(threads) < count:
                        threads.append(await lab.thread("say hello"))
                        said += 1
                    end = loop.time() + min(RESTART_HOURS, hours - hour) * HOUR
                    while loop.time() + SAMPLE_HOURS * HOUR / 2 < end:
                        said += await _hour(lab.ann, threads, dice)
                        if running.done():
                            raise RuntimeError(f"the bot has ended, after {said} messages") from running.exception()
                        print(json.dumps({"messages": said, **asdict(_sample(app, folder))}), flush=True)
                        _forget(discord, (lab.channel, *threads))


async def _hour(ann: User, threads: list[Thread], dice: random.Random) -> int:
    """Post in each thread once in `SAMPLE_HOURS`, sometimes twice or with a file. Returns the message count."""
    times = sorted((dice.uniform(0, SAMPLE_HOURS * HOUR - 300), thread) for thread in threads)
    said, began = 0, asyncio.get_running_loop().time()
    for when, thread in times:
        await asyncio.sleep(began + when - asyncio.get_running_loop().time())
        for _ in range(dice.choice((1, 1, 1, 2))):
            await ann.say(thread, "say something", files=[FILE] if dice.random() < 0.1 else ())
            said += 1
    await asyncio.sleep(began + SAMPLE_HOURS * HOUR - asyncio.get_running_loop().time())
    return said


def _forget(discord: Loopback, places: Iterable[Channel]) -> None:
    """Let loopback forget calls and old messages, because its memory is part of the process's."""
    discord.record.clear()
    for place in places:
        for message_id in [*place.messages][:-KEPT]:
            del place.messages[message_id]


def _sample(app: App, folder: Path) -> Sample:
    gc.collect()
    tasks = asyncio.all_tasks()
    return Sample(
        memory=reachable_bytes([app, *filter(_of_the_bot, tasks), *globals_of(COUNTED)], strangers=STRANGERS),
        process=rss(os.getpid()),
        journal=_size(folder, "threadline.db*"),
        log=_size(folder, "threadline.log*"),
        attachments=sum(path.stat().st_size for path in folder.rglob("notes*.txt")),
        tasks=len(tasks),
    )


def _of_the_bot(task: asyncio.Task[object]) -> bool:
    """Return whether a task's coroutine is from one of the bot's packages."""
    code = getattr(task.get_coro(), "cr_code", None)
    return code is not None and any(f"/{name}/" in code.co_filename for name in COUNTED)


def _size(folder: Path, pattern: str) -> int:
    return sum(path.stat().st_size for path in folder.glob(pattern))


@contextmanager
def _logged(folder: Path) -> Iterator[None]:
    """Send the bot's log only to its file."""
    root = logging.getLogger()
    handlers = root.handlers[:]
    logs.configure()
    root.handlers[:] = []
    logs.keep_log_file(folder / "threadline.log")
    try:
        yield
    finally:
        for handler in root.handlers:
            handler.close()
        root.handlers[:] = handlers


@asynccontextmanager
async def _running(config: Path, lab: Lab) -> AsyncIterator[tuple[App, asyncio.Task[None]]]:
    app = App(load(config))
    running = asyncio.create_task(app.run(), name="the bot")
    try:
        await lab.discord.connected(lab.bot, timeout=HOUR)
        yield app, running
    finally:
        app.stop()
        await running


def _configuration(folder: Path, lab: Lab) -> Path:
    path = folder / "threadline.toml"
    pool = {"max_agents": 300, "per_user": 10_000, "per_minute": 100_000}
    path.write_text(configuration(lab, folder, {"command": "python3"}, pool=pool), "utf-8")
    path.chmod(0o600)
    return path


if __name__ == "__main__":
    _main(*map(int, sys.argv[1:]))
