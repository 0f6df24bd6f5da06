"""Runs a bot as a child process, stops it, and finds the processes that it leaves behind."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

T = TypeVar("T")

STOP_SECONDS: Final = 30.0
"""The bot has 25 s for its own shutdown. After these it is killed."""

_LOG_TAIL: Final = 40  # lines


class BotProcess:
    """A running bot. Its stdout and stderr are in `log`."""

    def __init__(self, process: asyncio.subprocess.Process, log: Path) -> None:
        self._process = process
        self.pid = process.pid
        self.log = log

    @property
    def exit_code(self) -> int | None:
        """The exit code: None while the bot runs, negative if a signal ended it."""
        return self._process.returncode

    async def ended(self) -> None:
        """Wait until the bot has ended."""
        await self._process.wait()

    def send_signal(self, number: signal.Signals) -> None:
        """Send the bot a signal, if it is still running."""
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(number)

    def family(self) -> set[tuple[int, str]]:
        """Return the bot's living descendants as pid and start time; none where there is no /proc."""
        return {(pid, start) for pid, (_, start) in _descendants(self._process.pid).items()}

    async def stop(self, seconds: float = STOP_SECONDS) -> None:
        """Send SIGTERM, and SIGKILL to the whole process group if the bot does not end within `seconds`."""
        if self._process.returncode is not None:
            return
        self._process.send_signal(signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._process.wait()
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        async with asyncio.timeout(STOP_SECONDS):
            await self._process.wait()

    def tail(self) -> str:
        """Return the last lines of the log."""
        return "\n".join(self.log.read_text("utf-8", "replace").splitlines()[-_LOG_TAIL:])


@contextlib.asynccontextmanager
async def running(
    argv: Sequence[str],
    log: Path,
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    stop_seconds: float = STOP_SECONDS,
) -> AsyncIterator[BotProcess]:
    """Run the bot in a process group of its own, and stop it at the end. Its output is appended to `log`."""
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
        await bot.stop(stop_seconds)


async def unless(work: Coroutine[Any, Any, T], *ends: Coroutine[Any, Any, object]) -> T | None:
    """Return the work's result, or None if one of `ends` is over first. The rest is cancelled."""
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
    """Return the pids of those of these processes that still live."""
    table = _table()
    return sorted(pid for pid, start in family if table.get(pid, (0, ""))[1] == start)


def _descendants(root: int) -> dict[int, tuple[int, str]]:
    table = _table()
    found = {root}
    while more := {pid for pid, (parent, _) in table.items() if parent in found} - found:
        found |= more
    return {pid: table[pid] for pid in found - {root}}


def _table() -> dict[int, tuple[int, str]]:
    """Map the pid of each process that is not a zombie to its parent's pid and its start time."""
    table: dict[int, tuple[int, str]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = stat.read_text("utf-8", "replace").rpartition(")")[2].split()  # the name may hold anything
            if fields[0] != "Z":
                table[int(stat.parent.name)] = (int(fields[1]), fields[19])
    return table
