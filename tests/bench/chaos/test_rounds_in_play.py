"""Rounds that one bot plays at the same time."""

import asyncio

import pytest

from bench.chaos.rounds_in_play import RoundsInPlay
from tests.support.virtual_time import elapse

pytestmark = pytest.mark.virtual_time


async def begun(rounds: RoundsInPlay, number: int, threads: int) -> asyncio.Task[None]:
    """Let a round begin, or wait for room."""
    task = asyncio.create_task(rounds.begin(number, threads))
    await elapse(0)
    return task


async def test_a_round_begins_when_its_threads_have_room() -> None:
    """Those of another round are its room when that has ended."""
    rounds = RoundsInPlay(10, alone=False)
    for number, threads in enumerate((4, 4)):
        await rounds.begin(number, threads)
    third = await begun(rounds, 2, 3)
    assert rounds.playing == {0, 1}
    rounds.end(1)
    await third
    assert (rounds.playing, rounds.ended, rounds.most) == ({0, 2}, [1], 8)


async def test_rounds_are_played_one_at_a_time_if_they_are_alone() -> None:
    """However few threads each has."""
    rounds = RoundsInPlay(10, alone=True)
    await rounds.begin(0, 2)
    second = await begun(rounds, 1, 2)
    assert rounds.playing == {0}
    rounds.end(0)
    await second
    assert (rounds.playing, rounds.most) == ({1}, 2)


async def test_a_mark_is_on_all_rounds_that_are_played_beside_the_one_it_is_from() -> None:
    """Whether they have begun before or after it."""
    rounds, marked = RoundsInPlay(10, alone=False), set[int]()
    await rounds.begin(0, 1)
    rounds.end(0)
    for number in (1, 2):
        await rounds.begin(number, 1)
    rounds.mark(marked, 1)
    await rounds.begin(3, 1)
    rounds.end(1)
    await rounds.begin(4, 1)
    assert marked == {1, 2, 3}
