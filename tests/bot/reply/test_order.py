"""The order of the replies in a thread."""

import pytest

from bot.reply.order import ReplyOrder
from bot.reply.reply import Reply
from tests.bot.fake_discord import FakeDiscord, accepted, pacing, scratch_journal, settle

pytestmark = pytest.mark.virtual_time

THREAD = 7


async def test_a_question_comes_after_the_replies_before_that_of_its_turn() -> None:
    """Without a reply that has begun it is posted immediately; after the turn, behind the end of the reply."""
    order, posted = ReplyOrder(), list[str]()
    with scratch_journal() as journal:
        async with pacing(board := FakeDiscord()):
            first, second = (Reply(key, api=board, journal=journal, on_settled=lambda _: None) for key in (1, 2))
            accepted(journal, 2, thread_id=THREAD)
            for reply in (first, second):
                order.append(THREAD, reply)
            order.begin_turn(2, second)
            stands = order.ask(2, lambda: posted.append("question"))
            order.ask(3, lambda: posted.append("of no turn"))
            second.start(THREAD)
            await settle()
            assert posted == ["of no turn"]
            first.give_up()
            await settle()
            assert posted == ["of no turn", "question"]
            second.line("-# the end")
            second.end()
            order.ask(2, lambda: posted.append("after the turn"))
            await settle()
            assert (posted[2:], board.shown) == ([], [])
            stands()
            await settle()
            assert (posted[2:], board.shown) == (["after the turn"], ["-# the end"])
            order.forget(2)
            order.ask(2, lambda: posted.append("after the reply"))
    assert posted[-1] == "after the reply"


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
