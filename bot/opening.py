"""Opening a thread for a request, for as long as it takes within reason."""

import asyncio
from collections.abc import Callable

import structlog

from .exchange import Exchange
from .naming import name_for
from .pacer import Bucket, Pacer, Urgency
from .rest import Rest, RestError, TryLater

__all__ = ["OPEN_SECONDS", "open_thread"]

OPEN_SECONDS = 900.0
"""How long a request waits for its thread: Discord has been seen to ask for almost five minutes, more than once."""

VISIBLE_SECONDS = 3.0
"""A request that waits longer shows it."""

LONGEST_WAIT = 30.0
"""Seconds between two tries, where Discord does not ask for more."""

log = structlog.stdlib.get_logger("bot")


async def open_thread(
    exchange: Exchange, *, pacer: Pacer, rest: Rest, auto_archive_minutes: int, redact: Callable[[str], str] = str
) -> None:
    """Open the thread of a request and put its author into it; or tell the request that there will be none.

    `redact` takes secrets out of its name, which more people see than the request.
    """
    request = exchange.request
    visible = asyncio.get_running_loop().call_later(VISIBLE_SECONDS, exchange.waits)
    try:
        async with asyncio.timeout(OPEN_SECONDS):
            await _open(exchange, pacer, rest, auto_archive_minutes, redact)
    except TimeoutError:
        exchange.not_opened(f"Discord would not have it for {OPEN_SECONDS / 60:.0f} minutes.")
        return
    except RestError as error:
        exchange.not_opened(str(error))
        return
    finally:
        visible.cancel()
    exchange.opened(request.thread_id)
    await pacer.admit(None, Urgency.NOTICE)
    try:
        await rest.add_member(request.thread_id, request.author_id)
    except RestError as error:
        log.warning("a person could not be added to their thread", thread_id=request.thread_id, reason=str(error))


async def _open(
    exchange: Exchange, pacer: Pacer, rest: Rest, auto_archive_minutes: int, redact: Callable[[str], str]
) -> None:
    request = exchange.request
    name = name_for(request, redact)
    wait = 0.5
    while True:
        await pacer.admit(request.channel_id, Urgency.FIRST, Bucket.THREAD)
        try:
            await rest.open_thread(
                request.channel_id, request.message_id, name, auto_archive_minutes=auto_archive_minutes
            )
        except TryLater as error:
            log.info("a thread cannot be opened yet", message_id=request.message_id, reason=str(error))
            await asyncio.sleep(max(error.seconds, wait))
            wait = min(wait * 2, LONGEST_WAIT)
        else:
            return
