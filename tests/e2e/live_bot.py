"""The whole bot under test: loopback as Discord, the scripted agent as real processes, and people."""

import asyncio
import re
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bot.app import App
from bot.config.load import load
from bot.gateway.client import ThreadlineClient
from loopback import Loopback, Message, Outcome, User
from loopback.bot_process import unless
from loopback.harness import Lab, command, configuration, ids, in_toml, lines
from loopback.rest.rate_limits import Limit
from loopback.state.components import text_of
from loopback.state.entities import Channel, Thread
from loopback.state.outcome import Wanted, matches
from tests.loopback.openapi import strictly

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
    """The lab with a configured bot. Ann owns the bot and may use it; Ben may use it; Mallory may not."""

    config: Path
    app: App | None = None

    @property
    def mallory(self) -> User:
        """The third person."""
        return self.people[2]

    @property
    def client(self) -> ThreadlineClient:
        """The bot's connection to Discord, in this process."""
        assert self.app is not None
        assert self.app._supervised is not None
        assert self.app._supervised.client is not None
        return self.app._supervised.client

    @property
    def project(self) -> Path:
        """The agents' working directory."""
        return self.config.with_name("project")

    async def conversation(self, request: str, shows: Wanted) -> Thread:
        """Have Ann open a thread by a request, and wait until the bot shows this in it."""
        thread = await self.thread(request)
        await self.ann.sees(thread, shows, by=self.bot)
        return thread

    async def asleep(self, thread: Thread | Message) -> None:
        """Wait until the thread's conversation has ended, and its agent with it."""
        conversations = self.client.pool._running.items()
        tasks = [task for conversation, task in conversations if conversation.thread_id == thread.id]
        async with asyncio.timeout(30):
            await asyncio.gather(*tasks)

    async def answer(self, thread: Channel, wanted: Wanted, *, after: Message | None = None) -> Message:
        """Wait for the last page of a reply with this text: the turn has ended, for its Stop is gone."""
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
        channels: Sequence[Channel] = (),
    ) -> None:
        """Write the configuration. `extra` adds tables; an agent that `remembers` keeps its sessions over a restart.

        The bot works in `channels` too, each of which has a directory of its own.

        Introductions and the mention after a long turn are off, because they would depend on the machine's speed.
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
        text = configuration(self, self.config.parent, lines_of_agent, access=people, channels=channels, more=extra)
        self.config.write_text(text, "utf-8")


def spoken(message: Message) -> str:
    """Return the agent's text in a message of the bot, without the line of the turn's figures."""
    return re.sub(r"\n-# (\d+ (s|min|h)\b.*)$", "", message.content)


@asynccontextmanager
async def idle_lab(folder: Path, **options: Any) -> AsyncIterator[BotLab]:
    """Provide the lab with its configuration, without a running bot."""
    async with Loopback(port=0, strict=strictly()) as discord:
        for limit in (Limit.MESSAGES, Limit.REACTIONS, Limit.CHANNELS):
            rule = discord.limits.rule(limit)
            discord.limits.change(limit, rule.limit, rule.seconds / HASTE)
        lab = BotLab.furnish(discord, "ann", "ben", "mallory", token=TOKEN, config=folder / "threadline.toml")
        lab.configure(**options)
        yield lab


@asynccontextmanager
async def bot_lab(folder: Path, **options: Any) -> AsyncIterator[BotLab]:
    """Provide the lab with the bot running in this process; at the end it stops as by a signal."""
    async with idle_lab(folder, **options) as lab, running_bot(lab):
        yield lab


@asynccontextmanager
async def running_bot(lab: BotLab) -> AsyncIterator[App]:
    """Run a lab's bot for the block."""
    app = lab.app = App(load(lab.config))
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
    """Move the journal in `folder` away for the block, so that it cannot be written."""
    journal, elsewhere = folder / "threadline.db", folder / "elsewhere.db"
    journal.rename(elsewhere)
    try:
        yield
    finally:
        elsewhere.rename(journal)


def said(outcome: Outcome) -> str:
    """Return the bot's answer to a press or a command."""
    assert outcome.message is not None
    return text_of(outcome.message)


def numbers(first: int, last: int) -> str:
    """Return the whole text of the directive `stream`."""
    return " ".join(str(number) for number in range(first, last + 1))


OTHER = """
[agents.other]
command = {command}
args = ["-m", "loopback.agent"]
cwd = {cwd}
"""


def other_agent(folder: Path) -> str:
    """Return the table of a second agent, which works in another directory."""
    (folder / "elsewhere").mkdir()
    return OTHER.format(command=in_toml(SCRIPTED[0]), cwd=in_toml(str(folder / "elsewhere")))
