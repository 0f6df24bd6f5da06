"""One reaction on a message that follows the newest wish."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from bot.config.appearance import DONE, EYE, WAITING
from bot.reply.status_reactions import StatusReaction
from bot.rest.api import Gone, PermanentError, TryLater
from bot.rest.backoff import ATTEMPTS
from pool.journal.journal import Journal
from tests.bot.fake_discord import AnswerLost, Board, pacing, scratch_journal, settle
from tests.support.virtual_time import elapse

pytestmark = pytest.mark.virtual_time

CHANNEL, MESSAGE = 7, 8


@asynccontextmanager
async def signing(board: Board) -> AsyncIterator[tuple[StatusReaction, Journal]]:
    """Have a reaction on a message of the board, and a journal."""
    with scratch_journal() as journal:
        async with pacing(board):
            yield StatusReaction(CHANNEL, MESSAGE, api=board, kept=journal.reactions), journal


async def test_a_new_sign_comes_before_the_old_one_goes() -> None:
    """There is always one to be seen."""
    board = Board()
    async with signing(board) as (sign, *_):
        sign.show(EYE)
        await settle()
        sign.show(DONE)
        await settle()
    assert board.reactions == {(MESSAGE, DONE)}
    assert [(call.what, call.content) for call in board.calls] == [("react", EYE), ("react", DONE), ("unreact", EYE)]


async def test_wishes_that_were_never_shown_cost_nothing() -> None:
    """Only the newest counts when a call may be made."""
    board = Board()
    board.held = asyncio.Event()
    async with signing(board) as (sign, *_):
        for emoji in (EYE, WAITING, EYE, None, DONE):
            sign.show(emoji)
            await elapse(0.01)
        board.held.set()
        await settle()
    assert board.reactions == {(MESSAGE, DONE)}
    assert [(call.what, call.content) for call in board.calls] == [("react", EYE), ("react", DONE), ("unreact", EYE)]


async def test_a_reaction_that_is_refused_ends_nothing() -> None:
    """A later wish is tried."""
    board = Board()
    board.faults.append(PermanentError("Reaction blocked"))
    async with signing(board) as (sign, *_):
        sign.show(EYE)
        await settle()
        sign.show(DONE)
        await settle()
    assert board.reactions == {(MESSAGE, DONE)}


@pytest.mark.parametrize("lost", [TryLater("503"), AnswerLost("reset by peer")], ids=["failed", "took effect"])
async def test_the_eye_does_not_stay_because_discord_was_busy(lost: Exception) -> None:
    """Each change is tried again (P70); what an earlier try took away already is gone, and that is all right."""
    board = Board()
    async with signing(board) as (sign, *_):
        sign.show(EYE)
        await settle()
        board.faults.extend([lost, None, lost, Gone("Unknown Message") if isinstance(lost, AnswerLost) else None])
        sign.show(DONE)
        await settle()
        assert board.reactions == {(MESSAGE, DONE)}
        assert board.whats == ["react", "react", "react", "unreact", "unreact"]
        sign.show(None)
        await settle()
    assert board.reactions == set()


async def test_a_sign_that_discord_never_takes_is_given_up() -> None:
    """After minutes; the next wish is a reason to try anew."""
    board = Board()
    board.faults.extend([TryLater("503")] * ATTEMPTS)
    async with signing(board) as (sign, *_):
        sign.show(EYE)
        await elapse(3600)
        assert board.whats == ["react"] * ATTEMPTS
        sign.show(DONE)
        await settle()
    assert board.reactions == {(MESSAGE, DONE)}


async def test_a_sign_that_may_have_been_put_on_is_taken_away() -> None:
    """Nobody heard that the eye is there when it is no longer wanted."""
    board = Board()
    board.faults.append(AnswerLost("reset by peer"))
    async with signing(board) as (sign, journal):
        sign.show(EYE)
        await elapse(0.15)
        assert board.reactions == {(MESSAGE, EYE)}
        sign.show(None)
        await settle()
        assert journal.reactions.all() == {}
    assert board.reactions == set()


async def test_what_a_killed_bot_left_is_written_down_and_goes_with_the_next_sign() -> None:
    """Before it is put on, until it is gone: whichever signs stand when the next run begins. What stays is not kept."""
    board, late = Board(), Board()
    async with pacing(late), signing(board) as (sign, journal):
        board.held = asyncio.Event()
        sign.show(EYE)
        await settle()
        assert journal.reactions.all() == {MESSAGE: (CHANNEL, [EYE])}
        board.held.set()
        await settle()
        board.held = asyncio.Event()
        sign.show(WAITING)
        await settle()
        late.reactions = {(MESSAGE, EYE), (MESSAGE, WAITING)}
        _, emoji = journal.reactions.all()[MESSAGE]
        left = StatusReaction(CHANNEL, MESSAGE, api=late, kept=journal.reactions, left=emoji)
        left.show(DONE)
        await settle()
        assert late.reactions == {(MESSAGE, DONE)}
        assert journal.reactions.all() == {}
