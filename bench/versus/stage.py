"""The stage of a scene: a loopback Discord, two people, and one bot as a process."""

import asyncio
import json
import re
import secrets
import shlex
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Collection
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from os import environ, kill
from pathlib import Path
from typing import Any, Final

from bench import procfs
from bench.agent_command import ROOT
from bench.run import Run
from bench.versus.adapter import Adapter, Launch, Workplace
from bench.versus.recording import Recording
from bench.versus.verdicts import Verdicts, Wrong
from loopback import Bot, Channel, Guild, Limit, Loopback, Message, Thread, User
from loopback.bot_process import BotProcess, running
from loopback.state.components import text_of
from loopback.state.entities import MessageType
from loopback.state.permissions import Permission

PATIENCE: Final = 60.0
"""The bound on waits in seconds. Only a failure takes so long."""

JUDGED_PATIENCE: Final = 40.0
"""The same for what decides a check: longer than a bot needs that retries, and a failed check takes so long."""

STOP_SECONDS: Final = 30.0
"""Seconds that a bot has to end after SIGTERM, before it is killed."""

PERMISSIONS: Final = Permission.MANAGE_THREADS | Permission.MENTION_EVERYONE
"""What the bot's role grants. With the right to ping everyone, only the bot's own care prevents it."""

CHANNEL_SECONDS: Final = 6.0
"""Seconds without a write after which a channel's message budget is full again."""

SHOWN: Final = 60
"""Characters of a message's end that an error quotes."""

MESSAGES_SHOWN: Final = 4

OWNER: Final = "THREADLINE_VERSUS_AGENT_OF"
"""The variable by which the agents of a stage and all that they start are found again."""

_WRITTEN: Final = frozenset({MessageType.DEFAULT, MessageType.REPLY, MessageType.CHAT_INPUT_COMMAND})


def spoken(tag: str) -> re.Pattern[str]:
    """Return the pattern of an answer with this tag, which agents say in capitals."""
    return re.compile(rf"\b{tag.upper()}\b")


@dataclass(kw_only=True)
class Stage:
    """A bot at work. `folder` holds everything that belongs to the scene.

    `judged_patience` bounds in seconds each wait by which a check is decided.
    """

    discord: Loopback
    guild: Guild
    channel: Channel
    bot: Bot
    ann: User
    ben: User
    folder: Path
    workplace: Workplace
    launch: Launch
    verdicts: Verdicts
    recording: Recording
    judged_patience: float
    run: Run
    process: BotProcess = field(init=False)
    processes: AsyncExitStack = field(default_factory=AsyncExitStack, init=False)

    @property
    def patience(self) -> float:
        """The bound in seconds of a wait that begins now."""
        return self.judged_patience if self.verdicts.is_judging else PATIENCE

    # The bot

    async def start(self) -> None:
        """Start the bot, and wait until it is connected. Raises `Wrong` if it ends before."""
        sessions = self.bot.identifies
        self.process = await self.processes.enter_async_context(
            running(
                self.launch.argv,
                self.folder / "bot.log",
                cwd=Path(self.workplace.folder),
                env={**environ, **self.workplace.environment(), **self.launch.env},
                stop_seconds=STOP_SECONDS,
            )
        )
        self.recording.note("the bot starts", pid=self.process.pid)

        starting = asyncio.create_task(self.connected(sessions))
        ending = asyncio.create_task(self.process.ended())
        await asyncio.wait((starting, ending), return_when=asyncio.FIRST_COMPLETED)
        ending.cancel()
        starting.cancel()
        outcome, _ = await asyncio.gather(starting, ending, return_exceptions=True)
        if isinstance(outcome, BaseException):
            raise Wrong(f"the bot does not connect; the end of its log:\n{self.process.tail()}")

    async def connected(self, sessions: int) -> None:
        """Wait until the bot is connected with another session than these many earlier ones. Raises TimeoutError."""

        def connected() -> bool:
            return self.bot.identifies > sessions and self.discord.is_connected(self.bot)

        await self.discord.until(connected, timeout=self.patience)

    async def end(self, number: signal.Signals) -> None:
        """Send the bot a signal, and wait until it has ended. Raises `Wrong` if it does not."""
        self.recording.note("the bot gets a signal", signal=number.name)
        self.process.send_signal(number)
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await self.process.ended()
        except TimeoutError:
            raise Wrong(f"the bot still runs {STOP_SECONDS:g} s after {number.name}") from None

    async def restart(self) -> None:
        """Let the bot end in order, and start it again by the same command."""
        await self.end(signal.SIGTERM)
        await self.start()

    def bot_pids(self) -> set[int]:
        """Return the pids of the bot's processes without its agents."""
        return {self.process.pid, *procfs.descendants(self.process.pid)} - self.agents()

    # The agents

    def set_agent(self, *flags: str) -> None:
        """Write the agent's program, with these flags of the scripted agent from its next start on."""
        argv = (sys.executable, "-m", "bench.versus.agent", "--state", str(self.folder / "sessions"), *flags)
        variables = {
            "PYTHONPATH": str(ROOT),
            "THREADLINE_VERSUS_NOTES": str(self.folder / "notes.jsonl"),
            OWNER: str(self.folder),
        }
        exports = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in variables.items())
        program = Path(self.workplace.agent)
        program.write_text(f"#!/bin/sh\n{exports}exec {shlex.join(argv)}\n", "utf-8")
        program.chmod(0o700)

    def agents(self) -> set[int]:
        """Return the pids of the living agents and of all that they have started."""
        return set(procfs.having(f"{OWNER}={self.folder}"))

    def notes(self, what: str) -> list[dict[str, Any]]:
        """Return what the agents noted of this kind, oldest first."""
        path = self.folder / "notes.jsonl"
        lines = path.read_text("utf-8").splitlines() if path.exists() else []
        return [note for note in map(json.loads, lines) if note["what"] == what]

    def told(self, tag: str) -> int:
        """Return how many times an agent got the request with this tag."""
        return sum(note["tag"] == tag for note in self.notes("told"))

    def let_go(self, name: str) -> None:
        """Let every turn go on that waits by `until NAME`, or will."""
        (self.folder / name).touch()

    # The people

    async def pause(self) -> None:
        """Wait until the message budget of every channel is full again. A quick run has no time for it."""
        if not self.run.quick:
            await asyncio.sleep(CHANNEL_SECONDS)

    async def ask(self, text: str, place: Channel | None = None, *, mention: bool = True) -> Message:
        """Say something to the bot as ann, in the channel unless told otherwise. The mention has a line of its own."""
        return await self.ann.say(place or self.channel, f"{self.bot.mention}\n{text}" if mention else text)

    async def open(self, name: str) -> Thread:
        """Open a thread in the channel as ann."""
        return await self.ann.open_thread(self.channel, name)

    async def begin(self, text: str, tag: str) -> "Talk":
        """Mention the bot in the channel, wait for its answer, and return the talk that goes on where that is."""
        asked = await self.ask(text)
        answer = await self.sees(tag, after=asked)
        return Talk(self, self.discord.world.channels[answer.channel_id], asked)

    def said(self, after: Message | None = None, place: Channel | None = None) -> list[Message]:
        """Return the bot's messages that exist now, oldest first: those after a message, those of one place."""
        places = [place] if place else [self.discord.world.channels[each] for each in self.guild.channel_ids]
        found = (each for where in places for each in self.discord.messages(where))
        own = (each for each in found if each.author_id == self.bot.id and each.type in _WRITTEN)
        return sorted((each for each in own if after is None or each.id > after.id), key=lambda each: each.id)

    async def sees(self, tag: str, *, after: Message | None = None, place: Channel | None = None) -> Message:
        """Wait for the answer with this tag in a message of the bot anywhere. Raises `Wrong`, with what was there."""
        wanted = spoken(tag)

        def seen() -> Message | None:
            return next((each for each in self.said(after, place) if wanted.search(text_of(each))), None)

        try:
            return await self.discord.until(seen, timeout=self.patience)
        except TimeoutError:
            there = [" ".join(text_of(each)[-SHOWN:].split()) for each in self.said(after, place)[-MESSAGES_SHOWN:]]
            raise Wrong(f"{tag.upper()!r} was not seen within {self.patience:g} s, but {there}") from None


@dataclass(frozen=True, slots=True)
class Talk:
    """A conversation that has begun: the place where it goes on, and its first message."""

    stage: Stage
    place: Channel
    first: Message

    async def say(self, text: str) -> Message:
        """Say the next thing, with a mention only where the talk is not a thread."""
        return await self.stage.ask(text, self.place, mention=not isinstance(self.place, Thread))

    async def sees(self, tag: str, *, after: Message | None = None) -> Message:
        """Wait for the answer with this tag in the talk's place. Raises `Wrong`."""
        return await self.stage.sees(tag, after=after or self.first, place=self.place)

    def text(self, after: Message | None = None) -> str:
        """Return everything that the bot shows now in the talk's place, a line break between two messages."""
        return "\n".join(map(text_of, self.stage.said(after or self.first, self.place)))


@asynccontextmanager
async def stage(
    adapter: Adapter, verdicts: Verdicts, run: Run, *, threads: int, patience: float, limits: Collection[Limit]
) -> AsyncIterator[Stage]:
    """Set the stage for `threads` threads, and end every process at the end. Raises `NotInstalled`.

    The caller writes the agent's program and starts the bot.
    """
    with tempfile.TemporaryDirectory(prefix="threadline-versus-") as name:
        folder = Path(name)
        for each in ("project", "bot"):
            (folder / each).mkdir()
        async with Loopback(limits=limits) as discord:
            guild = discord.add_guild("Lab")
            channel = discord.add_channel(guild, "general")
            ann, ben = (discord.add_person(each, guilds=(guild,)) for each in ("ann", "ben"))
            token = secrets.token_urlsafe(24)
            bot = discord.add_bot("bot", token=token, owner=ann, guilds=(guild,), permissions=PERMISSIONS)
            workplace = Workplace(
                endpoint=discord.endpoint,
                token=token,
                bot=str(bot.id),
                application=str(bot.application_id),
                guild=str(guild.id),
                channel=str(channel.id),
                person=str(ann.id),
                agent=str(folder / "agent"),
                project=str(folder / "project"),
                folder=str(folder / "bot"),
                threads=threads,
            )
            set_up = Stage(
                discord=discord,
                guild=guild,
                channel=channel,
                bot=bot,
                ann=ann,
                ben=ben,
                folder=folder,
                workplace=workplace,
                launch=adapter.launch(workplace),
                verdicts=verdicts,
                recording=Recording(discord),
                judged_patience=patience,
                run=run,
            )
            try:
                async with set_up.processes:
                    yield set_up
            finally:
                _kill(set_up.agents())


def _kill(pids: set[int]) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            kill(pid, signal.SIGKILL)
