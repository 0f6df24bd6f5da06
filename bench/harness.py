"""Runs a loopback Discord with one person, and the real bot as a process."""

import os
import secrets
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
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

PATIENCE: Final = 60.0
"""The bound on waits in seconds. Only a failure takes so long."""

BOT: Final = ("bot",)

LIMITS: Final = frozenset(Limit) - {Limit.THREADS}
"""All of Discord's limits but that on new threads, which benchmarks open faster than people."""

PLENTY: Final = 100_000
"""A bound above all measurements."""

CHANNEL_SECONDS: Final = 6.0
"""Seconds without a write after which a channel's message budget is full again."""


@dataclass(kw_only=True)
class BotLab(Lab):
    """The lab, with ann. The bot runs in `process` with the command line `argv`."""

    argv: Sequence[str]
    process: BotProcess

    @property
    def pid(self) -> int:
        """The bot's process id."""
        return self.process.pid

    async def ready_thread(self) -> Thread:
        """Open a thread, and wait for its agent's first answer."""
        thread = await self.thread("say ready")
        await self.ann.sees(thread, "ready", by=self.bot, timeout=PATIENCE)
        return thread

    async def first_text(self, thread: Thread, words: str = "stamp 1 1") -> float:
        """Post in a thread, and return the milliseconds until the agent's text is visible."""
        said = time.monotonic()
        message = await self.ann.say(thread, words)
        reply = await self.ann.sees(thread, STAMP, by=self.bot, after=message, timeout=PATIENCE)
        _, _, visible = next(first_seen(reply.history))
        return (visible - said) * 1e3

    def refused(self, since: float) -> int:
        """Count the calls with status 429 since then, in monotonic seconds."""
        return sum(call.status == 429 and call.started >= since for call in self.discord.record)


async def _unfurnished(_lab: Lab, _journal: Path) -> None:
    """Begin with an empty channel and no journal."""


@asynccontextmanager
async def bot_lab(
    *,
    agents: int,
    agent: Sequence[str] = AGENT,
    warm: int = 0,
    limits: Collection[Limit] = LIMITS,
    program: Sequence[str] = BOT,
    prepare: Callable[[Lab, Path], Awaitable[None]] = _unfurnished,
) -> AsyncIterator[BotLab]:
    """Run a lab for `agents` agents with these rate limits, and end every process at the end.

    `agent` is the agent's command line, and `warm` the number of spares. `program` is the bot's module and the
    arguments before the bot's own. `prepare` may fill the world, and the journal at the path that it gets, before the
    bot starts. Raises `Failed` with the end of the bot's log if a wait for the bot fails.
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
                access={"guilds": ids(lab.guild), "users": ["*"]},
                pool={"max_agents": agents, "per_user": PLENTY, "per_minute": PLENTY},
                threads={"introduction": False},
            )
            config.write_text(text, "utf-8")
            await prepare(lab, workdir / "threadline.db")
            async with _running(argv, log) as process:
                lab = BotLab(**vars(lab), argv=argv, process=process)
                try:
                    await _connected(lab)
                    yield lab
                except (AssertionError, TimeoutError) as error:
                    raise Failed(f"{error or 'timed out'}\nthe end of the bot's log:\n{process.tail()}") from error


@asynccontextmanager
async def restarted(lab: BotLab) -> AsyncIterator[BotLab]:
    """Kill the bot, and start it again."""
    lab.process.send_signal(signal.SIGKILL)
    await lab.process.ended()
    async with _running(lab.argv, lab.process.log) as process:
        again = replace(lab, process=process)
        await _connected(again)
        yield again


def _running(argv: Sequence[str], log: Path) -> AbstractAsyncContextManager[BotProcess]:
    # A state directory of its own for its lock, because the bot is the same user in every loopback Discord.
    return running(argv, log, cwd=ROOT, env={**os.environ, "XDG_STATE_HOME": str(log.parent)})


async def _connected(lab: BotLab) -> None:
    """Wait until the bot is connected. Raises AssertionError if it ends, or after `PATIENCE`."""
    await unless(lab.discord.connected(lab.bot, timeout=PATIENCE), lab.process.ended())
    if lab.process.exit_code is not None:
        raise AssertionError(f"the bot ended with exit code {lab.process.exit_code}")
