"""The bot as a process that is started again whenever it ends, and the agents that it leaves behind."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from acp.process.orphans import MARKER
from bench.agent_command import ROOT
from bench.procfs import having
from loopback.bot_process import BotProcess, running

STOP_SECONDS: Final = 60.0
"""The bot has 25 s for its own shutdown, on a machine that may be busy. Then it is killed."""

AWAY_SECONDS: Final = 0.3
"""The pause before the next start while Discord is away: the 30 s of the systemd unit, hurried like all waits."""

REFUSED_STARTS: Final = 5
"""Ends by itself in a row after which the bot is not started again."""


class RestartedBot:
    """The bot, which `kept_alive` starts again whenever it ends. Faults send it signals."""

    def __init__(self, config: Path, log: Path, temporary: Path) -> None:
        """Run with `config`, with all output in `log` and temporary files in `temporary`."""
        self.log = log
        self.temporary = temporary
        self.ends: list[str] = []
        """How it ended other than by a signal of chaos."""
        self.starts = 0
        self.pause = 0.0
        """Seconds until the next start."""
        self.outages = 0
        """During one it may end by itself because its start finds no Discord. It is started again, as by systemd."""
        self._argv = (sys.executable, "-m", "bench.chaos.hurried", "run", "-c", str(config))
        self._folder = config.parent
        self._process: BotProcess | None = None
        self._signalled = False

    def send(self, number: signal.Signals) -> bool:
        """Send the bot a signal. Returns whether it was running."""
        if self._process is None or self._process.exit_code is not None:
            return False
        self._signalled = True
        self._process.send_signal(number)
        return True

    async def keep_alive(self) -> None:
        """Start the bot whenever it is not running, until cancelled or until it ends by itself too often."""
        own = 0
        while own < REFUSED_STARTS:
            self._signalled = False
            self.starts += 1
            started = running(self._argv, self.log, cwd=ROOT, env=self._environment(), stop_seconds=STOP_SECONDS)
            try:
                async with started as self._process:
                    await self._process.ended()
            except asyncio.CancelledError:
                if self._process and self._process.exit_code == -signal.SIGKILL and not self._signalled:
                    self.ends.append(f"the bot did not end within {STOP_SECONDS:.0f} s of SIGTERM")
                raise
            if self.outages and not self._signalled:
                await asyncio.sleep(AWAY_SECONDS)
                continue
            own = 0 if self._signalled else own + 1
            if not self._signalled:
                self.ends.append(f"the bot ended by itself with code {self._process.exit_code}")
            await asyncio.sleep(self.pause)

    def _environment(self) -> dict[str, str]:
        # In every loopback Discord the bot is the same user, so each process needs a state directory of its own.
        return {**os.environ, "XDG_STATE_HOME": str(self._folder), "TMPDIR": str(self.temporary)}


@asynccontextmanager
async def kept_alive(bot: RestartedBot) -> AsyncIterator[None]:
    """Keep the bot alive for as long as the block lasts, then stop it in order."""
    keeping = asyncio.create_task(bot.keep_alive(), name="keep-alive")
    try:
        yield
    finally:
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)


def agents(journal_id: str | None) -> set[int]:
    """Return the pids of living processes that carry this journal's marker: agents, and what they started.

    On other machines the marker has the machine's name too.
    """
    return set() if journal_id is None else set(having(f"{MARKER}={journal_id}"))


def describe(pid: int) -> str:
    """Describe a process for people."""
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace").strip()
    except OSError:
        command = "gone by now"
    return f"{pid} {command}"
