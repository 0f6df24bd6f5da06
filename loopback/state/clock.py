"""The server's time: a wall clock that a test may move ahead."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress


class Clock:
    """Seconds since the epoch: what `base` says, and all jumps so far. `told` are called after each jump."""

    def __init__(self, base: Callable[[], float] = time.time) -> None:
        self._base = base
        self._ahead = 0.0
        self._jumped = asyncio.Event()
        self.told: list[Callable[[], None]] = []

    def __call__(self) -> float:
        """The time now."""
        return self._base() + self._ahead

    def jump(self, seconds: float) -> None:
        """Let that much time have passed at once; raises ValueError for a step back."""
        if seconds < 0:
            raise ValueError(f"a clock does not go back: {seconds:g} s")
        self._ahead += seconds
        jumped, self._jumped = self._jumped, asyncio.Event()
        jumped.set()
        for tell in self.told:
            tell()

    async def sleep(self, seconds: float) -> None:
        """Wait that long; what is jumped meanwhile counts as waited."""
        loop = asyncio.get_running_loop()
        due = loop.time() + self._ahead + seconds
        while (left := due - loop.time() - self._ahead) > 0:
            with suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self._jumped.wait()
