"""The clock that a test may move, and the waits on it."""

import asyncio

import pytest

from loopback import Loopback
from loopback.state.clock import Clock
from tests.loopback.discordpy import furnish
from tests.support.virtual_time import step

BOUND = 30.0


async def test_a_jump_wakes_exactly_the_sleepers_whose_time_has_come() -> None:
    """The second of two jumps of half the time wakes a sleeper. A longer one still sleeps."""
    clock = Clock()
    short, long = (asyncio.create_task(clock.sleep(seconds)) for seconds in (1000.0, 5000.0))
    await step()
    clock.jump(500)
    done, _ = await asyncio.wait({short, long}, timeout=0)
    assert not done
    clock.jump(501)
    async with asyncio.timeout(BOUND):
        await short
    assert not long.done()
    long.cancel()


async def test_a_clock_does_not_go_back() -> None:
    """A negative jump is refused without an effect."""
    clock = Clock(lambda: 100.0)
    with pytest.raises(ValueError, match="does not go back"):
        clock.jump(-1)
    clock.jump(2)
    assert clock() == 102.0


async def test_an_unanswered_command_fails_after_discords_three_seconds() -> None:
    """A jump beyond them ends the person's wait without an acknowledgement."""
    async with Loopback() as server:
        channel, ann, bot = furnish(server)
        bot.commands[None] = [{"id": "1", "type": 1, "name": "ask", "options": []}]
        waiting = asyncio.create_task(ann.slash(channel, "ask"))
        await server.until(lambda: server.world.interactions)
        server.jump(3.1)
        async with asyncio.timeout(BOUND):
            outcome = await waiting
        assert not outcome.acknowledged
