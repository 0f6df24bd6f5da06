"""The bot under test as a program of its own, in a process."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from acp.process.orphans import MARKER
from loopback import User
from loopback.state.entities import Thread
from tests.support.fork_server import Forked, start

from .live_bot import BotLab

GENEROUS = 60.0
"""Bound that only catches hangs."""


@asynccontextmanager
async def started(
    lab: BotLab, *options: str, program: Sequence[str] = (), **environ: str
) -> AsyncIterator[asyncio.subprocess.Process | Forked]:
    """Run `threadline run` as a process, and end it in any case. `program` replaces what Python runs."""
    command, env = ("run", "-c", str(lab.config), *options), {**os.environ, **environ}
    process: asyncio.subprocess.Process | Forked
    if program:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, *program, *command), stderr=asyncio.subprocess.PIPE, env=env
        )
    else:
        process = await start(*command, env=env)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


@asynccontextmanager
async def bot_process(lab: BotLab, *options: str, **given: Any) -> AsyncIterator[asyncio.subprocess.Process | Forked]:
    """Run `threadline run` as a process, from its connection to Discord on; the options are those of `started`."""
    async with started(lab, *options, **given) as process:
        await lab.discord.connected(lab.bot)
        yield process


@asynccontextmanager
async def bot_run(lab: BotLab, end: signal.Signals = signal.SIGTERM) -> AsyncIterator[None]:
    """Run the bot as a process for the block, from its connection to the signal that ends it."""
    async with bot_process(lab) as process:
        yield
        process.send_signal(end)
        async with asyncio.timeout(GENEROUS):
            await process.communicate()
    # Discord notices a moment later that a process is gone.
    await lab.discord.until(lambda: not lab.discord.is_connected(lab.bot))


async def run_to_exit(lab: BotLab) -> tuple[int | None, str]:
    """Run the bot until it ends by itself; return its exit code and stderr."""
    async with started(lab) as process:
        async with asyncio.timeout(GENEROUS):
            _, stderr = await process.communicate()
        return process.returncode, stderr.decode()


async def answered_once(lab: BotLab, person: User | None = None) -> Thread:
    """Have one run of the bot open and answer a thread, and end."""
    async with bot_run(lab):
        thread = await lab.thread("say hello there", person)
        await lab.ann.sees(thread, "hello there", by=lab.bot)
    return thread


def agent_pids(config: Path) -> list[int]:
    """Return all live processes with an agent's marker that work in this configuration's folder."""
    found = []
    project = str(config.parent)
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal():
            continue
        try:
            environ = (entry / "environ").read_bytes()
            state = (entry / "stat").read_bytes().rpartition(b")")[2].split()[0]
            cwd = str((entry / "cwd").readlink())
        except OSError:
            continue
        if state not in b"ZX" and MARKER.encode() + b"=" in environ and cwd.startswith(project):
            found.append(int(entry.name))
    return found
