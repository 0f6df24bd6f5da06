"""Sixty turns that begin and end together: more than Discord's fifty calls a second, all of which go to texts."""

import asyncio
from collections import Counter

import pytest

from acp import Text
from bot.config.appearance import DONE, EYE
from bot.reply.reply import Reply
from bot.reply.status_reactions import StatusReaction
from bot.reply.typing_indicator import TypingIndicator
from bot.rest.rate_limits import TOTAL_CALLS
from pool.journal.journal import Journal
from tests.bot.fake_discord import FakeDiscord, accepted, pacing, scratch_journal, settle
from tests.support.virtual_time import elapse

pytestmark = pytest.mark.virtual_time

TURNS = 60
SECONDS = 4


async def take_turn(number: int, board: FakeDiscord, journal: Journal) -> None:
    """Show what the bot shows of a turn; the agent's text begins a moment after the message."""
    key, thread_id = 100 + number, 1_000 + number
    accepted(journal, key, thread_id=thread_id)
    reaction = StatusReaction(thread_id, key, api=board, kept=journal.reactions)
    reply = Reply(key, api=board, journal=journal, on_settled=lambda _: reaction.show(DONE))
    reaction.show(EYE)
    reply.placeholder("⏳")
    reply.start(thread_id)
    typing = TypingIndicator(thread_id, api=board, wanted=lambda: not reply.ended)
    typing.start()
    for step in range(10 * SECONDS):
        await elapse(0.1)
        reply.apply(Text(f"{number}.{step} "))
    typing.stop()
    reply.line(f"-# turn {number} is over")
    reply.end()
    await reply.settled.wait()


async def test_turns_that_begin_and_end_together_spend_their_calls_on_texts() -> None:
    """Each turn begins with one send and ends with one edit, and its last reaction comes when the rush is over."""
    board = FakeDiscord()
    board.latency = 0.04
    with scratch_journal() as journal:
        async with pacing(board):
            began = asyncio.get_running_loop().time()
            await asyncio.gather(*(take_turn(number, board, journal) for number in range(TURNS)))
            await settle()
    first = Counter(call.what for call in board.calls if call.at < began + 1)
    assert first["send"] >= TOTAL_CALLS - 10, "before the texts there is time for a few reactions"
    assert [call.what for call in board.calls].count("send") == TURNS
    assert not any(call.content == "⏳" for call in board.calls)
    lasts = [call.what for call in board.calls if "is over" in call.content]
    assert lasts == ["edit"] * TURNS
    assert {emoji for _, emoji in board.reactions} == {DONE}
    assert len(board.reactions) == TURNS
