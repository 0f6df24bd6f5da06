"""Many threads on few agents: what one thread does costs the same however many others wait. In virtual time."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from pool.pool import TICK_SECONDS
from tests.support.call_count import CallCounter
from tests.support.virtual_time import elapse, quiet

from .pool_harness import RunningPool, running_pool
from .recording_exchange import Recorder

NEWCOMER = 9

FEW, MANY = 20, 40


async def waits(it: RunningPool, thread_id: int) -> None:
    """Write the thread's message, of a person of its own."""
    it.say(thread_id, thread_id, Recorder(thread_id, author_id=thread_id))
    await quiet()


async def ask_whether_there_is_room(it: RunningPool) -> None:
    """Ask it for a person who has not written yet."""
    assert it.pool.bound(1, NEWCOMER) is None


async def let_a_second_pass(_it: RunningPool) -> None:
    """Let the keeper check its deadlines."""
    await elapse(TICK_SECONDS)


async def end_a_turn(it: RunningPool) -> None:
    """End the running turn, and let the first in line begin."""
    agent = it.factory.agents[-1]
    agent.end_turn(await agent.expect("session/prompt"))
    await quiet()


@pytest.mark.parametrize("work", [ask_whether_there_is_room, let_a_second_pass, end_a_turn])
async def test_the_threads_in_line_cost_the_others_nothing(
    work: Callable[[RunningPool], Awaitable[None]], tmp_path: Path
) -> None:
    """Twice as many of them cost as many calls."""
    counts = []
    for waiting in (FEW, MANY):
        folder = tmp_path / str(waiting)
        folder.mkdir()
        async with running_pool(folder, slots=1) as it:
            for thread_id in range(100, 100 + waiting + 1):
                await waits(it, thread_id)
            assert it.pool.load.in_line == waiting
            with CallCounter() as calls:
                await work(it)
            counts.append(calls.count)
    few, many = counts
    assert many < few + (MANY - FEW) // 2  # Not one call for each.
