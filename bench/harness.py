"""A loopback Discord with the real bot beside it, as a process of its own, and one person who talks to it."""

import asyncio
import json
import os
import secrets
import signal
import sys
import tempfile
import time
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from bench.places import AGENT, ROOT
from bench.run import Failed
from bench.timestamps import STAMP, first_seen
from loopback import Bot, Channel, Loopback, Message, Thread, User
from loopback.rest.rate_limits import Limit

__all__ = ["PATIENCE", "Stage", "restarted", "staged"]

PATIENCE: Final = 60.0
"""Seconds until something that does not come is given up. Only a failure takes so long."""

STOP_SECONDS: Final = 30.0
"""The bot has 25 s for its own end; then its process group is killed."""

LOG_TAIL: Final = 15  # lines

BOT: Final = ("bot",)

LIMITS: Final = frozenset(Limit) - {Limit.THREADS}
"""Discord's, but for the one on new threads: here they are opened faster than people do it."""

CHANNEL_SECONDS: Final = 6.0
"""After so long without a write, a channel's budget of messages is whole again."""


@dataclass(frozen=True)
class Stage:
    """Who and what is there. The bot runs in `process`."""

    discord: Loopback
    channel: Channel
    bot: Bot
    ann: User
    process: Process
    arguments: Sequence[str]
    log: Path

    @property
    def pid(self) -> int:
        """The bot's process id."""
        return self.process.pid

    async def ask(self, words: str) -> Thread:
        """Mention the bot in the channel; return the thread that it opens."""
        message = await self.ann.say(self.channel, f"{self.bot.mention} {words}")
        return await self.ann.sees_thread(message, timeout=PATIENCE)

    async def ready_thread(self) -> Thread:
        """Open a thread whose agent is alive and has answered once."""
        thread = await self.ask("say ready")
        await self.ann.sees(thread, "ready", by=self.bot, timeout=PATIENCE)
        return thread

    async def first_text(self, thread: Thread, words: str = "stamp 1 1") -> float:
        """Say something in a thread; return the milliseconds until text of the agent's is visible."""
        said = time.monotonic()
        message = await self.ann.say(thread, words)
        reply = await self.ann.sees(thread, STAMP, by=self.bot, after=message, timeout=PATIENCE)
        _, _, visible = next(first_seen(reply.history))
        return (visible - said) * 1e3

    def replies(self, thread: Thread, after: Message) -> list[Message]:
        """What the bot wrote into a thread since, oldest first."""
        return [
            message
            for message in thread.messages.values()
            if message.id > after.id and message.author_id == self.bot.id
        ]

    def refused(self, since: float) -> int:
        """The calls that were answered with 429 since then, in monotonic seconds."""
        return sum(call.status == 429 and call.started >= since for call in self.discord.record)


@asynccontextmanager
async def staged(
    *,
    agents: int,
    agent: Sequence[str] = AGENT,
    warm: int = 0,
    limits: Collection[Limit] = LIMITS,
    program: Sequence[str] = BOT,
    journal: Callable[[Path], None] = lambda _path: None,
) -> AsyncIterator[Stage]:
    """Set the stage for so many agents at once, with these rate limits; end every process at the end.

    `agent` is the agent's command line, and so many of it are kept warm. `program` is the bot's module with what
    stands before the bot's own arguments; `journal` may fill the file that is to be the journal, and may block.
    Raises `Failed` with the end of the bot's log when the bot does not do what was waited for.
    """
    with tempfile.TemporaryDirectory(prefix="threadline-bench-") as folder:
        workdir = Path(folder)
        async with Loopback(limits=limits) as discord:
            guild = discord.add_guild("Lab")
            channel = discord.add_channel(guild, "general")
            ann = discord.add_person("ann", guilds=(guild,))
            token = secrets.token_urlsafe(24)
            bot = discord.add_bot("threadline", token=token, owner=ann, guilds=(guild,))
            path = workdir / "threadline.toml"
            access = f'guilds = ["{guild.id}"]\nchannels = ["{channel.id}"]'
            path.write_text(_configuration(discord.endpoint, access, token, workdir, agents, agent, warm), "utf-8")
            await asyncio.to_thread(journal, workdir / "threadline.db")
            arguments, log = [*program, "run", "-c", str(path)], workdir / "bot.log"
            async with _running(arguments, log) as process:
                try:
                    await _connected(discord, bot, process)
                    yield Stage(discord, channel, bot, ann, process, arguments, log)
                except (AssertionError, TimeoutError) as error:
                    raise Failed(f"{error or 'timed out'}\n{_tail(workdir / 'bot.log')}") from error


@asynccontextmanager
async def restarted(stage: Stage) -> AsyncIterator[Stage]:
    """Kill the bot, and start it once more as it was."""
    stage.process.kill()
    await stage.process.wait()
    async with _running(stage.arguments, stage.log) as process:
        await _connected(stage.discord, stage.bot, process)
        yield replace(stage, process=process)


def _configuration(
    endpoint: str, access: str, token: str, workdir: Path, agents: int, agent: Sequence[str], warm: int
) -> str:
    project = workdir / "project"
    project.mkdir()
    quote = json.dumps  # A JSON string of printable characters is a TOML string too.
    return f"""\
[discord]
token = {quote(token)}
endpoint = {quote(endpoint)}
[access]
{access}
[agents.default]
command = {quote(agent[0])}
args = {quote(agent[1:])}
warm = {warm}
cwd = {quote(str(project))}
env = {{ PYTHONPATH = {quote(str(ROOT))} }}
[pool]
max_agents = {agents}
per_user = 100000
per_minute = 100000
[threads]
introduction = false
[journal]
path = {quote(str(workdir / "threadline.db"))}
"""


async def _connected(discord: Loopback, bot: Bot, process: Process) -> None:
    """Return when the bot is connected. Raises AssertionError as soon as it has ended instead, or after `PATIENCE`."""
    connecting = asyncio.create_task(discord.connected(bot, timeout=PATIENCE), name="connecting")
    ending = asyncio.create_task(process.wait(), name="bot's end")
    try:
        await asyncio.wait((connecting, ending), return_when=asyncio.FIRST_COMPLETED)
        if not connecting.done():
            raise AssertionError(f"the bot ended with exit code {process.returncode}")
        connecting.result()
    finally:
        connecting.cancel()
        ending.cancel()
        await asyncio.gather(connecting, ending, return_exceptions=True)


@asynccontextmanager
async def _running(arguments: Sequence[str], log: Path) -> AsyncIterator[Process]:
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            *arguments,
            stdin=DEVNULL,
            stdout=output,
            stderr=output,
            cwd=ROOT,
            # Its lock is there: in every loopback Discord the bot is the same user.
            env={**os.environ, "XDG_STATE_HOME": str(log.parent)},
            start_new_session=True,
        )
    try:
        yield process
    finally:
        await _stop(process)


async def _stop(process: Process) -> None:
    if process.returncode is not None:
        return
    process.terminate()
    with suppress(TimeoutError):
        async with asyncio.timeout(STOP_SECONDS):
            await process.wait()
        return
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()


def _tail(log: Path) -> str:
    lines = log.read_text("utf-8", "replace").splitlines()[-LOG_TAIL:]
    return "\n".join(["the end of the bot's log:", *lines])
