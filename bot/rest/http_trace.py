"""Traces the library's HTTP requests: when they leave, and what their answers say about rate limits.

The library accepts an aiohttp trace, whose callbacks run in the task that makes the request. They pass Discord's
headers to the pacer, end a request that hangs, and end a call that is refused for its rate: the library would sleep and
then send the same text again, which is outdated by then.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from types import SimpleNamespace
from typing import Any

import aiohttp
import discord
import structlog

from bot.user_messages import rest_errors

from .errors import TryLater, is_from_discord, is_token_refusal, on_one_line, translated
from .pacer import Pacer
from .sliding_window import RateLimitHeaders, Scope

ANSWER_SECONDS = 20.0
"""Seconds to wait for an answer. The library has no bound of its own, and aiohttp's is five minutes."""

SLOWEST_BYTES = 32 * 1024
"""Bytes a second of the slowest upload: a call with files may take longer by their size."""

REFUSED_SECONDS = 5.0
"""Seconds to wait after a refusal that states no time."""

CHANNEL_WRITES, SERVER_WRITES = 20028, 20029
SCOPES = {CHANNEL_WRITES: Scope.CHANNEL, SERVER_WRITES: Scope.SERVER}
"""Discord's codes for too many writes in a channel or a server."""

EDGE_STATUS = frozenset({403, 429})
EDGE_CODE = 40333
"""The refusals of the network in front of Discord: with a page of its own, or with this JSON error code."""

log = structlog.stdlib.get_logger("bot")

_bound: ContextVar[tuple[asyncio.Timeout, float] | None] = ContextVar("bound", default=None)


class _Unreached(TryLater):
    """A request that did not get as far as Discord, or that Discord could not handle."""


@asynccontextmanager
async def library_call(size: int = 0) -> AsyncIterator[None]:
    """Bound the time on the wire of the library's calls made inside, which upload `size` bytes. Raises `RestError`."""
    try:
        async with asyncio.timeout(None) as timeout:
            token = _bound.set((timeout, ANSWER_SECONDS + size / SLOWEST_BYTES))
            try:
                yield
            finally:
                _bound.reset(token)
    except discord.RateLimited as error:
        raise TryLater(str(error), error.retry_after) from error
    except discord.HTTPException as error:
        raise translated(error) from error
    except TimeoutError as error:
        raise TryLater(rest_errors.NO_ANSWER) from error
    except (aiohttp.ClientError, OSError) as error:
        raise TryLater(str(error) or type(error).__name__) from error
    except RuntimeError as error:
        # The session of a client that has been closed.
        raise TryLater(str(error), 1.0) from error
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        # The library's response to a body that is no JSON, or another object than it expects.
        log.warning("an answer of Discord could not be read", exc_info=True)
        raise TryLater(rest_errors.unreadable(error)) from error


def trace(pacer: Pacer) -> aiohttp.TraceConfig:
    """Return the `http_trace` for a client."""
    config = aiohttp.TraceConfig()

    async def on_start(
        _session: aiohttp.ClientSession, call: SimpleNamespace, params: aiohttp.TraceRequestStartParams
    ) -> None:
        exempt = _is_exempt(str(params.url))
        if _bound.get() is not None and not exempt and not pacer.admits():
            raise _Unreached(rest_errors.AWAY)
        call.counted = pacer.sent(exempt=exempt)
        _start_timeout()

    async def on_end(
        _session: aiohttp.ClientSession, call: SimpleNamespace, params: aiohttp.TraceRequestEndParams
    ) -> None:
        _stop_timeout()
        counted, call.counted = call.counted, None
        try:
            headers = await _headers(params.response)
        except _Unreached as error:
            pacer.failed(counted, str(error), blocked=error.seconds > 0, seconds=error.seconds)
            if _bound.get() is not None:
                raise
            return
        pacer.answered(counted, headers)
        wait = headers.retry_after
        if wait is not None and _bound.get() is not None:
            raise TryLater(rest_errors.rate_limited(wait), wait)

    async def on_failure(
        _session: aiohttp.ClientSession, call: SimpleNamespace, params: aiohttp.TraceRequestExceptionParams
    ) -> None:
        _stop_timeout()
        error, bound = params.exception, _bound.get()
        if not isinstance(error, asyncio.CancelledError):
            pacer.failed(call.counted, on_one_line(str(error)) or type(error).__name__)
        elif bound is not None and bound[0].expired():
            pacer.failed(call.counted, rest_errors.NO_ANSWER)
        else:
            pacer.cancelled(call.counted)

    config.on_request_start.append(on_start)
    config.on_request_end.append(on_end)
    config.on_request_exception.append(on_failure)
    return config


async def _headers(response: aiohttp.ClientResponse) -> RateLimitHeaders:
    """Return the limit that an answer states. Raises `_Unreached` if it did not come from a working Discord."""
    status, own = response.status, is_from_discord(response.headers.get("Content-Type", ""))
    if status < 400:
        return _plain_headers(response)
    body = await _body(response) if own else {}
    if status == 408 or status >= 500:
        raise _Unreached(on_one_line(str(body.get("message", ""))) or rest_errors.answered(status, response.reason))
    if (not own and status in EDGE_STATUS) or body.get("code") == EDGE_CODE:
        wait = _number(response.headers.get("Retry-After"))
        seconds = REFUSED_SECONDS if wait is None else max(wait, REFUSED_SECONDS)
        raise _Unreached(rest_errors.blocked(status, response.reason), seconds)
    # In a login, which is no call of ours, that ends the bot.
    if own and _bound.get() is not None and is_token_refusal(status, body.get("code")):
        raise _Unreached(rest_errors.TOKEN_REFUSED, REFUSED_SECONDS)
    stated = _plain_headers(response)
    if stated.retry_after is None:
        return stated
    wait = _number(body.get("retry_after"))  # The header is rounded up to whole seconds.
    scope = SCOPES.get(body.get("code", 0), stated.scope)
    return RateLimitHeaders(retry_after=stated.retry_after if wait is None else wait, scope=scope)


def _plain_headers(response: aiohttp.ClientResponse) -> RateLimitHeaders:
    """Return the limit in an answer's headers alone (Discord, Rate Limits, Header Format)."""
    headers = response.headers
    if response.status == 429:
        everywhere = "X-RateLimit-Global" in headers or headers.get("X-RateLimit-Scope") == "global"
        wait = _number(headers.get("X-RateLimit-Reset-After") or headers.get("Retry-After"))
        scope = Scope.EVERYWHERE if everywhere else Scope.BUCKET
        return RateLimitHeaders(retry_after=REFUSED_SECONDS if wait is None else wait, scope=scope)
    limit, remaining = _number(headers.get("X-RateLimit-Limit")), _number(headers.get("X-RateLimit-Remaining"))
    reset_after = _number(headers.get("X-RateLimit-Reset-After"))
    if limit is None or remaining is None or reset_after is None:
        return RateLimitHeaders()
    return RateLimitHeaders(int(limit), int(remaining), reset_after)


async def _body(response: aiohttp.ClientResponse) -> dict[str, Any]:
    """Return the body of a refusal, empty if it cannot be read."""
    try:
        body = await response.json(content_type=None)
    except (aiohttp.ClientError, ValueError):
        return {}
    return body if isinstance(body, dict) else {}


def _number(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def _is_exempt(url: str) -> bool:
    """Whether a request is outside the limits: an answer to an interaction, or no REST request."""
    base = discord.http.Route.BASE
    return not url.startswith(base) or url.removeprefix(base).startswith(("/interactions/", "/webhooks/"))


def _start_timeout() -> None:
    bound = _bound.get()
    if bound is not None and not bound[0].expired():
        bound[0].reschedule(asyncio.get_running_loop().time() + bound[1])


def _stop_timeout() -> None:
    bound = _bound.get()
    if bound is not None and not bound[0].expired():
        bound[0].reschedule(None)
