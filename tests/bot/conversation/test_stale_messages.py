"""Messages that waited while the gateway was away: a turn waits for a bounded time until they are read again."""

import asyncio

import pytest

from bot.conversation.stale_messages import STALE_SECONDS, StaleMessages
from tests.support.call_count import CallCounter
from tests.support.virtual_time import quiet

pytestmark = pytest.mark.virtual_time

HERE, THERE = 10, 11


async def test_a_turn_waits_for_its_own_messages_and_no_others() -> None:
    """At first no message is stale; each stale one is settled by itself, in any order."""
    stale = StaleMessages()
    await stale.settled([1, 2])
    stale.begin({3: HERE, 1: HERE, 2: THERE})
    assert stale.places() == {HERE: 1, THERE: 2}
    assert stale.at(HERE) == [1, 3]
    await stale.settled([4])
    turn = asyncio.create_task(stale.settled([1, 2]))
    for message_id in (2, 3):
        stale.settle(message_id)
        await quiet()
        assert not turn.done()
    stale.settle(1)
    await turn
    assert stale.places() == {}


async def test_a_thousand_turns_wait_at_the_cost_of_their_own_messages() -> None:
    """A message that is settled wakes only the turn that waits for it: to wake all of them each time took seconds."""

    async def effort(count: int) -> int:
        stale = StaleMessages()
        stale.begin(dict.fromkeys(range(count), HERE))
        turns = [asyncio.create_task(stale.settled([number])) for number in range(count)]
        await quiet()
        with CallCounter() as calls:
            for number in range(count):
                stale.settle(number)
                await quiet()
        await asyncio.gather(*turns)
        return calls.count

    assert await effort(200) < 2.2 * await effort(100)


async def test_all_turns_of_a_place_that_cannot_be_read_wait_until_the_same_time() -> None:
    """Counted from the READY; another READY starts a new time and replaces the stale messages."""
    stale, loop = StaleMessages(), asyncio.get_running_loop()
    began = loop.time()
    stale.begin({1: HERE, 2: HERE})
    await stale.settled([1])
    await stale.settled([2])
    assert loop.time() - began == pytest.approx(STALE_SECONDS)
    stale.begin({2: HERE})
    await stale.settled([1])
    assert 1 not in stale
    assert 2 in stale
    assert loop.time() - began == pytest.approx(STALE_SECONDS)
