"""The order of the replies in a thread."""

import pytest

from bot.reply.order import ReplyOrder
from bot.reply.reply import Reply
from tests.bot.fake_discord import FakeDiscord, accepted, pacing, scratch_journal, settle

pytestmark = pytest.mark.virtual_time

THREAD = 7


async def test_what_a_turn_posts_comes_after_the_replies_before_its_own() -> None:
    """Without a running turn it is posted immediately."""
    order, posted = ReplyOrder(), list[str]()
    with scratch_journal() as journal:
        async with pacing(board := FakeDiscord()):
            first, second = (Reply(key, api=board, journal=journal, on_settled=lambda _: None) for key in (1, 2))
            for reply in (first, second):
                order.append(THREAD, reply)
            order.begin_turn(2, second)
            order.in_turn(2, lambda: posted.append("question"))
            order.in_turn(3, lambda: posted.append("of no turn"))
            assert posted == ["of no turn"]
            first.give_up()
            assert posted == ["of no turn", "question"]
            order.end_turn(2)
            order.in_turn(2, lambda: posted.append("after the turn"))
            await settle()
    assert posted[-1] == "after the turn"


async def test_a_reply_that_was_removed_holds_up_no_other() -> None:
    """It has settled, or goes to another place."""
    order = ReplyOrder()
    with scratch_journal() as journal:
        async with pacing(board := FakeDiscord()):
            moved, other = (Reply(key, api=board, journal=journal, on_settled=lambda _: None) for key in (1, 2))
            accepted(journal, 2, thread_id=THREAD)
            order.append(THREAD, moved)
            order.remove(THREAD, moved)
            order.append(THREAD, other)
            other.line("-# shown")
            other.start(THREAD)
            await settle()
    assert board.shown == ["-# shown"]
