"""Limits how often the bot identifies at the gateway: by Discord's own figure, counted over restarts.

Discord takes away the token of a bot that identifies too often: 1,000 times in a day (Discord, Gateway). It says how
many are left (Get Gateway Bot). That is asked before each one, also where the library begins a new session by itself.
"""

import asyncio
import json
import time
from dataclasses import asdict, dataclass, replace
from typing import Final

import aiohttp
import discord
import structlog

from pool.journal.journal import Journal

__all__ = ["RESERVED", "Allowance", "IdentifyLimit", "TooManyIdentifies"]

RESERVED: Final = 50
"""Identifies that are never used: they are for a person, who can mend what makes the bot log in again and again."""

ASK_SECONDS: Final = 5.0
"""Bound on asking Discord. Without an answer our own count holds."""

_FACT: Final = "identifies"

log = structlog.stdlib.get_logger("bot")


class TooManyIdentifies(Exception):
    """The bot must not identify now, but in so many `seconds`."""

    def __init__(self, seconds: float) -> None:
        """Keep the wait."""
        super().__init__(f"Discord allows a bot so many logins a day; the next one in {seconds / 60:.0f} minutes")
        self.seconds = seconds


@dataclass(frozen=True, slots=True)
class Allowance:
    """What is left of `total` identifies until a time, and when the last one was; in seconds since 1970."""

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
        # A clock that was put back must not make the wait longer than the time that is left.
        even = self.last + (self.until - self.last) / (self.left - RESERVED + 1) - now
        return min(max(0.0, even), self.until - now)

    def after_identify(self, now: float) -> "Allowance":
        """Count one. Where the time is over, Discord begins to count again, for a day."""
        before = self if now < self.until else Allowance(self.total, self.total, now + 24 * 3600.0)
        return replace(before, left=before.left - 1, last=now)


class IdentifyLimit:
    """Asks before each identify, and counts it in the journal."""

    def __init__(self, journal: Journal) -> None:
        """Go on with what earlier clients, and earlier runs of the bot, have counted."""
        self._journal = journal

    @property
    def allowance(self) -> Allowance:
        """What is left, as far as that is known."""
        try:
            return Allowance(**json.loads(self._journal.facts.value(_FACT)))
        except (ValueError, TypeError):
            return Allowance()

    async def acquire(self, http: discord.http.HTTPClient) -> None:
        """Count one that is made now. Raises `TooManyIdentifies` where it must not be made."""
        now, allowance = time.time(), self.allowance
        try:
            async with asyncio.timeout(ASK_SECONDS):
                _, _, said = await http.get_bot_gateway()
            left, seconds = int(said["remaining"]), said["reset_after"] / 1000
            allowance = Allowance(int(said["total"]), left, now + seconds, allowance.last)
        except (discord.DiscordException, aiohttp.ClientError, OSError, LookupError, TypeError, ValueError) as error:
            # A server that only looks like Discord need not have this.
            log.debug("Discord does not say how many logins are left", reason=str(error))
        wait = allowance.wait(now)
        if wait <= 0:
            allowance = allowance.after_identify(now)
        self._journal.facts.note(_FACT, json.dumps(asdict(allowance)))
        if wait > 0:
            log.error("too many logins", left=allowance.left, again_in=round(wait))
            raise TooManyIdentifies(wait)
