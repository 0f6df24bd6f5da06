"""Limits how often the bot identifies at the gateway, by Discord's own figure and counted over restarts.

Discord revokes the token of a bot that identifies more than 1,000 times a day (Discord, Gateway). It says how many are
left (Get Gateway Bot), which is asked before each identify, also when the library begins a new session itself.
"""

import asyncio
import json
import time
from dataclasses import asdict, dataclass, replace
from typing import Final

import aiohttp
import discord
import structlog

from bot.user_messages import connection_errors
from pool.journal.journal import Journal

RESERVED: Final = 50
"""Identifies that are kept for the person who repairs what makes the bot log in again and again."""

ASK_SECONDS: Final = 5.0
"""Bound on asking Discord. Without an answer our own count applies."""

_FACT: Final = "identifies"

log = structlog.stdlib.get_logger("bot")


class TooManyIdentifies(Exception):
    """The bot may identify again in `seconds`, not now."""

    def __init__(self, seconds: float) -> None:
        """Say when."""
        super().__init__(connection_errors.logins_used_up(seconds))
        self.seconds = seconds


@dataclass(frozen=True, slots=True)
class Allowance:
    """The identifies `left` of `total` until a time, and the time of the last one, in seconds since 1970."""

    total: int = 1000
    left: int = 1000
    until: float = 0.0
    last: float = 0.0

    def wait(self, now: float) -> float:
        """Return the seconds until the next identify; 0 is now.

        Once half are used they are spread evenly, so that a bot that keeps dying still connects from time to time.
        """
        if now >= self.until:
            return 0.0
        if self.left <= RESERVED:
            return self.until - now
        if 2 * self.left > self.total:
            return 0.0
        # A clock that was set back must not make the wait longer than the time left.
        even = self.last + (self.until - self.last) / (self.left - RESERVED + 1) - now
        return min(max(0.0, even), self.until - now)

    def after_identify(self, now: float) -> "Allowance":
        """Return the allowance after one more identify. After `until` Discord counts from the start, for a day."""
        before = self if now < self.until else Allowance(self.total, self.total, now + 24 * 3600.0)
        return replace(before, left=before.left - 1, last=now)


class IdentifyLimit:
    """Asks Discord before each identify, and counts it in the journal."""

    def __init__(self, journal: Journal) -> None:
        """Continue the count of earlier clients and runs."""
        self._journal = journal

    @property
    def allowance(self) -> Allowance:
        """The allowance as last known."""
        try:
            return Allowance(**json.loads(self._journal.facts.value(_FACT)))
        except (ValueError, TypeError):
            return Allowance()

    async def acquire(self, http: discord.http.HTTPClient) -> None:
        """Count an identify that is about to be made. Raises `TooManyIdentifies` if it must wait."""
        now, allowance = time.time(), self.allowance
        try:
            async with asyncio.timeout(ASK_SECONDS):
                _, _, said = await http.get_bot_gateway()
            left, seconds = int(said["remaining"]), said["reset_after"] / 1000
            allowance = Allowance(int(said["total"]), left, now + seconds, allowance.last)
        except (discord.DiscordException, aiohttp.ClientError, OSError, LookupError, TypeError, ValueError) as error:
            # A compatible server need not have this endpoint.
            log.debug("Discord does not say how many logins are left", reason=str(error))
        wait = allowance.wait(now)
        if wait <= 0:
            allowance = allowance.after_identify(now)
        self._journal.facts.note(_FACT, json.dumps(asdict(allowance)))
        if wait > 0:
            log.error("too many logins", left=allowance.left, again_in=round(wait))
            raise TooManyIdentifies(wait)
