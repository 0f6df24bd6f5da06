"""Rejected messages: every author learns of it, and a flood makes few notices."""

from itertools import count

import pytest

from bot.intake.rejection_notice import COUNT_SECONDS, NOTICE_SECONDS, REMEMBERED, RejectionNotices
from bot.prompt.request import Request
from tests.bot.fake_discord import FakeDiscord, pacing, settle
from tests.support.virtual_time import elapse

pytestmark = pytest.mark.virtual_time

NUMBERS = count(1)


def message(author_id: int = 5) -> Request:
    """Return a request that is rejected."""
    return Request(next(NUMBERS), channel_id=7, thread_id=7, author_id=author_id, text="hello", guild_id=3)


async def test_one_notice_counts_rejected_messages() -> None:
    """It shows the first immediately, and later ones in one edit; it links to the first."""
    board = FakeDiscord()
    async with pacing(board):
        away = RejectionNotices(api=board)
        first = message()
        assert away.show(first, "Too many.")
        await settle()
        assert board.shown == ["<@5> Too many."]
        for _ in range(999):
            assert not away.show(message(), "Too many.")
        await elapse(COUNT_SECONDS + 1)
    address = f"https://discord.com/channels/3/7/{first.message_id}"
    assert board.shown == [f"<@5> Too many.\n-# 1000 messages were not accepted, starting with <{address}>."]
    assert board.whats == ["send", "edit"]


async def test_a_later_rejection_gets_a_new_notice() -> None:
    """So does another person, or another reason."""
    board = FakeDiscord()
    async with pacing(board):
        away = RejectionNotices(api=board)
        assert away.show(message(), "Too many.")
        await elapse(NOTICE_SECONDS)
        assert away.show(message(), "Too many.")
        assert away.show(message(author_id=6), "Too many.")
        assert away.show(message(), "Too fast.")
        await settle()
    assert board.shown == ["<@5> Too many.", "<@5> Too many.", "<@6> Too many.", "<@5> Too fast."]


async def test_of_very_many_people_the_last_are_remembered() -> None:
    """A forgotten person gets another notice."""
    board = FakeDiscord()
    async with pacing(board):
        away = RejectionNotices(api=board)
        for author_id in range(REMEMBERED + 1):
            away.show(message(author_id), "Too many.")
        assert not away.show(message(REMEMBERED), "Too many.")
        assert away.show(message(0), "Too many.")
