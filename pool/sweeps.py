"""Ends what an earlier run of the bot has left at other places, in the background. Each start there waits for it."""

import asyncio
from collections.abc import Sequence

import structlog

from pool.placement import Room

log = structlog.stdlib.get_logger("pool")


class Sweeps:
    """The places where agents of an earlier run may still live."""

    def __init__(self, rooms: Sequence[Room]) -> None:
        """No agent starts at one of these places before its `run` is done."""
        self._places = {room.place.name: room.place for room in rooms}
        self._done = {name: asyncio.Event() for name in self._places}

    @property
    def places(self) -> Sequence[str]:
        """The names of the places, which need a `run` each."""
        return [*self._places]

    def is_done(self, place: str) -> bool:
        """Whether agents may start at a place."""
        return place not in self._done or self._done[place].is_set()

    async def done(self, place: str) -> None:
        """Wait until agents may start at a place."""
        if place in self._done:
            await self._done[place].wait()

    async def close(self) -> None:
        """End what is done at the places in the background."""
        await asyncio.gather(*(place.close() for place in self._places.values()))

    async def run(self, place: str) -> None:
        """End what was left at a place. Bounded, see `Place.sweep`."""
        try:
            await self._places[place].sweep()
        except Exception:  # an isolation boundary: other places and threads do not need this one
            log.exception("what an earlier run left at a place could not be ended", place=place)
        finally:
            self._done[place].set()
