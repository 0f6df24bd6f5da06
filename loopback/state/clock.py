"""The server's wall clock, which a test may move ahead."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress


class Clock:
    """Seconds since the epoch: the time of `base` plus all jumps. `listeners` are called after each jump."""

    def __init__(self, base: Callable[[], float] = time.time) -> None:
        self._base = base
        self._ahead = 0.0
        self._jumped = asyncio.Event()
        self.listeners: list[Callable[[], None]] = []

    def __call__(self) -> float:
        """Return the time now."""
        return self._base() + self._ahead

    def jump(self, seconds: float) -> None:
        """Move the clock ahead. Raises ValueError for a negative step."""
        if seconds < 0:
            raise ValueError(f"a clock does not go back: {seconds:g} s")
        self._ahead += seconds
        jumped, self._jumped = self._jumped, asyncio.Event()
        jumped.set()
        for listener in self.listeners:
            listener()

    async def sleep(self, seconds: float) -> None:
        """Wait that long. Jumps count as waited time."""
        loop = asyncio.get_running_loop()
        due = loop.time() + self._ahead + seconds
        while (left := due - loop.time() - self._ahead) > 0:
            with suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self._jumped.wait()
