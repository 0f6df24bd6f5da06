"""Tells waiting threads their place in line. The cost follows what changes, not how many wait."""

import asyncio
from collections.abc import Callable, Sequence
from itertools import islice

from pool.slots import Slots, Wait

__all__ = ["LINE_SECONDS", "NEAR", "WaitingLine"]

LINE_SECONDS = 15.0
"""How often those behind the fifth place may learn where they stand."""

NEAR = 5
"""Places in line whose every change is told at once."""

NEWS = 10
"""Further back a place is told again when it is smaller by one part in so many: each telling is a call to Discord."""

SLICE = 100
"""Of those further back so many are told before others have their turn."""


class WaitingLine:
    """The line before the slots, for those who stand in it."""

    def __init__(
        self,
        slots: Slots[object],
        *,
        tell: Callable[[object, int, Sequence[int]], None],
        asking: Callable[[], Sequence[int]],
    ) -> None:
        """`tell` brings a holder its place, from 1, and the threads that wait for a person's answer: `asking`."""
        self._slots = slots
        self._tell = tell
        self._asking = asking

    def welcome(self) -> None:
        """Tell the last in line the place, if it has just come."""
        for wait in islice(self._slots.from_last(), 1):
            if wait.told is None:
                self._say(wait, self._slots.load.in_line, self._asking())

    def tell_nearest(self) -> None:
        """Tell the first few what has changed for them."""
        asking = self._asking()
        for place, wait in enumerate(islice(self._slots.from_first(), NEAR), start=1):
            if wait.told != (place, asking):
                self._say(wait, place, asking)

    async def tell_others(self) -> None:
        """Tell those further back what is news for them, some at a time."""
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
