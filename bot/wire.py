"""What is seen of the bot's calls on their way: when they leave, what their answers say about limits.

The library can be given an aiohttp trace, whose callbacks run in the task that makes the call. Through it the pacer
learns what Discord's headers say, a call that hangs is given up, and a call that is refused for its rate ends at once:
the library would sleep and then send the same text again, though it is old by then.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import SimpleNamespace

import aiohttp
import discord

from .budget import Told
from .pacer import Pacer

__all__ = ["ANSWER_SECONDS", "TooMany", "bounded", "told", "trace"]

ANSWER_SECONDS = 20.0
"""Bound on the wait for an answer. The library has none of its own, and aiohttp's is five minutes."""

REFUSED_SECONDS = 5.0
"""Wait after a refusal that does not say how long."""

_bound: ContextVar[asyncio.Timeout | None] = ContextVar("bound", default=None)


class TooMany(Exception):
    """Discord refused a call for its rate, and asks to wait for so many `seconds`."""

    def __init__(self, seconds: float) -> None:
        """Keep the wait."""
        super().__init__(f"too many calls; Discord asks to wait for {seconds:.1f} s")
        self.seconds = seconds


@contextmanager
def bounded(timeout: asyncio.Timeout) -> Iterator[None]:
    """Let `timeout` run while calls made inside are on the wire, and end them with `TooMany` when they are refused."""
    token = _bound.set(timeout)
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
        call.counted = pacer.sent(exempt=_is_exempt(str(params.url)))
        _run(ANSWER_SECONDS)

    async def on_end(
        _session: aiohttp.ClientSession, call: SimpleNamespace, params: aiohttp.TraceRequestEndParams
    ) -> None:
        _run(None)
        response = params.response
        said = told(response)
        if said.retry_after is None:
            pacer.answered(call.counted, said)
            return
        seconds = await _retry_after(response, said.retry_after)
        pacer.answered(call.counted, Told(retry_after=seconds, everywhere=said.everywhere))
        call.counted = None
        if _bound.get() is not None:
            raise TooMany(seconds)

    async def on_failure(
        _session: aiohttp.ClientSession, call: SimpleNamespace, _params: aiohttp.TraceRequestExceptionParams
    ) -> None:
        _run(None)
        pacer.answered(call.counted, None)

    config.on_request_start.append(on_start)
    config.on_request_end.append(on_end)
    config.on_request_exception.append(on_failure)
    return config


def told(response: aiohttp.ClientResponse) -> Told:
    """Read what an answer says about its limit (Discord, Rate Limits, Header Format)."""
    headers = response.headers
    if response.status == 429:
        everywhere = "X-RateLimit-Global" in headers or headers.get("X-RateLimit-Scope") == "global"
        wait = _number(headers.get("X-RateLimit-Reset-After") or headers.get("Retry-After"))
        return Told(retry_after=REFUSED_SECONDS if wait is None else wait, everywhere=everywhere)
    limit, remaining = _number(headers.get("X-RateLimit-Limit")), _number(headers.get("X-RateLimit-Remaining"))
    reset_after = _number(headers.get("X-RateLimit-Reset-After"))
    if limit is None or remaining is None or reset_after is None:
        return Told()
    return Told(int(limit), int(remaining), reset_after)


async def _retry_after(response: aiohttp.ClientResponse, otherwise: float) -> float:
    """Return what the body of a refusal says: fractions of a second, where the header has whole ones."""
    try:
        body = await response.json(content_type=None)
        return float(body["retry_after"])
    except (aiohttp.ClientError, ValueError, TypeError, KeyError):
        return otherwise


def _number(text: str | None) -> float | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        return None


def _is_exempt(url: str) -> bool:
    """Answers to interactions do not count, nor what is not REST at all."""
    base = discord.http.Route.BASE
    return not url.startswith(base) or url.removeprefix(base).startswith(("/interactions/", "/webhooks/"))


def _run(seconds: float | None) -> None:
    timeout = _bound.get()
    if timeout is not None and not timeout.expired():
        timeout.reschedule(None if seconds is None else asyncio.get_running_loop().time() + seconds)
