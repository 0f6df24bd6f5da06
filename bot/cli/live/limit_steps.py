"""Steps 1 and 2: identifies, round trips, and the windows of the rate limits."""

import asyncio
from collections.abc import Sequence
from statistics import median, quantiles
from typing import Any, Final

from bot.cli.texts import live as texts
from bot.config.appearance import DONE, EYE, FAILED

from .rest_wire import Answer, CallFailed, TooManyRefusals
from .trial import Trial

IDENTIFIES_A_DAY: Final = 1000
ROUND_TRIPS: Final = 20

SENDS: Final = 5
SENDS_SECONDS: Final = 5.0
"""The window of sends and of edits in a channel."""

REACTIONS_SECONDS: Final = 0.25
"""The window of one reaction in a channel."""

EDITS: Final = 9
CADENCE_SECONDS: Final = 1.25
"""Edits that keep the limit, and the time between two."""

MARGIN_SECONDS: Final = 0.5
"""What a wait for the end of a window adds, for the network."""


async def identifies_and_round_trips(trial: Trial) -> None:
    """Read how often the bot may identify, and measure how long Discord takes for a small call."""
    answer = await trial.try_call(texts.GATEWAY_BOT, "GET", "/gateway/bot", status=200)
    trial.gateway_url = answer.field("url") or ""
    starts = answer.field("session_start_limit") or {}
    total, together = starts.get("total"), starts.get("max_concurrency")
    trial.findings.expect(
        texts.IDENTIFIES,
        texts.identifies(IDENTIFIES_A_DAY, 1),
        texts.identifies(total, together),
        holds=(total, together) == (IDENTIFIES_A_DAY, 1),
    )
    trial.findings.measure(texts.IDENTIFIES_LEFT, str(starts.get("remaining")))
    answers = [await trial.rest.once("GET", trial.channel) for _ in range(ROUND_TRIPS)]
    refused = [each for each in answers if each.status != 200]
    trial.findings.expect(
        texts.READS, texts.refused_of(0, ROUND_TRIPS), texts.refused_of(len(refused), ROUND_TRIPS), holds=not refused
    )
    times = [each.seconds for each in answers]
    trial.findings.measure(texts.ROUND_TRIP, texts.percentiles(median(times), quantiles(times, n=20)[-1]))


async def windows(trial: Trial) -> None:
    """Look at the windows of sends, edits, reactions and typing, and at what a refusal looks like."""
    first = await trial.post(trial.channel, texts.FIRST_MESSAGE)
    trial.message_id = first.field("id")
    _expect_window(trial, texts.SEND_WINDOW, first, SENDS, SENDS_SECONDS)
    message = f"{trial.channel}/messages/{trial.message_id}"
    edits = [await _later(trial, message, number) for number in range(EDITS)]
    refused = [each for each in edits if each.status == 429]
    trial.findings.expect(
        texts.EDITS, texts.refused_of(0, EDITS), texts.refused_of(len(refused), EDITS), holds=not refused
    )
    trial.findings.measure(texts.REMAINING, " ".join(each.headers.get("X-RateLimit-Remaining", "-") for each in edits))
    buckets = {each.bucket for each in (first, *edits)}
    trial.findings.expect(texts.BUCKETS, texts.ONE_BUCKET, texts.buckets(buckets), holds=len(buckets) == 1)
    await trial.clock.sleep(SENDS_SECONDS + MARGIN_SECONDS)
    burst = await together(trial, [("PATCH", message, {"content": texts.edited(each)}) for each in range(SENDS + 1)])
    _expect_burst(trial, texts.SIX_EDITS, burst, SENDS)
    _expect_refusal(trial, texts.EDIT_REFUSAL, burst, SENDS_SECONDS)
    await _reactions(trial, message)
    typing = await together(trial, [("POST", f"{trial.channel}/typing", None)] * (SENDS + 1))
    count = sum(each.status == 429 for each in typing)
    trial.findings.measure(texts.TYPING, texts.refused_of(count, len(typing)))


async def _later(trial: Trial, message: str, number: int) -> Answer:
    await trial.clock.sleep(CADENCE_SECONDS)
    return await trial.rest.once("PATCH", message, {"content": texts.edited(number)})


async def _reactions(trial: Trial, message: str) -> None:
    one, *others = (f"{message}/reactions/{each}/@me" for each in (EYE, DONE, FAILED))
    await trial.clock.sleep(REACTIONS_SECONDS + MARGIN_SECONDS)
    _expect_window(trial, texts.REACTION_WINDOW, await trial.rest.once("PUT", one), 1, REACTIONS_SECONDS)
    await trial.clock.sleep(REACTIONS_SECONDS + MARGIN_SECONDS)
    burst = await together(trial, [("PUT", each, None) for each in others])
    _expect_burst(trial, texts.TWO_REACTIONS, burst, 1)


async def together(trial: Trial, calls: Sequence[tuple[str, str, Any]]) -> list[Answer]:
    """Make calls at once, also against the limit. Raises `CallFailed` and `TooManyRefusals`."""
    found = await asyncio.gather(*(trial.rest.once(*each) for each in calls), return_exceptions=True)
    for each in found:
        if isinstance(each, TooManyRefusals):
            raise each
        if isinstance(each, BaseException):
            raise CallFailed(str(each) or type(each).__name__) from each
    return [each for each in found if isinstance(each, Answer)]


def _expect_window(trial: Trial, subject: str, answer: Answer, limit: int, seconds: float) -> None:
    stated, resets = answer.number("X-RateLimit-Limit"), answer.number("X-RateLimit-Reset-After")
    holds = bool(answer.bucket) and stated == limit and resets is not None and resets <= seconds
    trial.findings.expect(subject, texts.window(limit, seconds), texts.window(stated, resets), holds=holds)


def _expect_burst(trial: Trial, subject: str, burst: Sequence[Answer], admitted: int) -> None:
    refused = sum(each.status == 429 for each in burst)
    expected = len(burst) - admitted
    trial.findings.expect(
        subject,
        texts.refused_of(expected, len(burst)),
        texts.refused_of(refused, len(burst)),
        holds=refused == expected,
    )


def _expect_refusal(trial: Trial, subject: str, burst: Sequence[Answer], seconds: float) -> None:
    """Look at the first refusal: the library takes one without Via for a ban, and waits as long as the body says."""
    for each in burst:
        if each.status == 429:
            scope, via, wait = each.headers.get("X-RateLimit-Scope"), "Via" in each.headers, each.field("retry_after")
            holds = scope == "user" and via and isinstance(wait, int | float) and 0 < wait <= seconds
            trial.findings.expect(
                subject, texts.refusal("user", seconds, via=True), texts.refusal(scope, wait, via=via), holds=holds
            )
            return
