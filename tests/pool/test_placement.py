"""Which place a thread gets, and when one that waits gets another; in virtual time."""

import asyncio
from collections import Counter
from pathlib import Path, PurePath
from typing import Any

import pytest

from acp import Launch
from acp.places.place import Ran
from pool.placement import AVOIDED_SECONDS, LOOK_SECONDS, Placement, Room
from pool.session_setup import AgentSettings
from tests.support.stand_in_place import StandInPlace
from tests.support.virtual_time import elapse, step

GIB = 1024**3


class Machines:
    """Places a, b and c, with two slots each, or as `rooms` says."""

    def __init__(self, **rooms: tuple[int, int]) -> None:
        self.leaving: Counter[str] = Counter()
        self.moves = 0
        self.there = {name: StandInPlace(name, directories=["/srv"]) for name in rooms}
        self.placement = Placement(
            [Room(self.there[name], *room) for name, room in rooms.items()],
            leaving=lambda place: self.leaving[place],
            on_line_moved=self._moved,
        )
        self.tasks: dict[str, asyncio.Task[bool]] = {}

    def _moved(self) -> None:
        self.moves += 1

    async def join(self, holder: str, place: str, settings: AgentSettings, *, kept: bool = False) -> None:
        """Let a holder take a slot of a place, or wait for it."""
        work = self.placement.acquire(holder, place, settings, kept=kept)
        self.tasks[holder] = asyncio.create_task(work, name=holder)
        await step()


def agent(*places: str, memory: int = 0) -> AgentSettings:
    """Return the settings of an agent that may run at these places."""
    return AgentSettings(Launch("agent", (), Path("/srv"), {}), places=places, memory=memory)


async def test_among_places_with_a_free_slot_the_one_with_the_most_unreserved_memory_is_chosen() -> None:
    """Of equal ones the first; a full one never."""
    it = Machines(a=(2, 8 * GIB), b=(2, 6 * GIB), c=(1, 20 * GIB))
    settings = agent("b", "a", "c", memory=3 * GIB)
    chosen = []
    for number in range(5):
        chosen.append(it.placement.choose(settings))
        assert it.placement.slots(chosen[-1]).take_free(number, settings.memory)
    assert chosen == ["c", "a", "b", "a", "b"]


async def test_where_a_place_has_no_bound_on_memory_free_slots_count() -> None:
    """Bytes and no bound cannot be compared."""
    it = Machines(a=(2, 0), b=(3, 2 * GIB))
    settings = agent("a", "b")
    assert it.placement.choose(settings) == "b"
    it.placement.slots("b").take_free("one")
    assert it.placement.choose(settings) == "a"


async def test_where_all_are_full_the_one_is_chosen_whose_agents_can_be_stopped() -> None:
    """And where there are none, the one with the shortest line for its size."""
    it = Machines(a=(1, 0), b=(2, 0))
    settings = agent("a", "b")
    for holder, place in (("one", "a"), ("two", "b"), ("three", "b")):
        it.placement.slots(place).take_free(holder)
    it.leaving["a"] = 1
    assert it.placement.choose(settings) == "a"
    await it.join("four", "a", settings, kept=True)
    it.leaving["a"] = 0
    assert it.placement.choose(settings) == "b"


async def test_a_place_that_was_not_reached_is_avoided_for_a_while_where_there_is_another() -> None:
    """New threads are not held because one machine is down."""
    it = Machines(a=(2, 0), b=(1, 0))
    it.placement.avoid("a")
    assert it.placement.choose(agent("a", "b")) == "b"
    assert it.placement.choose(agent("a")) == "a"
    await elapse(AVOIDED_SECONDS + 1)
    assert it.placement.choose(agent("a", "b")) == "a"


async def test_who_waits_in_one_line_is_sent_to_a_place_that_has_room() -> None:
    """Its wait ends without a slot, and it chooses again; who keeps its place goes on waiting."""
    it = Machines(a=(1, 0), b=(1, 0))
    it.placement.slots("a").take_free("one")
    it.placement.slots("b").take_free("two")
    await it.join("keeps", "a", agent("a", "b"), kept=True)
    await it.join("may move", "a", agent("a", "b"))
    it.placement.reconsider()
    assert it.placement.slots("a").line == ("keeps", "may move")
    moves = it.moves
    it.placement.slots("b").release("two")
    assert it.moves == moves + 1
    it.placement.reconsider()
    assert it.placement.slots("a").line == ("keeps",)
    assert not await it.tasks["may move"]


async def test_no_more_are_sent_away_than_the_other_place_has_room_for() -> None:
    """The others would only lose their places in line."""
    it = Machines(a=(1, 0), b=(1, 0))
    it.placement.slots("a").take_free("one")
    for holder in ("two", "three"):
        await it.join(holder, "a", agent("a", "b"))
    it.placement.reconsider()
    assert it.placement.slots("a").line == ("three",)


async def test_who_will_be_served_soon_is_not_sent_to_a_place_whose_agents_must_be_stopped_first() -> None:
    """Only one whose own line is longer than the agents that leave it."""
    it = Machines(a=(1, 0), b=(1, 0))
    it.placement.slots("a").take_free("one")
    it.placement.slots("b").take_free("two")
    it.leaving.update(a=1, b=1)
    await it.join("three", "a", agent("a", "b"))
    it.placement.reconsider()
    assert it.placement.slots("a").line == ("three",)
    await it.join("four", "a", agent("a", "b"))
    it.placement.reconsider()
    assert it.placement.slots("a").line == ("four",)


async def test_those_who_stay_in_line_are_served_there_once_others_have_left_it() -> None:
    """Who leaves a line makes it shorter: the next one has no reason to follow."""
    it = Machines(a=(1, 0), b=(2, 0))
    for holder, place in (("one", "a"), ("two", "b"), ("three", "b")):
        it.placement.slots(place).take_free(holder)
    it.leaving.update(a=1, b=2)
    for holder in ("four", "five"):
        await it.join(holder, "a", agent("a", "b"))
    it.placement.reconsider()
    assert it.placement.slots("a").line == ("five",)


async def test_the_other_places_with_the_directory_are_found() -> None:
    """One that is not reached, or lacks it, is left out."""
    it = Machines(a=(1, 0), b=(1, 0), c=(1, 0))
    it.there["a"].reachable = False
    assert await it.placement.having(PurePath("/srv"), ["a", "b", "c"]) == ["b", "c"]
    assert await it.placement.having(PurePath("/home"), ["a", "b", "c"]) == []


async def test_a_place_that_does_not_answer_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """A person waits for what they can choose."""
    it = Machines(a=(1, 0), b=(1, 0))

    async def run(*_args: Any, **_options: Any) -> Ran:
        await asyncio.Event().wait()
        return Ran(0, b"")

    monkeypatch.setattr(it.there["a"], "run", run)
    began = asyncio.get_running_loop().time()
    assert await it.placement.having(PurePath("/srv"), ["a", "b"]) == ["b"]
    assert asyncio.get_running_loop().time() - began == pytest.approx(LOOK_SECONDS, abs=0.1)


async def test_it_reads_like_a_status_line() -> None:
    """One place reads as before, several with their names."""
    assert repr(Machines(a=(2, 0)).placement) == "<Slots 0/2 held, 0 in line>"
    two = "a <Slots 0/2 held, 0 in line> b <Slots 0/1 held, 0 in line>"
    assert repr(Machines(a=(2, 0), b=(1, 0)).placement) == two
