"""A bot as a child process: started, watched, ended, and what it leaves behind."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

__all__ = ["BotProcess", "alive", "running", "unless"]

T = TypeVar("T")

STOP_SECONDS: Final = 30.0
"""The bot has 25 s for its own shutdown; what is left after these is killed."""

_LOG_TAIL: Final = 40  # lines


class BotProcess:
    """A running bot. Its stdout and stderr are in `log`."""

    def __init__(self, process: asyncio.subprocess.Process, log: Path) -> None:
        self._process = process
        self.pid = process.pid
        self.log = log

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative if a signal ended it."""
        return self._process.returncode

    async def ended(self) -> None:
        """Wait until the bot has ended."""
        await self._process.wait()

    def send_signal(self, number: signal.Signals) -> None:
        """Send the bot a signal; nothing happens if it has ended."""
        self._process.send_signal(number)

    def family(self) -> set[tuple[int, str]]:
        """The bot's descendants that live now, as pid and start time; empty where there is no /proc."""
        return {(pid, start) for pid, (_, start) in _descendants(self._process.pid).items()}

    async def stop(self) -> None:
        """SIGTERM, a bounded wait, then SIGKILL for the whole process group. Nothing happens if it has ended."""
        if self._process.returncode is not None:
            return
        self._process.send_signal(signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STOP_SECONDS):
                await self._process.wait()
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        async with asyncio.timeout(STOP_SECONDS):
            await self._process.wait()

    def tail(self) -> str:
        """The last lines of the log."""
        return "\n".join(self.log.read_text("utf-8", "replace").splitlines()[-_LOG_TAIL:])


@contextlib.asynccontextmanager
async def running(
    argv: Sequence[str], log: Path, *, cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> AsyncIterator[BotProcess]:
    """Start the bot in a process group of its own, and end it on the way out. It adds to `log`."""
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            *argv,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=cwd,
            env=env,
            start_new_session=True,
        )
    bot = BotProcess(process, log)
    try:
        yield bot
    finally:
        await bot.stop()


async def unless(work: Coroutine[Any, Any, T], *ends: Coroutine[Any, Any, object]) -> T | None:
    """Return the work's result, or None as soon as one of `ends` is over first. What is not over then is cancelled."""
    working = asyncio.create_task(work)
    tasks = [working, *map(asyncio.create_task, ends)]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        return working.result() if working.done() else None
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def alive(family: set[tuple[int, str]]) -> list[int]:
    """Those of these processes that still live, by pid."""
    table = _table()
    return sorted(pid for pid, start in family if table.get(pid, (0, ""))[1] == start)


def _descendants(root: int) -> dict[int, tuple[int, str]]:
    table = _table()
    found = {root}
    while more := {pid for pid, (parent, _) in table.items() if parent in found} - found:
        found |= more
    return {pid: table[pid] for pid in found - {root}}


def _table() -> dict[int, tuple[int, str]]:
    """Every process that is not a zombie: pid to its parent's pid and its start time."""
    table: dict[int, tuple[int, str]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = stat.read_text("utf-8", "replace").rpartition(")")[2].split()  # the name may hold anything
            if fields[0] != "Z":
                table[int(stat.parent.name)] = (int(fields[1]), fields[19])
    return table
