"""The slots and the line for them, in virtual time."""

import asyncio

import pytest

from pool.slots import Slots
from tests.support.virtual_time import elapse, step


class Line:
    """Slots for people, with a record of every change of the line."""

    def __init__(self, size: int, *, memory: int = 0) -> None:
        self.changes: list[tuple[str, ...]] = []
        self.freed = 0
        """How often a slot was returned that none waited for."""
        self.slots: Slots[str] = Slots(
            size, on_line_moved=lambda: self.changes.append(self.slots.line), on_free=self._free, memory=memory
        )
        self.tasks: dict[str, asyncio.Task[bool]] = {}

    def __repr__(self) -> str:
        return repr(self.slots)

    def _free(self) -> None:
        self.freed += 1

    async def joined(self, *names: str, memory: int = 0) -> None:
        """Let people come, in this order, and return when each holds a slot or is in line."""
        for name in names:
            self.tasks[name] = asyncio.create_task(self.slots.acquire(name, memory), name=name)
            await step()

    async def got(self, name: str) -> bool:
        """Return the result of a wait."""
        return await self.tasks[name]


async def test_free_slots_are_given_without_a_wait() -> None:
    """As many as there are slots; the line stays empty and does not move."""
    line = Line(2)
    await line.joined("ann", "ben")
    assert await line.got("ann")
    assert await line.got("ben")
    assert repr(line) == "<Slots 2/2 held, 0 in line>"
    assert line.changes == []


async def test_a_holder_gets_no_second_slot() -> None:
    """Another request is answered immediately and takes no slot."""
    line = Line(2)
    await line.joined("ann")
    assert await line.slots.acquire("ann")
    assert repr(line) == "<Slots 1/2 held, 0 in line>"


async def test_a_freed_slot_goes_to_the_first_in_line() -> None:
    """First come, first served, with a call after every change."""
    line = Line(1)
    await line.joined("ann", "ben", "cleo", "dan")
    assert repr(line) == "<Slots 1/1 held, 3 in line>"
    line.slots.release("ann")
    assert await line.got("ben")
    line.slots.release("ben")
    assert await line.got("cleo")
    assert line.slots.line == ("dan",)
    assert line.changes == [("ben",), ("ben", "cleo"), ("ben", "cleo", "dan"), ("cleo", "dan"), ("dan",)]
    line.slots.leave("dan")
    assert not await line.got("dan")


async def test_a_newcomer_cannot_take_a_slot_that_is_released_to_the_line() -> None:
    """The waiter has the slot from the release on, before its task has run."""
    line = Line(1)
    await line.joined("ann", "ben")
    line.slots.release("ann")
    assert repr(line) == "<Slots 1/1 held, 0 in line>"
    await line.joined("cleo")
    assert line.slots.line == ("cleo",)
    assert await line.got("ben")
    line.slots.release("ben")
    assert await line.got("cleo")


async def test_a_slot_returned_to_an_empty_line_is_free() -> None:
    """The next one takes it immediately."""
    line = Line(1)
    await line.joined("ann")
    line.slots.release("ann")
    assert repr(line) == "<Slots 0/1 held, 0 in line>"
    await line.joined("ben")
    assert await line.got("ben")
    assert line.changes == []
    assert line.freed == 1


async def test_releasing_a_slot_that_is_not_held_has_no_effect() -> None:
    """Also when others wait: no slot is invented."""
    line = Line(1)
    await line.joined("ann", "ben")
    line.slots.release("cleo")
    line.slots.release("ben")
    assert repr(line) == "<Slots 1/1 held, 1 in line>"
    line.slots.release("ann")
    assert await line.got("ben")


async def test_a_waiter_that_leaves_the_line_gets_no_slot() -> None:
    """Its wait ends with False, those behind it move up, and leaving again has no effect."""
    line = Line(1)
    await line.joined("ann", "ben", "cleo")
    line.slots.leave("ben")
    assert not await line.got("ben")
    assert line.changes[-1] == ("cleo",)
    changes = len(line.changes)
    line.slots.leave("ben")
    line.slots.leave("ann")
    assert len(line.changes) == changes
    line.slots.release("ann")
    assert await line.got("cleo")


async def test_a_cancelled_wait_leaves_the_line() -> None:
    """A task cancelled in line takes no slot."""
    line = Line(1)
    await line.joined("ann", "ben", "cleo")
    line.tasks["ben"].cancel()
    with pytest.raises(asyncio.CancelledError):
        await line.got("ben")
    assert line.slots.line == ("cleo",)
    line.slots.release("ann")
    assert await line.got("cleo")


async def test_a_slot_granted_to_a_task_that_is_being_cancelled_goes_to_the_next() -> None:
    """When both happen in the same step, the slot is not lost."""
    line = Line(1)
    await line.joined("ann", "ben", "cleo")
    line.slots.release("ann")
    line.tasks["ben"].cancel()
    with pytest.raises(asyncio.CancelledError):
        await line.got("ben")
    assert await line.got("cleo")
    assert repr(line) == "<Slots 1/1 held, 0 in line>"


async def test_a_freed_slot_skips_a_wait_that_was_cancelled_in_the_same_step() -> None:
    """Its task has not run yet, so it is still in line; it would never return the slot."""
    line = Line(1)
    await line.joined("ann", "ben", "cleo")
    line.tasks["ben"].cancel()
    line.slots.release("ann")
    assert line.slots.holders == ("cleo",)
    assert line.slots.line == ("ben",)
    with pytest.raises(asyncio.CancelledError):
        await line.got("ben")
    assert repr(line) == "<Slots 1/1 held, 0 in line>"


async def test_a_slot_is_held_since_it_was_granted() -> None:
    """Time in line does not count; without a slot it is 0."""
    line = Line(1)
    await line.joined("ann", "ben")
    await elapse(30)
    assert line.slots.held_for("ann") == pytest.approx(30)
    assert line.slots.held_for("ben") == 0
    line.slots.release("ann")
    await elapse(5)
    assert line.slots.held_for("ben") == pytest.approx(5)
    assert line.slots.held_for("ann") == 0


async def test_a_free_slot_can_be_taken_without_joining_the_line() -> None:
    """Without a free one, the line stays the same."""
    line = Line(1)
    assert line.slots.take_free("ann")
    assert not line.slots.take_free("ben")
    assert repr(line) == "<Slots 1/1 held, 0 in line>"
    assert line.changes == []


async def test_a_slot_can_be_passed_on_past_the_line() -> None:
    """It is the other holder's from then on, with a new start time."""
    line = Line(1)
    await line.joined("ann", "ben")
    await elapse(30)
    line.slots.pass_on("ann", "cleo")
    assert (line.slots.held_for("ann"), line.slots.held_for("cleo")) == (0, 0)
    assert line.slots.line == ("ben",)
    line.slots.release("ann")
    assert line.slots.line == ("ben",)
    line.slots.release("cleo")
    assert await line.got("ben")


async def test_the_longest_wait_is_that_of_the_first_in_line() -> None:
    """It is 0 when the line is empty."""
    line = Line(1)
    await line.joined("ann")
    assert line.slots.longest_wait == 0
    await line.joined("ben")
    await elapse(30)
    await line.joined("cleo")
    assert line.slots.longest_wait == pytest.approx(30)
    line.slots.leave("ben")
    assert line.slots.longest_wait == 0


async def test_memory_is_reserved_with_the_slot_and_returned_with_it() -> None:
    """A slot alone is not enough; without a bound there is no figure."""
    line = Line(3, memory=10)
    assert Line(3).slots.unreserved is None
    await line.joined("ann", memory=6)
    assert (await line.got("ann"), line.slots.unreserved) == (True, 4)
    assert not line.slots.take_free("ben", 5)
    assert line.slots.take_free("ben", 4)
    assert line.slots.unreserved == 0
    line.slots.release("ann")
    assert line.slots.unreserved == 6


async def test_who_needs_little_memory_does_not_overtake_who_needs_much() -> None:
    """Otherwise the first in line might never get a slot."""
    line = Line(3, memory=10)
    await line.joined("ann", memory=6)
    await line.joined("ben", memory=8)
    await line.joined("cleo", memory=1)
    assert line.slots.line == ("ben", "cleo")
    assert not line.slots.has_room(1)
    assert not line.slots.take_free("dan", 1)
    line.slots.release("ann")
    assert line.slots.holders == ("ben", "cleo")
    assert line.changes[-1] == ()


async def test_who_leaves_the_line_lets_those_behind_it_take_the_memory_that_is_there() -> None:
    """They waited only because it was first."""
    line = Line(3, memory=10)
    await line.joined("ann", memory=6)
    await line.joined("ben", memory=8)
    await line.joined("cleo", memory=4)
    line.slots.leave("ben")
    assert line.slots.holders == ("ann", "cleo")
    assert await line.got("cleo")


async def test_who_needs_more_memory_than_there_is_gets_all_of_it() -> None:
    """Instead of waiting forever."""
    line = Line(3, memory=10)
    await line.joined("ann", memory=99)
    await line.joined("ben", memory=1)
    assert (line.slots.holders, line.slots.unreserved) == (("ann",), 0)
    line.slots.pass_on("ann", "cleo")
    assert (line.slots.holders, line.slots.unreserved) == (("cleo",), 0)
    line.slots.release("cleo")
    assert (line.slots.holders, line.slots.unreserved) == (("ben",), 9)


async def test_a_slot_that_is_returned_is_not_free_while_the_first_in_line_lacks_memory() -> None:
    """The next one to return memory lets it in."""
    line = Line(3, memory=10)
    await line.joined("ann", memory=6)
    await line.joined("ben", memory=2)
    await line.joined("cleo", memory=9)
    line.slots.release("ben")
    assert (line.slots.line, line.freed) == (("cleo",), 0)
    line.slots.release("ann")
    assert line.slots.holders == ("cleo",)
