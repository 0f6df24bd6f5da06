"""Typing is shown while the agent works."""

import pytest

from bot.reply.typing_indicator import TYPING_SECONDS, TypingIndicator
from bot.rest.calls import ApiCall, Urgency
from bot.rest.errors import PermanentError
from tests.bot.fake_discord import FakeDiscord, pacing
from tests.support.virtual_time import elapse

pytestmark = pytest.mark.virtual_time

CHANNEL = 7


async def test_typing_lasts_until_it_is_stopped_and_rests_while_a_question_waits() -> None:
    """Discord shows it for ten seconds after each call."""
    board, asking = FakeDiscord(), False
    async with pacing(board):
        typing = TypingIndicator(CHANNEL, api=board, wanted=lambda: not asking)
        typing.start()
        await elapse(3.5 * TYPING_SECONDS)
        assert board.whats == ["typing"] * 4
        asking = True
        await elapse(3 * TYPING_SECONDS)
        assert board.whats == ["typing"] * 4
        asking = False
        await elapse(TYPING_SECONDS)
        assert board.whats == ["typing"] * 5
        typing.stop()
        await elapse(3 * TYPING_SECONDS)
        assert board.whats == ["typing"] * 5


async def test_typing_is_not_shown_while_calls_are_scarce() -> None:
    """A growing text shows the same."""

    async def perform() -> None:
        await elapse(0.1)

    board = FakeDiscord()
    async with pacing(board):
        for _ in range(100):
            board.pacer.put(ApiCall(None, perform, Urgency.NOTICE))
        await elapse(0.01)
        assert board.pacer.busy
        typing = TypingIndicator(CHANNEL, api=board, wanted=lambda: True)
        typing.start()
        await elapse(TYPING_SECONDS / 2)
        assert board.calls == []
        typing.stop()


async def test_typing_that_is_refused_ends_nothing() -> None:
    """It is tried again when its time comes."""
    board = FakeDiscord()
    board.faults.append(PermanentError("Missing Access"))
    async with pacing(board):
        typing = TypingIndicator(CHANNEL, api=board, wanted=lambda: True)
        typing.start()
        await elapse(1.5 * TYPING_SECONDS)
        assert board.whats == ["typing"] * 2
        typing.stop()
