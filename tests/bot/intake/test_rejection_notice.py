"""Messages that were not taken up: nobody is left in the dark, and a flood makes few notices."""

from itertools import count

import pytest

from bot.intake.rejection_notice import COUNT_SECONDS, NOTICE_SECONDS, REMEMBERED, RejectionNotices
from bot.prompt.request import Request
from tests.bot.fake_discord import FakeDiscord, pacing, settle
from tests.support.virtual_time import elapse

pytestmark = pytest.mark.virtual_time

NUMBERS = count(1)


def message(author_id: int = 5) -> Request:
    """A message that cannot be taken up."""
    return Request(next(NUMBERS), channel_id=7, thread_id=7, author_id=author_id, text="hello", guild_id=3)


async def test_one_notice_counts_what_was_turned_away() -> None:
    """The first at once, what follows within seconds, in one edit; it links to the first."""
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
    assert board.shown == [f"<@5> Too many.\n-# 1000 messages were not taken up, beginning with <{address}>."]
    assert board.whats == ["send", "edit"]


async def test_what_is_turned_away_later_gets_a_notice_of_its_own() -> None:
    """So does another person, and another reason."""
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
    """Who is forgotten gets another notice, not none."""
    board = FakeDiscord()
    async with pacing(board):
        away = RejectionNotices(api=board)
        for author_id in range(REMEMBERED + 1):
            away.show(message(author_id), "Too many.")
        assert not away.show(message(REMEMBERED), "Too many.")
        assert away.show(message(0), "Too many.")
