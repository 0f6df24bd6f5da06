"""Monitors the bot's health: whether the event loop runs, the gateway is connected, and the journal is writable."""

import asyncio
import time
from collections.abc import Callable

from bot.user_messages import status as texts

BEAT_SECONDS = 1.0
"""Seconds between two beats of the event loop."""

STUCK_SECONDS = 10.0
"""A loop without a beat for this long is stuck: every step in it takes milliseconds."""

DOWN_SECONDS = 120.0
"""How long the gateway may be gone; restarts, Discord's and ours, take less."""


class Health:
    """Beats once a second while `run` runs."""

    def __init__(
        self,
        connected: Callable[[], bool],
        *,
        trouble: Callable[[], str] = lambda: "",
        away: Callable[[], str] = lambda: "",
    ) -> None:
        """`connected` returns whether the gateway is connected; the time before the first connection counts as down.

        `trouble` returns why the journal cannot be written, and `away` why Discord takes no calls; empty where all is
        well.
        """
        self._connected = connected
        self._trouble = trouble
        self._away = away
        self._beat = time.monotonic()
        self._down_since: float | None = None
        self.lag = 0.0
        """Seconds by which the last beat was late."""

    async def run(self) -> None:
        """Beat until cancelled."""
        loop = asyncio.get_running_loop()
        self._beat = time.monotonic()
        while True:
            self._look(loop.time())
            due = loop.time() + BEAT_SECONDS
            await asyncio.sleep(BEAT_SECONDS)
            self.lag = max(0.0, loop.time() - due)
            self._beat = time.monotonic()

    def _look(self, now: float) -> None:
        if self._connected():
            self._down_since = None
        elif self._down_since is None:
            self._down_since = now

    @property
    def connected(self) -> bool:
        """Whether the gateway is connected."""
        return self._connected()

    @property
    def down_seconds(self) -> float:
        """How long the gateway has been gone, to a second; 0 while it is connected."""
        if self._connected() or self._down_since is None:
            return 0.0
        return asyncio.get_running_loop().time() - self._down_since

    def problems(self) -> list[str]:
        """Return what is wrong; empty where the bot is well."""
        found = []
        if self.down_seconds >= DOWN_SECONDS:
            found.append(texts.disconnected(self.down_seconds))
        if away := self._away():
            found.append(texts.calls_wait(away))
        if trouble := self._trouble():
            found.append(texts.journal_unwritable(trouble))
        stuck = time.monotonic() - self._beat
        if stuck >= STUCK_SECONDS:
            # Reported just after the loop runs again: a stuck loop answers no request.
            found.append(texts.loop_stuck(stuck))
        return found
