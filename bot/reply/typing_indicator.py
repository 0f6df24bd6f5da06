"""Shows the bot typing while its agent works."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from bot.rest.api import DiscordApi
from bot.rest.calls import ApiCall, Bucket, Urgency
from bot.rest.errors import RestError

TYPING_SECONDS = 8.0
"""Seconds between two calls; Discord shows typing for ten (Discord, Trigger Typing Indicator)."""

log = structlog.stdlib.get_logger("bot")


class TypingIndicator:
    """Shows the bot typing from `start` to `stop`, except while calls are scarce."""

    def __init__(self, channel_id: int, *, api: DiscordApi, wanted: Callable[[], bool]) -> None:
        """`wanted` is asked before each call: while the agent waits for a person it says no."""
        self._channel_id = channel_id
        self._api = api
        self._wanted = wanted
        self._timer: asyncio.TimerHandle | None = None
        self._job = ApiCall(channel_id, self._next_call, Urgency.LOW, Bucket.TYPING)

    def start(self) -> None:
        """Show it from now on."""
        if self._is_due:
            self._api.pacer.put(self._job)
        self._timer = asyncio.get_running_loop().call_later(TYPING_SECONDS, self.start)

    def stop(self) -> None:
        """Stop the calls. Discord ends what it shows by itself, or with the next message."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _next_call(self) -> Awaitable[None] | None:
        return self._call() if self._timer is not None and self._is_due else None

    @property
    def _is_due(self) -> bool:
        return self._wanted() and not self._api.pacer.busy

    async def _call(self) -> None:
        try:
            await self._api.typing(self._channel_id)
        except RestError as error:
            log.debug("typing could not be shown", channel_id=self._channel_id, reason=str(error))
