"""What some objects hold: all that is theirs, once, and nothing that belongs to the whole program."""

import asyncio
import sys

from bench.object_memory import reachable_bytes
from tests.support.virtual_time import step


class Stranger:
    """Of a package that is not looked into."""

    def __init__(self, kept: object) -> None:
        self.kept = kept


def test_what_is_reached_by_any_way_counts_once() -> None:
    """Through attributes, containers and what a function has closed over."""
    text = "x" * 10_000

    def reader() -> str:
        return text

    alone = reachable_bytes([text], strangers=())
    assert alone == sys.getsizeof(text)
    assert alone < reachable_bytes([{"a": [text], "b": (text, reader)}], strangers=()) < 2 * alone


def test_what_a_waiting_task_has_at_hand_counts_and_its_loop_does_not() -> None:
    """A conversation is nothing else; the event loop leads to everything."""

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


def test_what_strangers_keep_does_not_count() -> None:
    """The other side of a connection is in the same process."""
    assert reachable_bytes([Stranger("x" * 10_000)], strangers=("tests",)) == 0
