"""Runs the steps of a live check in order, and removes what they made, whatever happens on the way."""

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

import aiohttp

from bot.cli.discord_probe import connect_probe
from bot.cli.texts import live as texts
from bot.config.schema import Config
from bot.gateway.connection import intents
from bot.gateway.identify_limit import IdentifyLimit, TooManyIdentifies
from bot.operations.locks import user_lock
from bot.operations.start_failure import StartFailed
from bot.rest.errors import on_one_line

from . import (
    file_steps,
    forum_step,
    gateway_steps,
    limit_steps,
    load_step,
    message_steps,
    people_steps,
    thread_steps,
)
from .findings import LiveFindings
from .gateway_wire import GatewayWire
from .live_clock import LiveClock
from .place import Place
from .recording import LiveRecording
from .removal import newest_message, remove_all
from .rest_wire import MOST_REFUSALS, UNREADABLE, RestWire, TooManyRefusals
from .trial import Trial

Step = Callable[[Trial], Awaitable[None]]

STEPS: Final[tuple[tuple[int, Step], ...]] = (
    (1, limit_steps.identifies_and_round_trips),
    (2, limit_steps.windows),
    (4, thread_steps.thread),
    (3, message_steps.nonces_and_length),
    (5, file_steps.files),
    (6, message_steps.texts_and_links),
    (6, forum_step.tags),
    (3, message_steps.nonces_later),
    (7, gateway_steps.sessions),
)
"""The steps that always run, by their numbers, in order. The gateway comes after the long waits."""


@dataclass
class LiveCheck:
    """One check in a place. `show` tells the person at the terminal what to do, `with_people` if there is one."""

    config: Config
    place: Place
    limit: IdentifyLimit
    findings: LiveFindings
    show: Callable[[str], None]
    with_people: bool = False
    load: int = 0
    """Threads of the load step, which is left out with none."""
    clock: LiveClock = field(default_factory=LiveClock)
    recording: LiveRecording = field(default_factory=LiveRecording)
    left: list[str] = field(default_factory=list)
    """The links of messages that are not deleted."""
    calls: int = 0
    refusals: int = 0
    most_refusals: int = MOST_REFUSALS

    async def run(self) -> None:
        """Run all steps, and delete what they made, also where an interruption ends them.

        Raises `StartFailed` if the bot cannot log in, or the channel cannot be read.
        """
        settings = self.config.discord
        async with (
            connect_probe(settings, intents()) as probe,
            RestWire(probe.http, self.clock, self.recording) as rest,
            GatewayWire(probe.http, rest.session, self.limit, self.recording) as gateway,
        ):
            rest.most_refusals = self.most_refusals
            with user_lock(self.place.bot_id, self.config.file):
                newest = await newest_message(rest, self.place)
                # Until it is known better, and for an interruption of the removal itself.
                self.left = [texts.link(self.place.guild_id, self.place.channel_id, newest)]
                try:
                    await self._run_steps(Trial(rest, gateway, self.clock, self.place, self.findings, self.show))
                finally:
                    self.recording.step = 0
                    self.left = await remove_all(rest, self.place, newest)
                    self.calls, self.refusals = rest.calls, rest.refusals

    def _steps(self) -> Iterator[tuple[int, Step]]:
        yield from STEPS
        if self.with_people:
            yield 8, people_steps.presses_and_pages
        if self.load:
            yield 9, lambda trial: load_step.load(trial, self.config.discord, self.load)

    async def _run_steps(self, trial: Trial) -> None:
        for number, step in self._steps():
            self.findings.step = self.recording.step = number
            try:
                await step(trial)
            except TooManyRefusals as error:
                self._not_tried(error)
                return
            except (StartFailed, TooManyIdentifies, aiohttp.ClientError, OSError, *UNREADABLE) as error:
                self._not_tried(error)

    @property
    def went_well(self) -> bool:
        """Whether all was as expected, and is deleted."""
        return not (self.findings.surprises or self.left)

    def _not_tried(self, error: Exception) -> None:
        reason = on_one_line(str(error)) or type(error).__name__
        self.findings.expect(texts.STEP, texts.COMPLETES, texts.not_tried(reason), holds=False)
