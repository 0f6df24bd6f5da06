"""A long line for the slots: the cost of its moves, and who learns of them. In virtual time."""

from pathlib import Path

import pytest

from pool.queue_positions import LINE_SECONDS, NEAR, NEWS, SLICE
from tests.support.call_count import CallCounter
from tests.support.virtual_time import elapse, quiet

from .pool_harness import RunningPool, running_pool
from .recording_exchange import Recorder

A_PERSON = 7

BUSY = 1
"""The thread with the only slot."""


def places(exchange: Recorder) -> list[int]:
    """Return the places that an exchange has shown, in order."""
    return [int(word.removeprefix("waiting ")) for word in exchange.told if word.startswith("waiting ")]


async def lined_up(it: RunningPool, count: int) -> list[Recorder]:
    """Let one thread work without end, and this many others wait for it."""
    await it.say(BUSY, 10, text="hang").until("prompted")
    line = [it.say(thread_id, thread_id * 10, text="hang") for thread_id in range(2, count + 2)]
    await quiet()
    return line


async def calls_of_joining(folder: Path, count: int) -> int:
    """Count the calls until this many are in line."""
    async with running_pool(folder, slots=1, obedient=True) as it:
        with CallCounter() as calls:
            await lined_up(it, count)
    return calls.count


async def test_joining_the_line_costs_the_same_at_any_length(tmp_path: Path) -> None:
    """Once, a thousand threads held the loop for nine seconds, because each newcomer looked at all others twice."""
    few = await calls_of_joining(tmp_path / "few", 40)
    many = await calls_of_joining(tmp_path / "many", 80)
    assert many < 2.2 * few


async def calls_of_leaving(folder: Path, count: int) -> int:
    """Count the calls until all in a line of this length have left it together."""
    async with running_pool(folder, slots=1, obedient=True) as it:
        await lined_up(it, count)
        with CallCounter() as calls:
            for thread_id in range(2, count + 2):
                it.conversation(thread_id).cancel(A_PERSON)
            await quiet()
    return calls.count


async def test_leaving_the_line_together_costs_the_same_for_each(tmp_path: Path) -> None:
    """A deleted channel, or a lost server, empties the line."""
    few = await calls_of_leaving(tmp_path / "few", 40)
    many = await calls_of_leaving(tmp_path / "many", 80)
    assert many < 2.2 * few


async def calls_of_a_move(folder: Path, count: int) -> int:
    """Count the calls until the first in a line of this length has left it."""
    async with running_pool(folder, slots=1, obedient=True) as it:
        await lined_up(it, count)
        with CallCounter() as calls:
            it.conversation(2).cancel(A_PERSON)
            await quiet()
    return calls.count


async def test_a_move_of_the_line_costs_the_same_at_any_length(tmp_path: Path) -> None:
    """Only the first few are told immediately."""
    few = await calls_of_a_move(tmp_path / "few", 40)
    many = await calls_of_a_move(tmp_path / "many", 80)
    assert many < 1.1 * few


async def calls_of_a_turns_end(folder: Path, count: int, *, exclusive: bool) -> int:
    """Count the calls until a turn has ended, and the first in line works."""
    async with running_pool(folder, slots=2 if exclusive else 1, obedient=True, exclusive=exclusive) as it:
        line = await lined_up(it, count)
        with CallCounter() as calls:
            it.conversation(BUSY).cancel(A_PERSON)
            await line[0].until("prompted")
    return calls.count


async def test_the_end_of_a_turn_costs_the_same_at_any_length_of_the_line(tmp_path: Path) -> None:
    """Even if all wait to work in the same directory, where all may work together."""
    few = await calls_of_a_turns_end(tmp_path / "few", 40, exclusive=False)
    many = await calls_of_a_turns_end(tmp_path / "many", 80, exclusive=False)
    assert many < 1.1 * few


async def test_the_end_of_a_turn_does_not_wake_all_who_wait_for_its_directory(tmp_path: Path) -> None:
    """One look at each is enough; once, each woke and looked at all before it."""
    few = await calls_of_a_turns_end(tmp_path / "few", 40, exclusive=True)
    many = await calls_of_a_turns_end(tmp_path / "many", 80, exclusive=True)
    assert many < 2 * few


async def test_a_step_in_which_the_line_moves_often_tells_each_place_once(tmp_path: Path) -> None:
    """When many leave together, intermediate places are not told."""
    async with running_pool(tmp_path, slots=1, obedient=True) as it:
        line = await lined_up(it, 12)
        for thread_id in range(2, 9):
            it.conversation(thread_id).cancel(A_PERSON)
        await quiet()
        assert [places(exchange) for exchange in line[7:]] == [[8, 1], [9, 2], [10, 3], [11, 4], [12, 5]]


async def test_far_back_a_place_is_told_when_it_has_shrunk_by_a_tenth(tmp_path: Path) -> None:
    """A thousand in line would use up all calls to Discord."""
    async with running_pool(tmp_path, slots=1, obedient=True) as it:
        line = await lined_up(it, 40)
        it.conversation(2).cancel(A_PERSON)
        await elapse(LINE_SECONDS + 1)
        assert places(line[NEWS * 2]) == [NEWS * 2 + 1]
        assert places(line[NEWS]) == [NEWS + 1, NEWS]
        assert places(line[NEAR]) == [NEAR + 1, NEAR]
        for thread_id in (3, 4, 5):
            it.conversation(thread_id).cancel(A_PERSON)
        await elapse(LINE_SECONDS)
        assert places(line[-1]) == [40, 36]


async def test_a_long_line_is_told_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Others get their turn in between, and all are told in the end."""
    monkeypatch.setattr("pool.queue_positions.SLICE", 3)
    assert SLICE > 3
    async with running_pool(tmp_path, slots=1, obedient=True) as it:
        line = await lined_up(it, 15)
        it.conversation(2).cancel(A_PERSON)
        await elapse(LINE_SECONDS + 1)
        assert [places(exchange)[-1] for exchange in line[1:]] == list(range(1, 15))


async def test_an_emptied_line_is_not_told(tmp_path: Path) -> None:
    """The look at those further back finds an empty line."""
    async with running_pool(tmp_path, slots=1, obedient=True) as it:
        line = await lined_up(it, 3)
        for thread_id in (2, 3, 4):
            it.conversation(thread_id).cancel(A_PERSON)
        await elapse(LINE_SECONDS + 1)
        assert [places(exchange) for exchange in line] == [[1], [2], [3]]
