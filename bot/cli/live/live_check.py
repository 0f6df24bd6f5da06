"""Runs the steps of a live check in order, and removes what they made, whatever happens on the way."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

import aiohttp

from bot.cli.discord_probe import connect_probe
from bot.cli.texts import live as texts
from bot.config.schema import Config
from bot.gateway.connection import intents
from bot.operations.locks import user_lock
from bot.operations.start_failure import StartFailed

from . import limit_steps, thread_steps
from .findings import LiveFindings
from .live_clock import LiveClock
from .place import Place
from .recording import LiveRecording
from .removal import newest_message, remove_all
from .rest_wire import RestWire, TooManyRefusals
from .trial import Trial

Step = Callable[[Trial], Awaitable[None]]

STEPS: Final[tuple[tuple[int, Step], ...]] = (
    (1, limit_steps.identifies_and_round_trips),
    (2, limit_steps.windows),
    (4, thread_steps.thread),
)
"""The steps by their numbers, in the order in which they run."""


@dataclass
class LiveResult:
    """What a check leaves: the links of messages that are not deleted, and what Discord counted."""

    left: list[str] = field(default_factory=list)
    calls: int = 0
    refusals: int = 0


async def run_live_check(
    config: Config, place: Place, findings: LiveFindings, recording: LiveRecording, clock: LiveClock, result: LiveResult
) -> None:
    """Run all steps, and fill in the `result`, also where an interruption ends them.

    Raises `StartFailed` if the bot cannot log in, or the channel cannot be read.
    """
    async with connect_probe(config.discord, intents()) as probe, RestWire(probe.http, clock, recording) as rest:
        with user_lock(place.bot_id, config.file):
            newest = await newest_message(rest, place)
            # Until it is known better, and for an interruption of the removal itself.
            result.left = [texts.link(place.guild_id, place.channel_id, newest)]
            try:
                await _run_steps(Trial(rest, clock, place, findings), recording)
            finally:
                result.left = await remove_all(rest, place, newest)
                result.calls, result.refusals = rest.calls, rest.refusals


async def _run_steps(trial: Trial, recording: LiveRecording) -> None:
    for number, step in STEPS:
        trial.findings.step = recording.step = number
        try:
            await step(trial)
        except TooManyRefusals as error:
            trial.findings.expect(texts.STEP, texts.COMPLETES, texts.not_tried(str(error)), holds=False)
            return
        except (StartFailed, aiohttp.ClientError, OSError, LookupError, TypeError, ValueError) as error:
            # Also an answer without the fields that it should have: other steps may still find something out.
            reason = str(error) or type(error).__name__
            trial.findings.expect(texts.STEP, texts.COMPLETES, texts.not_tried(reason), holds=False)
