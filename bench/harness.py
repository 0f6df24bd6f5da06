"""A loopback Discord with the real bot beside it, as a process of its own, and one person who talks to it."""

import asyncio
import os
import secrets
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from bench.agent_command import AGENT, ROOT
from bench.run import Failed
from bench.timestamps import STAMP, first_seen
from loopback import Loopback, Thread
from loopback.bot_process import BotProcess, running, unless
from loopback.harness import Lab, command, configuration, ids
from loopback.rest.rate_limits import Limit

__all__ = ["PATIENCE", "BotLab", "bot_lab", "restarted"]

PATIENCE: Final = 60.0
"""Seconds until something that does not come is given up. Only a failure takes so long."""

BOT: Final = ("bot",)

LIMITS: Final = frozenset(Limit) - {Limit.THREADS}
"""Discord's, but for the one on new threads: here they are opened faster than people do it."""

PLENTY: Final = 100_000
"""A bound that no measurement comes to."""

CHANNEL_SECONDS: Final = 6.0
"""After so long without a write, a channel's budget of messages is whole again."""


@dataclass(kw_only=True)
class BotLab(Lab):
    """Who and what is there: ann. The bot runs in `process`, as this command."""

    argv: Sequence[str]
    process: BotProcess

    @property
    def pid(self) -> int:
        """The bot's process id."""
        return self.process.pid

    async def ready_thread(self) -> Thread:
        """Open a thread whose agent is alive and has answered once."""
        thread = await self.thread("say ready")
        await self.ann.sees(thread, "ready", by=self.bot, timeout=PATIENCE)
        return thread

    async def first_text(self, thread: Thread, words: str = "stamp 1 1") -> float:
        """Say something in a thread; return the milliseconds until text of the agent's is visible."""
        said = time.monotonic()
        message = await self.ann.say(thread, words)
        reply = await self.ann.sees(thread, STAMP, by=self.bot, after=message, timeout=PATIENCE)
        _, _, visible = next(first_seen(reply.history))
        return (visible - said) * 1e3

    def refused(self, since: float) -> int:
        """Return the calls that were answered with 429 since then, in monotonic seconds."""
        return sum(call.status == 429 and call.started >= since for call in self.discord.record)


@asynccontextmanager
async def bot_lab(
    *,
    agents: int,
    agent: Sequence[str] = AGENT,
    warm: int = 0,
    limits: Collection[Limit] = LIMITS,
    program: Sequence[str] = BOT,
    journal: Callable[[Path], None] = lambda _path: None,
) -> AsyncIterator[BotLab]:
    """Set the stage for so many agents at once, with these rate limits; end every process at the end.

    `agent` is the agent's command line, and so many of it are kept warm. `program` is the bot's module with what
    stands before the bot's own arguments; `journal` may fill the file that is to be the journal, and may block.
    Raises `Failed` with the end of the bot's log when the bot does not do what was waited for.
    """
    with tempfile.TemporaryDirectory(prefix="threadline-bench-") as folder:
        workdir = Path(folder)
        config, log = workdir / "threadline.toml", workdir / "bot.log"
        argv = [sys.executable, "-m", *program, "run", "-c", str(config)]
        async with Loopback(limits=limits) as discord:
            lab = Lab.furnish(discord, "ann", token=secrets.token_urlsafe(24), patience=PATIENCE)
            text = configuration(
                lab,
                workdir,
                {**command(agent), "warm": warm, "env": {"PYTHONPATH": str(ROOT)}},
                access={"guilds": ids(lab.guild)},
                pool={"max_agents": agents, "per_user": PLENTY, "per_minute": PLENTY},
                threads={"introduction": False},
            )
            config.write_text(text, "utf-8")
            await asyncio.to_thread(journal, workdir / "threadline.db")
            async with _running(argv, log) as process:
                lab = BotLab(**vars(lab), argv=argv, process=process)
                try:
                    await _connected(lab)
                    yield lab
                except (AssertionError, TimeoutError) as error:
                    raise Failed(f"{error or 'timed out'}\nthe end of the bot's log:\n{process.tail()}") from error


@asynccontextmanager
async def restarted(lab: BotLab) -> AsyncIterator[BotLab]:
    """Kill the bot, and start it once more as it was."""
    lab.process.send_signal(signal.SIGKILL)
    await lab.process.ended()
    async with _running(lab.argv, lab.process.log) as process:
        again = replace(lab, process=process)
        await _connected(again)
        yield again


def _running(argv: Sequence[str], log: Path) -> AbstractAsyncContextManager[BotProcess]:
    # Its lock is there: in every loopback Discord the bot is the same user.
    return running(argv, log, cwd=ROOT, env={**os.environ, "XDG_STATE_HOME": str(log.parent)})


async def _connected(lab: BotLab) -> None:
    """Return when the bot is connected. Raises AssertionError as soon as it has ended instead, or after `PATIENCE`."""
    await unless(lab.discord.connected(lab.bot, timeout=PATIENCE), lab.process.ended())
    if lab.process.exit_code is not None:
        raise AssertionError(f"the bot ended with exit code {lab.process.exit_code}")
