"""Shows in the bot's status how many agents work and how many ask a person."""

import asyncio
from collections.abc import Callable
from typing import Final

import aiohttp
import discord
import structlog

from bot.user_messages.status import presence
from pool.conversation_context import ConversationState
from pool.pool import Pool

PRESENCE_SECONDS: Final = 15.0
"""Between two looks. A look may send an update: Discord takes five in 20 s, and ignores the rest."""

SEND_SECONDS: Final = 5.0
"""Bound on one update: a gateway that takes no bytes must not stop the updates of the next connection."""

_BUSY: Final = {ConversationState.STARTING, ConversationState.WORKING}

log = structlog.stdlib.get_logger("bot")


class Presence:
    """The status of the bot's user, over all its connections. It looks from time to time, so no turn waits for it."""

    def __init__(self, pool: Pool, client: Callable[[], discord.Client | None]) -> None:
        """Count the conversations of `pool`; `client` returns the client that runs, if any."""
        self._pool = pool
        self._client = client
        self._connection: object = None
        self._shown: str | None = None
        """The text that this connection has sent; None for a new one, whose status may be that before a resume."""

    async def run(self) -> None:
        """Keep the status up to date until cancelled."""
        while True:
            await self._update()
            await asyncio.sleep(PRESENCE_SECONDS)

    async def _update(self) -> None:
        client = self._client()
        if client is None or not client.is_ready() or client.ws is None or not client.ws.open:
            return
        if client.ws is not self._connection:
            self._connection, self._shown = client.ws, None
        text = self._text()
        if text == self._shown:
            return
        try:
            async with asyncio.timeout(SEND_SECONDS):
                await client.change_presence(activity=discord.CustomActivity(text) if text else None)
        except (TimeoutError, OSError, aiohttp.ClientError, discord.DiscordException) as error:
            log.info("the status could not be shown", reason=str(error))
        else:
            self._shown = text

    def _text(self) -> str:
        conversations = self._pool.conversations
        asking = sum(each.asked_since is not None for each in conversations)
        working = sum(each.asked_since is None and each.lease.state in _BUSY for each in conversations)
        return presence(working, asking)
