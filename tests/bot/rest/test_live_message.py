"""A message of the bot's own: the newest wish stands in the end, whatever Discord does."""

import asyncio

import discord
import pytest

from bot.rest.api import PermanentError, TryLater
from bot.rest.backoff import LONGEST_WAIT
from bot.rest.live_message import PRESS_SECONDS, LiveMessage
from bot.rest.pings import Mentions
from tests.bot.fake_discord import AnswerLost, Board, Message, pacing, settle
from tests.support.virtual_time import elapse

pytestmark = pytest.mark.virtual_time

THREAD = 7


def buttons() -> discord.ui.View:
    """A view of one button."""
    view = discord.ui.View(timeout=None)
    view.add_item(discord.ui.Button(label="Yes"))
    return view


def post_on(board: Board) -> LiveMessage:
    """A message that was not shown yet."""
    return LiveMessage(THREAD, api=board, nonce="nonce", mention=Mentions((5,)))


async def test_a_message_is_sent_once_and_then_edited() -> None:
    """With its buttons, which go when they are no longer wanted."""
    board = Board()
    async with pacing(board):
        post = post_on(board)
        post.show("question", buttons)
        await settle()
        (message,) = board.messages.values()
        assert (message.content, message.mention, len(message.buttons)) == ("question", Mentions((5,)), 1)
        post.show("answered")
        await settle()
        post.show("answered")
        await settle()
    assert board.whats == ["send", "edit"]
    assert (message.content, message.buttons) == ("answered", [])


async def test_buttons_are_replaced_where_they_are_about_something_else() -> None:
    """Also where the words are the same, and while an older wish is in flight."""

    def about(number: int) -> discord.ui.View:
        view = discord.ui.View(timeout=None)
        view.add_item(discord.ui.Button(label=str(number)))
        return view

    board = Board()
    async with pacing(board):
        post = post_on(board)
        post.show("waiting", lambda: about(1), about=1)
        await settle()
        board.held = asyncio.Event()
        post.show("still waiting", lambda: about(1), about=1)
        await settle()
        post.show("still waiting", lambda: about(2), about=2)
        board.held.set()
        await settle()
        post.show("still waiting", lambda: about(2), about=2)
        await settle()
        (message,) = board.messages.values()
        assert [button.label for button in message.buttons] == ["2"]
        post.show("over")
        await settle()
    assert (message.content, message.buttons) == ("over", [])
    assert board.whats == ["send", "edit", "edit", "edit"]


async def test_the_newest_wish_wins_over_a_write_in_flight() -> None:
    """What was wished meanwhile follows at once, and only the last of it."""
    board = Board()
    async with pacing(board):
        post = post_on(board)
        board.held = asyncio.Event()
        post.show("one")
        await settle()
        post.show("two")
        post.show("three")
        board.held.set()
        await settle()
    assert board.shown == ["three"]
    assert board.whats == ["send", "edit"]


async def test_what_an_interaction_has_shown_is_not_written_again() -> None:
    """Its answer has already changed the message."""
    board = Board()
    async with pacing(board):
        post = post_on(board)
        post.show("question", buttons)
        await settle()
        post.pressed("answered")
        post.answered("answered")
        post.show("answered")
        await elapse(2 * PRESS_SECONDS)
    assert board.whats == ["send"]


async def test_what_no_interaction_has_shown_is_written_like_all_else() -> None:
    """The answer to a press may fail; its buttons go all the same, and only then is the message done."""
    board, done = Board(), list[str]()
    async with pacing(board):
        post = LiveMessage(
            THREAD,
            api=board,
            nonce="nonce",
            on_done=lambda: done.append(board.messages[1].content),
        )
        post.show("question", buttons)
        await settle()
        done.clear()
        post.pressed("answered")
        await elapse(2 * PRESS_SECONDS)
    assert board.messages[1] == Message("answered")
    assert set(done) == {"answered"}


@pytest.mark.parametrize("fault", [TryLater("503"), TryLater("429", 9.0), AnswerLost("reset")], ids=repr)
async def test_a_failure_that_may_pass_is_tried_again(fault: Exception) -> None:
    """One message comes of it."""
    board = Board()
    board.faults.extend([fault, fault])
    async with pacing(board):
        post = post_on(board)
        post.show("notice")
        await elapse(60)
    assert board.shown == ["notice"]
    assert board.whats == ["send"] * 3


async def test_a_message_whose_answer_was_lost_shows_the_newer_wish_in_the_end() -> None:
    """Each try says what the first one said, for Discord knows its nonce; only then comes what is wished now."""
    board = Board()
    board.faults.append(AnswerLost("reset"))
    async with pacing(board):
        post = post_on(board)
        post.show("one")
        await elapse(0.05)
        post.show("two")
        await settle()
    assert board.shown == ["two"]


async def test_an_edit_whose_answer_was_lost_is_undone_where_the_wish_goes_back() -> None:
    """It may have been made: that the wish is what was last confirmed is no proof that the message shows it."""
    board = Board()
    async with pacing(board):
        post = post_on(board)
        post.show("one")
        await settle()
        board.faults.append(AnswerLost("reset"))
        post.show("two")
        await elapse(0.05)
        post.show("one")
        await settle()
    assert board.shown == ["one"]


async def test_what_is_refused_is_given_up() -> None:
    """It is asked for once."""
    board = Board()
    board.faults.append(PermanentError("no"))
    async with pacing(board):
        post_on(board).show("notice")
        await elapse(1_000)
    assert len(board.calls) == 1
    assert board.shown == []


async def test_a_notice_whose_answer_was_lost_goes_when_it_is_taken_back() -> None:
    """It stands, though the bot has not heard of it."""
    board = Board()
    board.faults.append(AnswerLost("reset"))
    async with pacing(board):
        post = post_on(board)
        post.show("4 waiting")
        await elapse(0.05)
        post.remove()
        await settle()
    assert board.shown == []


async def test_an_outage_puts_off_a_notice_and_does_not_double_it() -> None:
    """Also one that was posted when its answer was lost, longer ago than Discord knows a nonce."""
    board = Board()
    board.nonce_seconds = 120.0
    board.faults.extend([AnswerLost("reset"), *[TryLater("503")] * 100])
    async with pacing(board):
        post_on(board).show("notice")
        await elapse(100 * (LONGEST_WAIT + 1))
    assert board.shown == ["notice"]
    assert board.whats[-1] == "read"


@pytest.mark.parametrize("locked", [False, True])
async def test_an_archived_thread_is_opened_for_a_notice_unless_it_is_locked(*, locked: bool) -> None:
    """A question that is closed says so in its thread, even when that was put away meanwhile."""
    board = Board()
    async with pacing(board):
        post = post_on(board)
        post.show("question", buttons)
        await settle()
        board.archived, board.locked = True, locked
        post.show("closed")
        await settle()
    assert board.whats == ["send", "edit", "reopen", *([] if locked else ["edit"])]
    assert board.shown == ["question" if locked else "closed"]


async def test_a_message_that_is_no_longer_wanted_goes() -> None:
    """Also one whose sending was in flight; one that was never sent is not."""
    board = Board()
    async with pacing(board):
        standing, flying, unsent = (LiveMessage(THREAD, api=board, nonce=each, silent=True) for each in "abc")
        standing.show("one")
        await settle()
        assert [message.silent for message in board.messages.values()] == [True]
        board.held = asyncio.Event()
        flying.show("two")
        await settle()
        for post in (standing, flying, unsent):
            post.remove()
        board.held.set()
        await settle()
    assert board.messages == {}
    assert sorted(board.whats) == ["delete", "delete", "send", "send"]
