"""Step 9: many threads that stream at once, written by the bot's own schedule of calls."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from statistics import median, quantiles
from types import SimpleNamespace
from typing import Final

import aiohttp
import discord

from bot.cli.texts import live as texts
from bot.config.schema import DiscordConfig
from bot.gateway.connection import client_options, intents
from bot.rest.api import DiscordApi
from bot.rest.calls import ApiCall, Bucket, Urgency
from bot.rest.errors import TryLater
from bot.rest.http_trace import trace

from .rest_wire import CallFailed
from .trial import Trial

TICKS: Final = 600
TICK_SECONDS: Final = 0.1
"""A minute of ten tokens a second in each thread."""

LAST_SECONDS: Final = 30.0
"""Bound on the last edits."""

MOST_REFUSALS: Final = 20
"""Refusals after which the streams end early: Discord counts them against the bot."""

LONGEST: Final = 1900
"""Characters of a stream that are shown, the newest."""

ARCHIVE_MINUTES: Final = 60


class Stream:
    """One message that grows. It notes how old each token is when an edit that shows it is confirmed."""

    def __init__(self, api: DiscordApi, thread_id: int, message_id: int) -> None:
        self._api = api
        self._place = thread_id, message_id
        self._call = ApiCall(thread_id, self._next_edit, Urgency.EDIT, Bucket.EDIT)
        self._emitted: list[float] = []
        self.staleness: list[float] = []

    def grow(self) -> None:
        """Add a token."""
        self._emitted.append(asyncio.get_running_loop().time())
        self._api.pacer.put(self._call)

    def _next_edit(self) -> Awaitable[None] | None:
        count = len(self._emitted)
        return None if count == len(self.staleness) else self._edit(count)

    async def _edit(self, count: int) -> None:
        content = " ".join(map(str, range(count)))[-LONGEST:]
        try:
            await self._api.edit(*self._place, content)
        except TryLater as error:
            self._api.pacer.retry(self._call, error)
            return
        now = asyncio.get_running_loop().time()
        self.staleness += [now - each for each in self._emitted[len(self.staleness) : count]]
        if len(self._emitted) > count:
            self._api.pacer.put(self._call)


async def load(trial: Trial, settings: DiscordConfig, threads: int) -> None:
    """Open so many threads, stream into all of them for a minute, and look at refusals and at the tokens' age."""
    places = [await _opened(trial, number) for number in range(threads)]
    async with _own_schedule(settings) as (api, refused):
        streams = [Stream(api, *place) for place in places]
        for _ in range(TICKS):
            for stream in streams:
                stream.grow()
            await trial.clock.sleep(TICK_SECONDS)
            if refused.total() >= MOST_REFUSALS:
                break
        await api.pacer.drain(LAST_SECONDS)
    total = refused.total()
    trial.findings.expect(texts.LOAD_REFUSED, texts.NONE, texts.by_code(refused), holds=total == 0)
    ages = [age for stream in streams for age in stream.staleness]
    if len(ages) < 2:
        raise CallFailed(texts.NOTHING_SHOWN)
    trial.findings.measure(texts.STALENESS, texts.percentiles(median(ages), quantiles(ages, n=20)[-1]))


async def _opened(trial: Trial, number: int) -> tuple[int, int]:
    """Open a thread with a message in it; return the ids of both."""
    first = await trial.post(trial.channel, texts.load_thread(number))
    body = {"name": texts.load_thread(number), "auto_archive_duration": ARCHIVE_MINUTES}
    opened = await trial.rest.call("POST", f"{trial.channel}/messages/{first.field('id')}/threads", body)
    if opened.status != 201:
        raise CallFailed(texts.not_posted(texts.answer(opened.status, opened.code)))
    message = await trial.post(f"/channels/{opened.field('id')}", texts.IN_THREAD)
    return int(opened.field("id")), int(message.field("id"))


@asynccontextmanager
async def _own_schedule(settings: DiscordConfig) -> AsyncIterator[tuple[DiscordApi, Counter[int]]]:
    """Provide the bot's way of calling Discord, and a count of refusals for the rate by Discord's code."""
    api, refused = DiscordApi(), Counter[int]()
    config = trace(api.pacer)

    async def count(
        _session: aiohttp.ClientSession, _call: SimpleNamespace, params: aiohttp.TraceRequestEndParams
    ) -> None:
        if params.response.status == 429:
            body = await params.response.json(content_type=None)
            refused[int(body.get("code", 0)) if isinstance(body, dict) else 0] += 1

    # Before the schedule's own, which ends a refused call.
    config.on_request_end.insert(0, count)
    options = client_options(settings)
    client = discord.Client(intents=intents(), http_trace=config, max_ratelimit_timeout=60.0, **options)
    pacing = asyncio.create_task(api.pacer.run(), name="live-load-pacer")
    try:
        await client.login(settings.token.get_secret_value())
        api.use(client)
        yield api, refused
    finally:
        pacing.cancel()
        await asyncio.wait([pacing])
        await client.close()
