"""Traces HTTP calls: when they leave, and what their answers say about rate limits.

The library can be given an aiohttp trace, whose callbacks run in the task that makes the call. Through it the pacer
learns what Discord's headers say, a call that hangs is given up, and a call that is refused for its rate ends at once:
the library would sleep and then send the same text again, though it is old by then.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import SimpleNamespace
from typing import Any

import aiohttp
import discord

from .errors import in_a_line, is_discords
from .pacer import Pacer
from .rate_budget import RateLimitHeaders, Scope

__all__ = ["ANSWER_SECONDS", "TooMany", "Unreached", "bounded", "told", "trace"]

ANSWER_SECONDS = 20.0
"""Bound on the wait for an answer. The library has none of its own, and aiohttp's is five minutes."""

SLOWEST_BYTES = 32 * 1024
"""Bytes a second that the slowest way to Discord is taken to carry: what is uploaded has so much longer."""

REFUSED_SECONDS = 5.0
"""Wait after a refusal that does not say how long."""

CHANNEL_WRITES, SERVER_WRITES = 20028, 20029
SCOPES = {CHANNEL_WRITES: Scope.CHANNEL, SERVER_WRITES: Scope.SERVER}
"""Discord's codes for too much written in a channel or a server, and which calls those are about."""

EDGE_STATUS = frozenset({403, 429})
EDGE_CODE = 40333
"""How the edge before Discord refuses: in words of its own, or with one code that looks like Discord's."""

_bound: ContextVar[tuple[asyncio.Timeout, float] | None] = ContextVar("bound", default=None)


class TooMany(Exception):
    """Discord refused a call for its rate, and asks to wait for so many `seconds`."""

    def __init__(self, seconds: float) -> None:
        """Keep the wait."""
        super().__init__(f"too many calls; Discord asks to wait for {seconds:.1f} s")
        self.seconds = seconds


class Unreached(Exception):
    """A call did not get as far as Discord, or came back from a Discord in trouble; `seconds` is the least wait."""

    def __init__(self, reason: str, seconds: float = 0.0) -> None:
        """Keep the wait."""
        super().__init__(reason)
        self.seconds = seconds


@contextmanager
def bounded(timeout: asyncio.Timeout, size: int = 0) -> Iterator[None]:
    """Let `timeout` run while calls made inside are on the wire; `size` is how many bytes they upload.

    They end with `TooMany` when they are refused for their rate, and with `Unreached` when they come to nothing.
    """
    token = _bound.set((timeout, ANSWER_SECONDS + size / SLOWEST_BYTES))
    try:
        yield
    finally:
        _bound.reset(token)


def trace(pacer: Pacer) -> aiohttp.TraceConfig:
    """Make what a client is to be given as `http_trace`."""
    config = aiohttp.TraceConfig()

    async def on_start(
        _session: aiohttp.ClientSession, call: SimpleNamespace, params: aiohttp.TraceRequestStartParams
    ) -> None:
        exempt = _is_exempt(str(params.url))
        if _bound.get() is not None and not exempt and not pacer.admits():
            raise Unreached("Discord is away")
        call.counted = pacer.sent(exempt=exempt)
        _run()

    async def on_end(
        _session: aiohttp.ClientSession, call: SimpleNamespace, params: aiohttp.TraceRequestEndParams
    ) -> None:
        _rest()
        counted, call.counted = call.counted, None
        try:
            said = await _judged(params.response)
        except Unreached as error:
            pacer.failed(counted, str(error), blocked=error.seconds > 0, seconds=error.seconds)
            if _bound.get() is not None:
                raise
            return
        pacer.answered(counted, said)
        if said.retry_after is not None and _bound.get() is not None:
            raise TooMany(said.retry_after)

    async def on_failure(
        _session: aiohttp.ClientSession, call: SimpleNamespace, params: aiohttp.TraceRequestExceptionParams
    ) -> None:
        _rest()
        error, bound = params.exception, _bound.get()
        if not isinstance(error, asyncio.CancelledError):
            pacer.failed(call.counted, in_a_line(str(error)) or type(error).__name__)
        elif bound is not None and bound[0].expired():
            pacer.failed(call.counted, "Discord did not answer in time")
        else:
            pacer.cancelled(call.counted)

    config.on_request_start.append(on_start)
    config.on_request_end.append(on_end)
    config.on_request_exception.append(on_failure)
    return config


async def _judged(response: aiohttp.ClientResponse) -> RateLimitHeaders:
    """Return what Discord said about the limit. Raises `Unreached` where it was not Discord that has answered."""
    status, own = response.status, is_discords(response.headers.get("Content-Type", ""))
    if status < 400:
        return told(response)
    body = await _body(response) if own else {}
    if status == 408 or status >= 500:
        raise Unreached(in_a_line(str(body.get("message", ""))) or f"Discord answered {status} {response.reason}")
    if (not own and status in EDGE_STATUS) or body.get("code") == EDGE_CODE:
        wait = _number(response.headers.get("Retry-After"))
        seconds = REFUSED_SECONDS if wait is None else max(wait, REFUSED_SECONDS)
        raise Unreached(f"the network before Discord refuses the bot: {status} {response.reason}", seconds)
    said = told(response)
    if said.retry_after is None:
        return said
    wait = _number(body.get("retry_after"))  # In fractions of a second, where the header has whole ones.
    scope = SCOPES.get(body.get("code", 0), said.scope)
    return RateLimitHeaders(retry_after=said.retry_after if wait is None else wait, scope=scope)


def told(response: aiohttp.ClientResponse) -> RateLimitHeaders:
    """Read what an answer says about its limit (Discord, Rate Limits, Header Format)."""
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
    """Return what a refusal says; nothing where it cannot be read."""
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
    """Answers to interactions do not count, nor what is not REST at all."""
    base = discord.http.Route.BASE
    return not url.startswith(base) or url.removeprefix(base).startswith(("/interactions/", "/webhooks/"))


def _run() -> None:
    bound = _bound.get()
    if bound is not None and not bound[0].expired():
        bound[0].reschedule(asyncio.get_running_loop().time() + bound[1])


def _rest() -> None:
    bound = _bound.get()
    if bound is not None and not bound[0].expired():
        bound[0].reschedule(None)
