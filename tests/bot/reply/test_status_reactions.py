"""One reaction on a message: the last `show` wins."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from bot.config.appearance import DONE, EYE, FAILED, TAKEN_IN, WAITING
from bot.reply.status_reactions import StatusReaction
from bot.rest.backoff import ATTEMPTS
from bot.rest.call_scheduler import LOW_PATIENCE
from bot.rest.errors import Gone, PermanentError, TryLater
from pool.journal.journal import Journal
from tests.bot.fake_discord import AnswerLost, FakeDiscord, pacing, rush, scratch_journal, settle
from tests.support.virtual_time import elapse

pytestmark = pytest.mark.virtual_time

CHANNEL, MESSAGE = 7, 8


@asynccontextmanager
async def reaction_on(board: FakeDiscord) -> AsyncIterator[tuple[StatusReaction, Journal]]:
    """Have a reaction on a message of the board, and a journal."""
    with scratch_journal() as journal:
        async with pacing(board):
            yield StatusReaction(CHANNEL, MESSAGE, api=board, kept=journal.reactions), journal


async def test_a_new_reaction_comes_before_the_old_one_goes() -> None:
    """A person always sees one."""
    board = FakeDiscord()
    async with reaction_on(board) as (reaction, *_):
        reaction.show(EYE)
        await settle()
        reaction.show(DONE)
        await settle()
    assert board.reactions == {(MESSAGE, DONE)}
    assert [(call.what, call.content) for call in board.calls] == [("react", EYE), ("react", DONE), ("unreact", EYE)]


async def test_reactions_that_were_replaced_before_their_turn_cost_no_call() -> None:
    """Only the newest counts when a call may be made."""
    board = FakeDiscord()
    board.held = asyncio.Event()
    async with reaction_on(board) as (reaction, *_):
        for emoji in (EYE, WAITING, EYE, None, DONE):
            reaction.show(emoji)
            await elapse(0.01)
        board.held.set()
        await settle()
    assert board.reactions == {(MESSAGE, DONE)}
    assert [(call.what, call.content) for call in board.calls] == [("react", EYE), ("react", DONE), ("unreact", EYE)]


async def test_a_reaction_gives_way_while_calls_are_scarce_and_only_the_last_one_comes_for_certain() -> None:
    """The eye is given up though its patience ends in the rush; the end waits as long from its own time on."""
    board = FakeDiscord()
    async with reaction_on(board) as (reaction, *_), rush(board):
        reaction.show(EYE)
        await elapse(LOW_PATIENCE + 5)
        reaction.show(DONE)
        await elapse(LOW_PATIENCE - 5)
        assert board.calls == []
        await elapse(10)
        assert [(call.what, call.content) for call in board.calls] == [("react", DONE)]


@pytest.mark.parametrize("emoji", [WAITING, TAKEN_IN, FAILED])
async def test_a_reaction_that_says_more_than_the_reply_is_late_and_not_given_up(emoji: str) -> None:
    """Nothing in the thread says the same."""
    board = FakeDiscord()
    async with reaction_on(board) as (reaction, *_), rush(board):
        reaction.show(emoji)
        await elapse(LOW_PATIENCE + 5)
        assert board.reactions == {(MESSAGE, emoji)}


async def test_a_reaction_that_stands_stays_where_another_one_is_given_up() -> None:
    """It goes when the next one comes."""
    board = FakeDiscord()
    async with reaction_on(board) as (reaction, *_):
        reaction.show(WAITING)
        await settle()
        async with rush(board):
            reaction.show(EYE)
            await elapse(LOW_PATIENCE + 5)
            assert board.reactions == {(MESSAGE, WAITING)}
        reaction.show(DONE)
        await settle()
        assert board.reactions == {(MESSAGE, DONE)}


async def test_a_reaction_that_is_refused_ends_nothing() -> None:
    """A later one is tried."""
    board = FakeDiscord()
    board.faults.append(PermanentError("Reaction blocked"))
    async with reaction_on(board) as (reaction, *_):
        reaction.show(EYE)
        await settle()
        reaction.show(DONE)
        await settle()
    assert board.reactions == {(MESSAGE, DONE)}


@pytest.mark.parametrize("lost", [TryLater("503"), AnswerLost("reset by peer")], ids=["failed", "took effect"])
async def test_the_eye_does_not_stay_because_discord_was_busy(lost: Exception) -> None:
    """Each change is tried again (P70); a reaction that an earlier try has removed is gone, which is right."""
    board = FakeDiscord()
    async with reaction_on(board) as (reaction, *_):
        reaction.show(EYE)
        await settle()
        board.faults.extend([lost, None, lost, Gone("Unknown Message") if isinstance(lost, AnswerLost) else None])
        reaction.show(DONE)
        await settle()
        assert board.reactions == {(MESSAGE, DONE)}
        assert board.whats == ["react", "react", "react", "unreact", "unreact"]
        reaction.show(None)
        await settle()
    assert board.reactions == set()


async def test_a_reaction_that_discord_never_takes_is_given_up() -> None:
    """After minutes; the next one is a reason to try again."""
    board = FakeDiscord()
    board.faults.extend([TryLater("503")] * ATTEMPTS)
    async with reaction_on(board) as (reaction, *_):
        reaction.show(EYE)
        await elapse(3600)
        assert board.whats == ["react"] * ATTEMPTS
        reaction.show(DONE)
        await settle()
    assert board.reactions == {(MESSAGE, DONE)}


async def test_a_reaction_that_may_have_been_added_is_removed() -> None:
    """The answer that the eye is there was lost, and the eye is no longer wanted."""
    board = FakeDiscord()
    board.faults.append(AnswerLost("reset by peer"))
    async with reaction_on(board) as (reaction, journal):
        reaction.show(EYE)
        await elapse(0.15)
        assert board.reactions == {(MESSAGE, EYE)}
        reaction.show(None)
        await settle()
        assert journal.reactions.all() == {}
    assert board.reactions == set()


async def test_a_reaction_that_a_killed_bot_left_goes_with_the_next_one() -> None:
    """The journal has it from before it is added until it is removed; one that is to stay is not written down."""
    board, late = FakeDiscord(), FakeDiscord()
    async with pacing(late), reaction_on(board) as (reaction, journal):
        board.held = asyncio.Event()
        reaction.show(EYE)
        await settle()
        assert journal.reactions.all() == {MESSAGE: (CHANNEL, [EYE])}
        board.held.set()
        await settle()
        board.held = asyncio.Event()
        reaction.show(WAITING)
        await settle()
        late.reactions = {(MESSAGE, EYE), (MESSAGE, WAITING)}
        _, emoji = journal.reactions.all()[MESSAGE]
        left = StatusReaction(CHANNEL, MESSAGE, api=late, kept=journal.reactions, left=emoji)
        left.show(DONE)
        await settle()
        assert late.reactions == {(MESSAGE, DONE)}
        assert journal.reactions.all() == {}
