"""The places where agents run: the slots of each, and which place a thread gets.

A thread keeps the place at which its agent started first, because its working copy and its session are there. Before
that it gets, among its agent's places, one with a free slot, and of those the one with the most memory to reserve. It
may wait in the line of one place, and starts at another that has room earlier.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePath

import structlog

from acp import AcpError
from acp.places.place import Place
from pool.session_setup import AgentSettings
from pool.slots import Slots

AVOIDED_SECONDS = 60.0
"""After a failure to reach a place, threads without one are not given it for so long, where there is another."""

LOOK_SECONDS = 15.0
"""How long the look at other places may take: a person waits for what they can choose."""

_ROOT = PurePath("/")

log = structlog.stdlib.get_logger("pool")


@dataclass(frozen=True, slots=True)
class Room:
    """A place, and what agents may take there: how many, and the bytes that they may reserve together (0: any)."""

    place: Place
    max_agents: int
    memory: int = 0


class Placement:
    """The slots of all places, by the places' names."""

    def __init__(
        self, rooms: Sequence[Room], *, leaving: Callable[[str], int], on_line_moved: Callable[[], None]
    ) -> None:
        """`leaving` counts the agents of a place that are being stopped, or could be stopped for another one.

        `on_line_moved` is called when a line has changed, or a slot has become free.
        """
        self._places = {room.place.name: room.place for room in rooms}
        self._slots: dict[str, Slots[object]] = {
            room.place.name: Slots(
                room.max_agents, on_line_moved=on_line_moved, on_free=on_line_moved, memory=room.memory
            )
            for room in rooms
        }
        self._leaving = leaving
        self._undecided: dict[object, tuple[str, AgentSettings]] = {}
        """Those in a line that would start at another place too, each with the place of that line."""
        self._avoided_until: dict[str, float] = {}

    def __repr__(self) -> str:
        """Read like a status line."""
        (own, slots), *others = self._slots.items()
        far = "".join(f" {name} {slots!r}" for name, slots in others)
        return f"{own} {slots!r}{far}" if others else repr(slots)

    def __iter__(self) -> Iterator[tuple[str, Slots[object]]]:
        """Go through the places by name, with their slots."""
        return iter(self._slots.items())

    def slots(self, place: str) -> Slots[object]:
        """Return the slots of a place."""
        return self._slots[place]

    def is_near(self, place: str) -> bool:
        """Whether a place is this machine."""
        return self._places[place].near

    # ---- for a thread without a place

    def choose(self, settings: AgentSettings) -> str:
        """Return the place at which an agent should start, or should wait in line: the first of equal ones."""
        now = asyncio.get_running_loop().time()
        reachable = [each for each in settings.places if self._avoided_until.get(each, now) <= now]
        places = reachable or settings.places
        unbounded = any(self._slots[each].unreserved is None for each in places)

        def fitness(place: str) -> tuple[bool, float, int]:
            slots, load = self._slots[place], self._slots[place].load
            space = load.size - load.held if unbounded or slots.unreserved is None else slots.unreserved
            return slots.has_room(settings.memory), min(0, self._prospects(place) - 1) / load.size, space

        return max(places, key=fitness)

    def avoid(self, place: str) -> None:
        """Note that a place cannot be reached now."""
        self._avoided_until[place] = asyncio.get_running_loop().time() + AVOIDED_SECONDS

    async def acquire(self, holder: object, place: str, settings: AgentSettings, *, kept: bool) -> bool:
        """Take a slot at a place, and wait in its line if necessary. Return False when the wait was ended.

        Without `kept` it is ended too when another of the agent's places has room.
        """
        if not kept and len(settings.places) > 1:
            self._undecided[holder] = place, settings
        try:
            return await self._slots[place].acquire(holder, settings.memory)
        finally:
            self._undecided.pop(holder, None)

    def reconsider(self) -> None:
        """End the waits in line of those that could start at another place."""
        if not self._undecided:
            return
        prospects = {place: self._prospects(place) for place in self._slots}
        for holder, (place, settings) in self._undecided.items():
            if max(prospects.values()) <= 0:
                break
            for other in settings.places:
                free = self._slots[other].has_room(settings.memory)
                if other != place and prospects[other] > 0 and (free or prospects[place] < 0):
                    prospects[other] -= 1
                    prospects[place] += 1
                    self._slots[place].leave(holder)
                    break

    def _prospects(self, place: str) -> int:
        """Return how many more than those in line would get a slot soon; negative where the line is longer."""
        load = self._slots[place].load
        return load.size - load.held + self._leaving(place) - load.in_line

    # ---- for a thread whose place cannot be reached

    async def having(self, directory: PurePath, places: Sequence[str]) -> list[str]:
        """Return those of `places` that have a directory, as far as is known after `LOOK_SECONDS`."""

        async def has(place: str) -> bool:
            try:
                async with asyncio.timeout(LOOK_SECONDS):
                    ran = await self._places[place].run(["test", "-d", str(directory)], cwd=_ROOT)
            except (AcpError, TimeoutError) as error:
                log.info("a place was not found to have a directory", place=place, reason=str(error))
                return False
            return ran.exit_status == 0

        found = await asyncio.gather(*map(has, places))
        return [place for place, is_there in zip(places, found, strict=True) if is_there]
