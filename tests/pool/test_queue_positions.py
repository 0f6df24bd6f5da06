"""A long line for the slots: the cost of its moves, and who learns of them. In virtual time."""

from collections.abc import Awaitable, Callable
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


async def lined_up(it: RunningPool, count: int) -> list[Recorder]:
    """Let one thread work without end, and this many others wait for it."""
    await it.hang(BUSY, 10)
    line = [it.say(thread_id, thread_id * 10, text="hang") for thread_id in range(2, count + 2)]
    await quiet()
    return line


async def join(it: RunningPool, line: list[Recorder]) -> None:
    """Let as many threads again join the line."""
    for thread_id in range(len(line) + 2, 2 * len(line) + 2):
        it.say(thread_id, thread_id * 10, text="hang")
    await quiet()


async def leave_together(it: RunningPool, line: list[Recorder]) -> None:
    """Cancel in all waiting threads, as when a channel is deleted."""
    for thread_id in range(2, len(line) + 2):
        it.conversation(thread_id).cancel(A_PERSON)
    await quiet()


async def leave_first(it: RunningPool, _line: list[Recorder]) -> None:
    """Cancel in the first thread of the line."""
    it.conversation(2).cancel(A_PERSON)
    await quiet()


async def end_turn(it: RunningPool, line: list[Recorder]) -> None:
    """End the running turn, so that the first in line works."""
    it.conversation(BUSY).cancel(A_PERSON)
    await line[0].until("prompted")


async def calls_of(
    work: Callable[[RunningPool, list[Recorder]], Awaitable[None]], folder: Path, count: int, *, exclusive: bool
) -> int:
    """Count the calls that some work takes with a line of this length."""
    async with running_pool(folder, slots=2 if exclusive else 1, obedient=True, exclusive=exclusive) as it:
        line = await lined_up(it, count)
        with CallCounter() as calls:
            await work(it, line)
    return calls.count


@pytest.mark.parametrize(
    ("work", "exclusive", "growth"),
    [
        pytest.param(join, False, 2.2, id="as many join"),
        pytest.param(leave_together, False, 2.2, id="all leave"),
        pytest.param(leave_first, False, 1.1, id="the first leaves"),
        pytest.param(end_turn, False, 1.1, id="a turn ends"),
        pytest.param(end_turn, True, 2.0, id="a turn ends in an exclusive directory"),
    ],
)
async def test_the_cost_of_each_move_does_not_grow_with_the_line(
    tmp_path: Path,
    work: Callable[[RunningPool, list[Recorder]], Awaitable[None]],
    exclusive: bool,  # noqa: FBT001 - a parameter of the test
    growth: float,
) -> None:
    """Once, a thousand threads in line held the loop for nine seconds: each newcomer looked at all others."""
    few = await calls_of(work, tmp_path / "few", 40, exclusive=exclusive)
    many = await calls_of(work, tmp_path / "many", 80, exclusive=exclusive)
    assert many < growth * few


async def test_all_learn_their_place_on_entry_and_the_first_five_every_move(tmp_path: Path) -> None:
    """The others learn it at most every 15 s: each notice is an edit in its own channel."""
    async with running_pool(tmp_path, slots=1, obedient=True) as it:
        await it.hang(1, 10)
        line = [it.say(thread_id, thread_id * 10, text="hang") for thread_id in range(2, 11)]
        await quiet()
        assert [exchange.places[0] for exchange in line] == list(range(1, 10))
        assert [len(exchange.places) for exchange in line[NEAR:]] == [1, 1, 1, 1]
        served = 1
        it.conversation(served).cancel(A_PERSON)
        await quiet()
        assert line[4].places[-1] == 4
        assert line[5].places[-1] == 5
        assert [exchange.places for exchange in line[6:]] == [[7], [8], [9]]
        await elapse(LINE_SECONDS + 1)
        assert [exchange.places for exchange in line[6:]] == [[7, 6], [8, 7], [9, 8]]


async def test_a_departure_from_the_end_is_not_told_to_those_far_back(tmp_path: Path) -> None:
    """Their places stay the same."""
    async with running_pool(tmp_path, slots=1, obedient=True) as it:
        await it.hang(1, 10)
        line = [it.say(thread_id, thread_id * 10) for thread_id in range(2, 10)]
        await quiet()
        it.conversation(9).cancel(A_PERSON)
        await quiet()
        assert line[6].places == [7]
        assert it.pool.place(it.conversation(8)) == 7


async def test_those_in_line_learn_which_threads_hold_slots_with_open_questions(tmp_path: Path) -> None:
    """Until those questions are answered."""
    async with running_pool(tmp_path, slots=2) as it:
        asking, other = it.say(1, 10), it.say(2, 20)
        for number in (1, 2):
            await (await it.factory.agent(number)).expect("session/prompt")
        request_id = it.factory.agents[0].ask("agent1-1")
        await asking.until("Question")
        waiting = it.say(3, 30)
        await waiting.until("waiting 1")
        assert waiting.asking == [1]
        assert asking.turn is not None
        asking.turn.answer(request_id, "yes")
        await elapse(2)
        it.say(4, 40)
        await quiet()
        assert waiting.asking == []
        assert other.asking == []


async def test_a_step_in_which_the_line_moves_often_tells_each_place_once(tmp_path: Path) -> None:
    """When many leave together, intermediate places are not told."""
    async with running_pool(tmp_path, slots=1, obedient=True) as it:
        line = await lined_up(it, 12)
        for thread_id in range(2, 9):
            it.conversation(thread_id).cancel(A_PERSON)
        await quiet()
        assert [exchange.places for exchange in line[7:]] == [[8, 1], [9, 2], [10, 3], [11, 4], [12, 5]]


async def test_far_back_a_place_is_told_when_it_has_shrunk_by_a_tenth(tmp_path: Path) -> None:
    """A thousand in line would use up all calls to Discord."""
    async with running_pool(tmp_path, slots=1, obedient=True) as it:
        line = await lined_up(it, 40)
        it.conversation(2).cancel(A_PERSON)
        await elapse(LINE_SECONDS + 1)
        assert line[NEWS * 2].places == [NEWS * 2 + 1]
        assert line[NEWS].places == [NEWS + 1, NEWS]
        assert line[NEAR].places == [NEAR + 1, NEAR]
        for thread_id in (3, 4, 5):
            it.conversation(thread_id).cancel(A_PERSON)
        await elapse(LINE_SECONDS)
        assert line[-1].places == [40, 36]


async def test_a_long_line_is_told_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Others get their turn in between, and all are told in the end."""
    monkeypatch.setattr("pool.queue_positions.SLICE", 3)
    assert SLICE > 3
    async with running_pool(tmp_path, slots=1, obedient=True) as it:
        line = await lined_up(it, 15)
        it.conversation(2).cancel(A_PERSON)
        await elapse(LINE_SECONDS + 1)
        assert [exchange.places[-1] for exchange in line[1:]] == list(range(1, 15))


async def test_an_emptied_line_is_not_told(tmp_path: Path) -> None:
    """The look at those further back finds an empty line."""
    async with running_pool(tmp_path, slots=1, obedient=True) as it:
        line = await lined_up(it, 3)
        for thread_id in (2, 3, 4):
            it.conversation(thread_id).cancel(A_PERSON)
        await elapse(LINE_SECONDS + 1)
        assert [exchange.places for exchange in line] == [[1], [2], [3]]
