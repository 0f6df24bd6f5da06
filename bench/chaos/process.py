"""The bot as a process that is started again whenever it ends, and the agents that it leaves behind."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

from acp.process.orphans import MARKER
from bench.agent_command import ROOT
from bench.procfs import having

__all__ = ["RestartedBot", "agents", "describe", "running"]

STOP_SECONDS: Final = 60.0
"""The bot has 25 s for its own end, on a machine that may be busy; then it is killed."""

AWAY_SECONDS: Final = 0.3
"""The pause before the next start while Discord is away: the 30 s of the unit, hurried as all else."""

REFUSED_STARTS: Final = 5
"""After so many ends of its own in a row it is not started again."""


class RestartedBot:
    """The bot. Only those who end it send signals; it is started again by `running`."""

    def __init__(self, config: Path, log: Path, temporary: Path) -> None:
        """Run with `config`, everything it writes going to `log`, its temporary files to a directory of its own."""
        self.log = log
        self.temporary = temporary
        self.ends: list[str] = []
        """How it ended other than by a signal of ours."""
        self.starts = 0
        self.pause = 0.0
        """Seconds until the next start."""
        self.discord_away = False
        """Whether it may end by itself, for want of a Discord at its start: it is started again, as by systemd."""
        self._argv = (sys.executable, "-m", "bench.chaos.hurried", "run", "-c", str(config))
        self._folder = config.parent
        self._process: Process | None = None
        self._signalled = False

    def send(self, number: signal.Signals) -> bool:
        """Send it a signal; False where it is not running."""
        if self._process is None or self._process.returncode is not None:
            return False
        self._signalled = True
        self._process.send_signal(number)
        return True

    async def keep_alive(self) -> None:
        """Start it, and again whenever it has ended, until cancelled or it ends by itself too often."""
        own = 0
        while own < REFUSED_STARTS:
            self._signalled = False
            self.starts += 1
            with self.log.open("ab") as output:
                self._process = await asyncio.create_subprocess_exec(
                    *self._argv, stdin=DEVNULL, stdout=output, stderr=output, cwd=ROOT, env=self._environment()
                )
            code = await self._process.wait()
            if self.discord_away and not self._signalled:
                await asyncio.sleep(AWAY_SECONDS)
                continue
            own = 0 if self._signalled else own + 1
            if not self._signalled:
                self.ends.append(f"the bot ended by itself with code {code}")
            await asyncio.sleep(self.pause)

    def _environment(self) -> dict[str, str]:
        """Give each bot a state directory of its own: in every loopback Discord it is the same user."""
        return {**os.environ, "XDG_STATE_HOME": str(self._folder), "TMPDIR": str(self.temporary)}

    async def stop(self) -> None:
        """End it in order, or for certain."""
        if self.send(signal.SIGTERM) and self._process is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(STOP_SECONDS):
                    await self._process.wait()
                return
            self.ends.append(f"the bot did not end within {STOP_SECONDS:.0f} s of SIGTERM")
            self._process.kill()
            await self._process.wait()


@asynccontextmanager
async def running(bot: RestartedBot) -> AsyncIterator[None]:
    """Keep the bot alive for as long as the block lasts; end it in order."""
    keeping = asyncio.create_task(bot.keep_alive(), name="keep-alive")
    try:
        yield
    finally:
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)
        await bot.stop()


def agents(journal_id: str | None) -> set[int]:
    """Return the pids of living processes that carry this journal's marker: agents, and what they started."""
    return set() if journal_id is None else set(having(f"{MARKER}={journal_id}/"))


def describe(pid: int) -> str:
    """Say what a process is, for people."""
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace").strip()
    except OSError:
        command = "gone by now"
    return f"{pid} {command}"
