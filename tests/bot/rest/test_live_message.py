"""A message of the bot's own shows the newest content in the end, through every failure. In virtual time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import discord
import pytest

from bot.rest.backoff import LONGEST_WAIT
from bot.rest.errors import PermanentError, TryLater
from bot.rest.live_message import PRESS_SECONDS, LiveMessage
from bot.rest.mentions import Mentions
from tests.bot.fake_discord import AnswerLost, FakeDiscord, Message, pacing, settle
from tests.support.virtual_time import elapse

pytestmark = pytest.mark.virtual_time

THREAD = 7


def buttons(label: str = "Yes") -> discord.ui.View:
    """A view of one button."""
    view = discord.ui.View(timeout=None)
    view.add_item(discord.ui.Button(label=label))
    return view


@asynccontextmanager
async def live_message(*faults: Exception, **options: Any) -> AsyncIterator[tuple[LiveMessage, FakeDiscord]]:
    """A message that was not shown yet, and its Discord, whose first calls meet `faults`."""
    board = FakeDiscord()
    board.faults.extend(faults)
    async with pacing(board):
        yield LiveMessage(THREAD, api=board, nonce="nonce", mention=Mentions((5,)), **options), board


async def test_a_message_is_sent_once_and_then_edited() -> None:
    """It keeps its buttons until they are no longer wanted."""
    async with live_message() as (message, board):
        message.show("question", buttons)
        await settle()
        (stored,) = board.messages.values()
        assert (stored.content, stored.mention, len(stored.buttons)) == ("question", Mentions((5,)), 1)
        for _ in range(2):
            message.show("answered")
            await settle()
    assert board.whats == ["send", "edit"]
    assert (stored.content, stored.buttons) == ("answered", [])


async def test_another_subject_replaces_the_buttons() -> None:
    """So it is with the same text, and while an older edit is in flight."""
    async with live_message() as (message, board):
        message.show("waiting", lambda: buttons("1"), about=1)
        await settle()
        board.held = asyncio.Event()
        message.show("still waiting", lambda: buttons("1"), about=1)
        await settle()
        message.show("still waiting", lambda: buttons("2"), about=2)
        board.held.set()
        await settle()
        message.show("still waiting", lambda: buttons("2"), about=2)
        await settle()
        (stored,) = board.messages.values()
        assert [button.label for button in stored.buttons] == ["2"]
        message.show("over")
        await settle()
    assert (stored.content, stored.buttons) == ("over", [])
    assert board.whats == ["send", "edit", "edit", "edit"]


async def test_of_the_content_set_during_a_write_only_the_newest_follows() -> None:
    """One edit follows the write."""
    async with live_message() as (message, board):
        board.held = asyncio.Event()
        message.show("one")
        await settle()
        message.show("two")
        message.show("three")
        board.held.set()
        await settle()
    assert board.shown == ["three"]
    assert board.whats == ["send", "edit"]


async def test_what_the_answer_to_a_press_has_shown_is_not_written_again() -> None:
    """The answer has changed the message."""
    async with live_message() as (message, board):
        message.show("question", buttons)
        await settle()
        message.pressed("answered")
        message.answered("answered")
        message.show("answered")
        await elapse(2 * PRESS_SECONDS)
    assert board.whats == ["send"]


async def test_an_edit_follows_an_answer_to_a_press_that_fails() -> None:
    """It removes the buttons, and only then is the message done."""
    board, done = FakeDiscord(), list[str]()
    async with pacing(board):
        message = LiveMessage(THREAD, api=board, nonce="n", on_done=lambda: done.append(board.messages[1].content))
        message.show("question", buttons)
        await settle()
        done.clear()
        message.pressed("answered")
        await elapse(2 * PRESS_SECONDS)
    assert board.messages[1] == Message("answered")
    assert set(done) == {"answered"}


@pytest.mark.parametrize("fault", [TryLater("503"), TryLater("429", 9.0), AnswerLost("reset")], ids=repr)
async def test_a_failure_that_may_pass_is_tried_again(fault: Exception) -> None:
    """The tries make one message."""
    async with live_message(fault, fault) as (message, board):
        message.show("notice")
        await elapse(60)
    assert board.shown == ["notice"]
    assert board.whats == ["send"] * 3


async def test_a_message_whose_answer_was_lost_shows_newer_content_in_the_end() -> None:
    """Discord knows the nonce, so each try has the first content, and an edit follows."""
    async with live_message(AnswerLost("reset")) as (message, board):
        message.show("one")
        await elapse(0.05)
        message.show("two")
        await settle()
    assert board.shown == ["two"]


async def test_an_edit_whose_answer_was_lost_is_undone_when_the_earlier_content_returns() -> None:
    """The edit may have succeeded, so what was last confirmed is no proof of what the message shows."""
    async with live_message() as (message, board):
        message.show("one")
        await settle()
        board.faults.append(AnswerLost("reset"))
        message.show("two")
        await elapse(0.05)
        message.show("one")
        await settle()
    assert board.shown == ["one"]


async def test_a_refused_message_is_given_up() -> None:
    """It is tried once."""
    async with live_message(PermanentError("no")) as (message, board):
        message.show("notice")
        await elapse(1_000)
    assert (board.whats, board.shown) == (["send"], [])


async def test_a_notice_whose_answer_was_lost_can_be_removed() -> None:
    """It was posted, though the bot does not know its id."""
    async with live_message(AnswerLost("reset")) as (message, board):
        message.show("4 waiting")
        await elapse(0.05)
        message.remove()
        await settle()
    assert board.shown == []


async def test_an_outage_delays_a_notice_and_does_not_double_it() -> None:
    """The lost answer of the first try is older than Discord's memory of a nonce when the outage ends."""
    async with live_message(AnswerLost("reset"), *[TryLater("503")] * 100) as (message, board):
        board.nonce_seconds = 120.0
        message.show("notice")
        await elapse(100 * (LONGEST_WAIT + 1))
    assert board.shown == ["notice"]
    assert board.whats[-1] == "read"


@pytest.mark.parametrize("locked", [False, True])
async def test_an_archived_thread_is_opened_for_a_notice_unless_it_is_locked(*, locked: bool) -> None:
    """A closed question says so in its thread, even after the thread was archived."""
    async with live_message() as (message, board):
        message.show("question", buttons)
        await settle()
        board.archived, board.locked = True, locked
        message.show("closed")
        await settle()
    assert board.whats == ["send", "edit", "reopen", *([] if locked else ["edit"])]
    assert board.shown == ["question" if locked else "closed"]


async def test_a_message_that_is_no_longer_wanted_is_deleted() -> None:
    """So is one whose sending was in flight; one that was never sent needs no call."""
    async with live_message(silent=True) as (posted, board):
        sending, unsent = (LiveMessage(THREAD, api=board, nonce=each) for each in "ab")
        posted.show("one")
        await settle()
        assert [message.silent for message in board.messages.values()] == [True]
        board.held = asyncio.Event()
        sending.show("two")
        await settle()
        for message in (posted, sending, unsent):
            message.remove()
        board.held.set()
        await settle()
    assert board.messages == {}
    assert sorted(board.whats) == ["delete", "delete", "send", "send"]
