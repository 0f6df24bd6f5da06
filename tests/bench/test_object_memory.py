"""The memory that objects reach, without that of the whole program."""

import asyncio
import sys

from bench.object_memory import reachable_bytes
from tests.support.virtual_time import step


class Stranger:
    """An object of an excluded package."""

    def __init__(self, kept: object) -> None:
        self.kept = kept


def test_an_object_reached_in_several_ways_counts_once() -> None:
    """The ways are containers and closures."""
    text = "x" * 10_000

    def reader() -> str:
        return text

    alone = reachable_bytes([text], strangers=())
    assert alone == sys.getsizeof(text)
    assert alone < reachable_bytes([{"a": [text], "b": (text, reader)}], strangers=()) < 2 * alone


def test_a_waiting_tasks_variables_count_and_its_loop_does_not() -> None:
    """A conversation is a task, and the event loop reaches the whole program."""

    async def wait(_text: str, event: asyncio.Event) -> None:
        await event.wait()

    async def measure() -> int:
        event, another = asyncio.Event(), asyncio.Event()
        one, other = asyncio.create_task(wait("a" * 10_000, event)), asyncio.create_task(wait("b" * 10**6, another))
        await step()
        found = reachable_bytes([one], strangers=())
        event.set()
        another.set()
        await asyncio.gather(one, other)
        return found

    assert 10_000 < asyncio.run(measure()) < 10**5


def test_objects_of_excluded_packages_do_not_count() -> None:
    """The server of a test is in the same process."""
    assert reachable_bytes([Stranger("x" * 10_000)], strangers=("tests",)) == 0
