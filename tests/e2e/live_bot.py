"""The whole bot under test: loopback as Discord, the scripted agent as real processes, and people who act."""

import asyncio
import re
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from acp.process.orphans import MARKER
from bot.app import App
from bot.config.load import load
from loopback import Loopback, Message, Outcome, User
from loopback.bot_process import unless
from loopback.harness import Lab, command, configuration, ids, lines
from loopback.rest.rate_limits import Limit
from loopback.state.entities import Channel
from loopback.state.outcome import Wanted, matches
from tests.loopback.openapi import strictly

__all__ = [
    "IMPATIENCE",
    "SCRIPTED",
    "TOKEN",
    "BotLab",
    "bot_lab",
    "marked",
    "numbers",
    "said",
    "spoken",
]

TOKEN = "token-of-the-stage"
SCRIPTED = (sys.executable, "-m", "loopback.agent")
"""The agent that does what its prompt says."""
HASTE = 10
"""The stage's Discord counts calls in windows shorter by this factor, and enforces them: the bot believes what it is
told, so no scene waits for the figures of the real one."""
IMPATIENCE = {"bot.gateway.client.GUILD_SECONDS": 0.05, "pool.pool.TURN_SECONDS": 1.5}
"""Waits of the bot that a scene would wait out for nothing, and how long they are on the stage: for a server that does
not come, and at the end for a turn that was left hanging."""


@dataclass(kw_only=True)
class BotLab(Lab):
    """What a test needs at hand. Ann owns the bot and is allowed to use it; Ben is allowed; Mallory is not."""

    config: Path
    app: App | None = None

    @property
    def mallory(self) -> User:
        """The third person."""
        return self.people[2]

    @property
    def project(self) -> Path:
        """Where the agents work."""
        return self.config.with_name("project")

    async def answer(self, thread: Channel, wanted: Wanted, *, after: Message | None = None) -> Message:
        """Wait for the page of a reply that shows this and is the last: its turn has ended, for its Stop is gone."""
        return await self.ann.sees(
            thread, lambda each: not each.components and matches(wanted, each), by=self.bot, after=after
        )

    def configure(
        self,
        *,
        agent: Sequence[str] = SCRIPTED,
        remembers: bool = False,
        access: str = "",
        extra: str = "",
        agent_extra: str = "",
    ) -> None:
        """Write the configuration. `extra` adds tables; an agent that `remembers` has sessions that survive it.

        The agents do not introduce themselves, and nobody who has waited for long is called: how long a busy machine
        takes would decide it.
        """
        if "[reply]" not in extra:
            extra += '\n[reply]\nfinish = "edit"\n'
        if "introduction" not in extra:
            quiet = "[threads]\nintroduction = false\n"
            extra = extra.replace("[threads]\n", quiet) if "[threads]\n" in extra else f"{extra}\n{quiet}"
        if remembers:
            agent = (*agent, "--state", str(self.config.with_name("sessions")))
        people = access or {"users": ids(self.ann, self.ben)}
        lines_of_agent = f"{lines(command(agent))}{agent_extra}"
        text = configuration(self, self.config.parent, lines_of_agent, access=people, more=extra)
        self.config.write_text(text, "utf-8")


def spoken(message: Message) -> str:
    """What the agent said in a message of the bot, without the line about what its turn took."""
    return re.sub(r"\n-# (\d+ (s|min|h)\b.*)$", "", message.content)


@asynccontextmanager
async def idle_lab(folder: Path, **options: Any) -> AsyncIterator[BotLab]:
    """The stage, with its configuration, but without a bot."""
    async with Loopback(port=0, strict=strictly()) as discord:
        for limit in (Limit.MESSAGES, Limit.REACTIONS, Limit.CHANNELS):
            rule = discord.limits.rule(limit)
            discord.limits.change(limit, rule.limit, rule.seconds / HASTE)
        place = BotLab.furnish(discord, "ann", "ben", "mallory", token=TOKEN, config=folder / "threadline.toml")
        place.configure(**options)
        yield place


@asynccontextmanager
async def bot_lab(folder: Path, **options: Any) -> AsyncIterator[BotLab]:
    """The stage with the bot at work in this process; at the end it is stopped as by a signal."""
    async with idle_lab(folder, **options) as place, running_bot(place):
        yield place


@asynccontextmanager
async def running_bot(place: BotLab) -> AsyncIterator[App]:
    """Run the bot of a stage for as long as the block lasts."""
    app = place.app = App(load(place.config))
    with pytest.MonkeyPatch.context() as patch:
        for wait, seconds in IMPATIENCE.items():
            patch.setattr(wait, seconds)
        task = asyncio.create_task(app.run(), name="app")
        await unless(app.ready.wait(), asyncio.wait([task]))
        if task.done():
            await task
        try:
            yield app
        finally:
            app.stop()
            await task


@contextmanager
def nothing_written(folder: Path) -> Iterator[None]:
    """Let the journal of a stage in `folder` be elsewhere for as long as the block lasts: nothing can be written."""
    journal, elsewhere = folder / "threadline.db", folder / "elsewhere.db"
    journal.rename(elsewhere)
    try:
        yield
    finally:
        elsewhere.rename(journal)


def said(outcome: Outcome) -> str:
    """What the bot answered to a press or a command."""
    assert outcome.message is not None
    return outcome.message.content


def numbers(first: int, last: int) -> str:
    """The text of `stream`, whole."""
    return " ".join(str(number) for number in range(first, last + 1))


def marked(config: Path) -> list[int]:
    """All living processes whose marker is of this configuration's journal, or whose working directory is its own."""
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
