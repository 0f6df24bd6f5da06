"""A live check in a test: over loopback, on a clock that jumps, with people who press what it asks for."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from bot.cli.live.findings import LiveFinding, LiveFindings
from bot.cli.live.live_check import LiveCheck
from bot.cli.live.live_clock import LiveClock
from bot.cli.live.place import Forum, Place
from bot.cli.texts import live as texts
from bot.config.load import read_config
from bot.gateway.identify_limit import IdentifyLimit
from loopback import Loopback, Message, Thread
from loopback.harness import Lab, command, configuration, lines
from pool.journal.journal import Journal
from tests.loopback.openapi import strictly

TOKEN = "token.of.the.live.check"
PATIENT = 1e6
"""The gateway's heartbeat in seconds: the check lets minutes pass at once."""


STANDING = 1_800_000_000.0
"""Loopback's time in seconds since 1970, which only jumps: a busy machine changes nothing."""

GENEROUS = 60.0
"""Bound that only catches hangs."""

WRITTEN = "what a person writes"


class JumpingClock(LiveClock):
    """Loopback's clock, which a wait moves ahead."""

    def __init__(self, discord: Loopback) -> None:
        self._discord = discord

    def now(self) -> float:
        return self._discord.clock()

    async def sleep(self, seconds: float) -> None:
        self._discord.jump(max(0.0, seconds))


@dataclass(kw_only=True)
class LiveLab(Lab):
    """The lab with a live check."""

    check: LiveCheck
    found: list[LiveFinding]

    @property
    def surprises(self) -> set[str]:
        """The subjects of the surprises."""
        return {each.subject for each in self.check.findings.surprises}

    async def press_all(self, answer: str = texts.YES) -> None:
        """Press what the check asks for, as Ann; the `answer` is about each page."""
        there = await self.discord.until(lambda: self.discord.world.threads_of(self.channel), timeout=GENEROUS)
        await self.ann.click(await self._asked(there[0], texts.PRESS_BUTTON), texts.PRESS)
        await self.ann.pick(await self._asked(there[0], texts.PRESS_MENU), ["Green"])
        form = await self.ann.click(await self._asked(there[0], texts.PRESS_FORM), texts.OPEN_FORM)
        await self.ann.fill(form, {"Lines": WRITTEN})
        for content in texts.PAGES.values():
            await self.ann.click(await self._asked(there[0], content), answer)

    async def _asked(self, thread: Thread, content: str) -> Message:
        return await self.ann.sees(thread, content, by=self.bot, timeout=GENEROUS)


@asynccontextmanager
async def live_lab(folder: Path, *, with_people: bool = False, load: int = 0) -> AsyncIterator[LiveLab]:
    """Provide the lab: all of Discord's limits, a forum with a tag, and a bot that does not run.

    For a `load`, time passes also by itself, as the bot's schedule needs it.
    """
    clock = time.time if load else lambda: STANDING
    async with Loopback(limits=True, clock=clock, heartbeat=PATIENT, strict=strictly()) as discord:
        lab = Lab.furnish(discord, "ann", token=TOKEN)
        path = folder / "threadline.toml"
        path.write_text(configuration(lab, folder, lines(command(["agent"]))), "utf-8")
        config = read_config(path)
        forum = discord.add_channel(lab.guild, "ideas", kind=15, tags=("bug",))
        tag = Forum(forum.id, *forum.tags)
        place = Place(lab.channel.id, lab.guild.id, "#general in Lab", lab.bot.id, lab.ann.id, tag)
        found: list[LiveFinding] = []
        with Journal.open(config.journal.file) as journal:
            check = LiveCheck(
                config,
                place,
                IdentifyLimit(journal),
                LiveFindings(found.append),
                lambda _words: None,
                with_people=with_people,
                load=load,
                clock=JumpingClock(discord),
            )
            yield LiveLab(**vars(lab), check=check, found=found)
