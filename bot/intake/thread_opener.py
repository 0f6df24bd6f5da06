"""Opens the thread of a request, with retries for a bounded time; failing that, answers in the channel."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import structlog

from bot.conversation.exchange import Exchange
from bot.conversation.exchange_context import ExchangeContext
from bot.conversation.thread_names import NEUTRAL, name_for
from bot.prompt.request import Request, write_request
from bot.rest.api import DiscordApi
from bot.rest.backoff import ATTEMPTS
from bot.rest.calls import Urgency
from bot.rest.errors import ContentRefused, Gone, RestError, TryLater
from bot.user_messages import notices
from pool.pool import Pool

OPEN_SECONDS = 900.0
"""How long a request waits for its thread: Discord has asked for waits of almost five minutes, several times."""

VISIBLE_SECONDS = 3.0
"""A longer wait is shown on the request."""

log = structlog.stdlib.get_logger("bot")


class NotOpened(Exception):
    """A request gets no thread; the text says why, for people."""


async def open_thread_for(exchange: Exchange, *, context: ExchangeContext, pool: Pool) -> None:
    """Open the thread of an exchange, or continue it in its channel. Raises `Gone` as `open_thread`."""
    request = exchange.request
    await context.stale_messages.settled(exchange.message_ids)
    minutes = context.agents.config.threads.auto_archive_minutes
    try:
        await open_thread(
            exchange,
            api=context.api,
            auto_archive_minutes=minutes,
            redact=context.redact,
            on_named=lambda name: context.thread_names.opened(request.thread_id, name),
        )
    except NotOpened as error:
        log.warning("a thread could not be opened", message_id=request.message_id, reason=str(error))
        _answer_in_channel(exchange, str(error), context=context, pool=pool)


def _answer_in_channel(exchange: Exchange, reason: str, *, context: ExchangeContext, pool: Pool) -> None:
    """Move a request without a thread into the inbox of its channel's conversation."""
    agents, channel_id, thread_id = context.agents, exchange.request.channel_id, exchange.request.thread_id
    conversation = pool.conversation(thread_id)
    if conversation is None or conversation.find_unsent(exchange.request.message_id) is not exchange:
        exchange.opened(channel_id)  # It has ended; its last words, if any, go to the channel.
    elif context.journal.threads.knows(channel_id) and agents.name(channel_id) != agents.name(thread_id):
        exchange.not_opened(reason)
    else:
        request = replace(exchange.requests[-1], thread_id=channel_id, no_thread=reason)  # The last one is edited.
        context.journal.messages.move(request.message_id, channel_id, write_request(request))
        conversation.release(exchange)
        exchange.moved(request)
        pool.submit(channel_id, exchange)


async def open_thread(
    exchange: Exchange,
    *,
    api: DiscordApi,
    auto_archive_minutes: int,
    redact: Callable[[str], str] = str,
    on_named: Callable[[str], None] = lambda _name: None,
) -> None:
    """Open the thread of a request and add its author. `on_named` gets each name before it is tried.

    `redact` takes secrets out of the name, which more people see than the request. Raises `NotOpened`, and `Gone` if
    the request's message is gone.
    """
    request = exchange.request
    visible = asyncio.get_running_loop().call_later(VISIBLE_SECONDS, exchange.show_waiting)
    name = name_for(request, redact)
    try:
        await open_named(request, name, api=api, auto_archive_minutes=auto_archive_minutes, on_named=on_named)
    finally:
        visible.cancel()
    exchange.opened(request.thread_id)
    await add_author(request, api=api)


async def open_named(
    request: Request,
    name: str,
    *,
    api: DiscordApi,
    auto_archive_minutes: int,
    on_named: Callable[[str], None] = lambda _name: None,
) -> None:
    """Open the thread of a request with this name, or one that the server allows. Raises as `open_thread`."""
    opening = _ThreadOpening(request, api=api, auto_archive_minutes=auto_archive_minutes)
    try:
        try:
            on_named(name)
            await opening.open(name)
        except ContentRefused as error:
            log.info("a thread gets another name", message_id=request.message_id, reason=str(error))
            on_named(NEUTRAL)
            await opening.open(NEUTRAL)
    except Gone:
        raise
    except RestError as error:
        raise NotOpened(str(error)) from error


async def add_author(request: Request, *, api: DiscordApi) -> None:
    """Add the author of a request to its thread."""
    try:
        add = partial(api.add_member, request.thread_id, request.author_id, urgency=Urgency.NOTICE)
        await api.retrying(add, attempts=ATTEMPTS)
    except RestError as error:
        log.warning("a person could not be added to their thread", thread_id=request.thread_id, reason=str(error))


class _ThreadOpening:
    """The attempts at opening one thread. It waits out an outage, but gives a Discord that answers `OPEN_SECONDS`."""

    def __init__(self, request: Request, *, api: DiscordApi, auto_archive_minutes: int) -> None:
        self._request = request
        self._api = api
        self._minutes = auto_archive_minutes
        self._failed_at = asyncio.get_running_loop().time()
        self._answers = api.pacer.answers
        self._refused = 0.0
        """Seconds for which Discord has answered, but opened no thread."""

    async def open(self, name: str) -> None:
        """Open it. Raises `RestError` on a refusal, and `NotOpened` after too many seconds of retries."""
        request = self._request
        open_it = partial(
            self._api.open_thread,
            request.channel_id,
            request.message_id,
            name,
            auto_archive_minutes=self._minutes,
            urgency=Urgency.FIRST,
        )
        await self._api.retrying(open_it, on_failure=self._failed)

    def _failed(self, error: TryLater, wait: float) -> None:
        log.info("a thread cannot be opened yet", message_id=self._request.message_id, reason=str(error))
        now, answers = asyncio.get_running_loop().time(), self._api.pacer.answers
        if error.seconds or answers > self._answers:
            self._refused += now - self._failed_at
        self._failed_at, self._answers = now, answers
        if self._refused + wait > OPEN_SECONDS:
            raise NotOpened(notices.refused_for(self._refused, str(error)))
