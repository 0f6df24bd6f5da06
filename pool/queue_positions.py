"""Tells waiting threads their place in line. The cost follows what changes, not how many wait."""

import asyncio
from collections.abc import Callable, Sequence
from itertools import count, islice

from pool.slots import Slots, Wait

LINE_SECONDS = 15.0
"""How often the places behind the first `NEAR` are looked at."""

NEAR = 5
"""The first places in line, whose every change is told immediately."""

NEWS = 10
"""Further back a place is told again when it has shrunk by this fraction: each telling is a call to Discord."""

SLICE = 100
"""How many places further back are looked at in one step of the loop."""


class QueuePositions:
    """Tells those in line their places."""

    def __init__(
        self,
        slots: Slots[object],
        *,
        tell: Callable[[object, int, Sequence[int]], None],
        asking: Callable[[], Sequence[int]],
    ) -> None:
        """`tell` takes a holder, its place from 1, and the threads that wait for a person's answer (`asking`)."""
        self._slots = slots
        self._tell = tell
        self._asking = asking

    def tell_moved(self) -> None:
        """Tell newcomers their place, and the first few each change."""
        asking = self._asking()
        for place, wait in zip(count(self._slots.load.in_line, -1), self._slots.from_last(), strict=False):
            if wait.told is not None:
                break
            self._say(wait, place, asking)
        for place, wait in enumerate(islice(self._slots.from_first(), NEAR), start=1):
            if wait.told != (place, asking):
                self._say(wait, place, asking)

    async def tell_others(self) -> None:
        """Tell those further back whose place has shrunk enough, some in each step of the loop."""
        start = NEAR
        while start < self._slots.load.in_line:
            asking = self._asking()
            for place, wait in enumerate(islice(self._slots.from_first(), start, start + SLICE), start=start + 1):
                told = wait.told[0] if wait.told is not None else place + 1
                if told - place >= max(1, told // NEWS):
                    self._say(wait, place, asking)
            start += SLICE
            await asyncio.sleep(0)

    def _say(self, wait: Wait[object], place: int, asking: Sequence[int]) -> None:
        wait.told = (place, asking)
        self._tell(wait.holder, place, asking)
