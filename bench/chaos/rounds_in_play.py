"""The rounds that one bot plays at the same time. A trouble of one may strike the messages of all of them."""

import asyncio
import time


class RoundsInPlay:
    """The rounds in play, which have room for so many threads, and the marks that their troubles leave on all."""

    def __init__(self, room: int, *, alone: bool) -> None:
        """With `alone`, one round is played at a time."""
        self.playing: set[int] = set()
        self.ended: list[int] = []
        """The rounds that are over, the last one last."""
        self.most = 0
        """The most threads so far in which people talked at the same time."""
        self.struck_at = time.monotonic()
        """When a trouble last struck, after which an answer takes a while."""
        self.room = self._free = room
        self._alone = alone
        self._taken: dict[int, int] = {}
        self._threads: dict[int, int] = {}
        self._changed = asyncio.Event()
        self._marks: dict[int, list[set[int]]] = {}

    async def begin(self, number: int, threads: int) -> None:
        """Wait for room for a round with so many threads, and take it."""
        wanted = self.room if self._alone else min(threads, self.room)
        while wanted > self._free:
            self._changed.clear()
            await self._changed.wait()
        self._free -= wanted
        self._taken[number], self._threads[number] = wanted, threads
        self.playing.add(number)
        self.most = max(self.most, sum(self._threads.values()))
        for marked in (each for marks in self._marks.values() for each in marks):
            marked.add(number)

    def end(self, number: int) -> None:
        """Give the room of a round back: all that it did has settled."""
        self.playing.discard(number)
        self.ended.append(number)
        self._marks.pop(number, None)
        del self._threads[number]
        self._free += self._taken.pop(number)
        self._changed.set()

    def mark(self, marked: set[int], by: int) -> None:
        """Add to `marked` all rounds in play, and those that begin before the round that the mark is from has ended."""
        self.struck_at = time.monotonic()
        marked |= self.playing
        self._marks.setdefault(by, []).append(marked)
