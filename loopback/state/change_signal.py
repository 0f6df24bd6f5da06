"""Waits for a condition of the world without polling, because every change wakes the waiters."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class ChangeSignal:
    """The waiters for conditions. `tell` lets each check its condition."""

    def __init__(self) -> None:
        self._waiting: set[asyncio.Future[None]] = set()

    def tell(self) -> None:
        """Wake all waiters after a change."""
        waiting, self._waiting = self._waiting, set()
        for future in waiting:
            if not future.done():
                future.set_result(None)

    async def until(self, condition: Callable[[], T | None], timeout: float) -> T:
        """Wait until `condition()` is true, and return its value. Raises TimeoutError after `timeout` seconds."""
        async with asyncio.timeout(timeout):
            while not (value := condition()):
                future = asyncio.get_running_loop().create_future()
                self._waiting.add(future)
                try:
                    await future
                finally:
                    self._waiting.discard(future)
        return value
