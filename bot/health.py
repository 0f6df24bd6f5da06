"""Whether the bot is well: the event loop goes round, the gateway is there, and the journal can be written."""

import asyncio
import sys
import threading
import time
import traceback
from collections.abc import Callable

import structlog

__all__ = ["Pulse"]

BEAT_SECONDS = 1.0
"""How often the loop says that it goes round."""

STUCK_SECONDS = 10.0
"""A loop that has not said so for this long is stuck: nothing in it may take more than milliseconds."""

DOWN_SECONDS = 120.0
"""How long the gateway may be gone; Discord's own restarts, and ours, take less."""

JOIN_SECONDS = 1.0
"""Bound on waiting for the watchdog's thread, which has nothing left to do then."""

log = structlog.stdlib.get_logger("bot")


class Pulse:
    """Beats once a second while `run` runs. A thread watches it, and writes into the log where a stuck loop stands."""

    def __init__(
        self,
        connected: Callable[[], bool],
        *,
        trouble: Callable[[], str] = lambda: "",
        stuck_seconds: float = STUCK_SECONDS,
    ) -> None:
        """`connected` says whether the gateway is there now; the time before it first is counts as gone.

        `trouble` says why the journal cannot be written, if so.
        """
        self._connected = connected
        self._trouble = trouble
        self._stuck_seconds = stuck_seconds
        self._beat = time.monotonic()
        self._down_since: float | None = None
        self._ended = threading.Event()
        self.lag = 0.0
        """Seconds by which the last beat was late."""

    async def run(self) -> None:
        """Beat until cancelled."""
        loop = asyncio.get_running_loop()
        self._beat = time.monotonic()
        watchdog = threading.Thread(target=self._watch, args=(threading.get_ident(),), name="watchdog", daemon=True)
        watchdog.start()
        try:
            while True:
                self._look(loop.time())
                due = loop.time() + BEAT_SECONDS
                await asyncio.sleep(BEAT_SECONDS)
                self.lag = max(0.0, loop.time() - due)
                self._beat = time.monotonic()
        finally:
            self._ended.set()
            watchdog.join(JOIN_SECONDS)

    def _look(self, now: float) -> None:
        if self._connected():
            self._down_since = None
        elif self._down_since is None:
            self._down_since = now

    @property
    def connected(self) -> bool:
        """Whether the gateway is there now."""
        return self._connected()

    @property
    def down_seconds(self) -> float:
        """How long the gateway has been gone, to a second; 0 while it is there."""
        if self._connected() or self._down_since is None:
            return 0.0
        return asyncio.get_running_loop().time() - self._down_since

    def complaints(self) -> list[str]:
        """Say what is wrong; nothing is where the bot is well."""
        found = []
        if self.down_seconds >= DOWN_SECONDS:
            found.append(f"not connected to Discord for {self.down_seconds:.0f} s")
        if trouble := self._trouble():
            found.append(f"the journal cannot be written: {trouble}")
        stuck = time.monotonic() - self._beat
        if stuck >= self._stuck_seconds:
            # Seen only just after the loop got loose: while it is stuck nobody can ask.
            found.append(f"the event loop was stuck for {stuck:.0f} s")
        return found

    def _watch(self, thread_id: int) -> None:
        """Look from outside. Each standstill is told once."""
        told = 0.0
        while not self._ended.wait(self._stuck_seconds / 10):
            beat = self._beat
            stuck = time.monotonic() - beat
            if stuck >= self._stuck_seconds and beat != told:
                told = beat
                frame = sys._current_frames().get(thread_id)  # noqa: SLF001 - the documented way to see another thread
                stack = "".join(traceback.format_stack(frame))
                log.error("the event loop is stuck", seconds=round(stuck, 1), stack=stack)
