"""A live check in a test: over loopback, on a clock that jumps, with people who press what it asks for."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bot.cli.live.findings import LiveFinding, LiveFindings
from bot.cli.live.live_check import LiveResult, run_live_check
from bot.cli.live.live_clock import LiveClock
from bot.cli.live.place import Place, find_place
from bot.cli.live.recording import LiveRecording
from bot.config.load import read_config
from bot.config.schema import Config
from bot.gateway.identify_limit import IdentifyLimit
from loopback import Loopback
from loopback.harness import Lab, command, configuration, lines
from pool.journal.journal import Journal
from tests.loopback.openapi import strictly

TOKEN = "token.of.the.live.check"
PATIENT = 1e6
"""The gateway's heartbeat in seconds: the check lets minutes pass at once."""


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
    """The lab in which a live check runs."""

    config: Config
    journal: Journal
    recording: LiveRecording = field(default_factory=LiveRecording)
    found: list[LiveFinding] = field(default_factory=list)

    async def place(self) -> Place:
        """Look at the channel as the command does."""
        return await find_place(self.config, self.channel.id, IdentifyLimit(self.journal))

    async def check(self) -> LiveResult:
        """Run the whole check in the channel."""
        result = LiveResult()
        findings = LiveFindings(self.found.append)
        clock = JumpingClock(self.discord)
        await run_live_check(self.config, await self.place(), findings, self.recording, clock, result)
        return result

    @property
    def surprises(self) -> dict[str, str]:
        """What was seen instead of what was expected, by subject."""
        return {each.subject: each.seen for each in self.found if each.verdict == "SURPRISE"}


@asynccontextmanager
async def live_lab(folder: Path) -> AsyncIterator[LiveLab]:
    """Provide the lab: all of Discord's limits, and a bot that does not run."""
    async with Loopback(limits=True, heartbeat=PATIENT, strict=strictly()) as discord:
        lab = Lab.furnish(discord, "ann", token=TOKEN)
        path = folder / "threadline.toml"
        path.write_text(configuration(lab, folder, lines(command(["agent"]))), "utf-8")
        config = read_config(path)
        with Journal.open(config.journal.file) as journal:
            yield LiveLab(**vars(lab), config=config, journal=journal)
