"""The recovery of an earlier run's work: a real journal and pool, agents and a Discord in memory."""

import asyncio
import json
import re
import time
from collections.abc import Collection, Iterator
from itertools import count, pairwise
from pathlib import Path
from typing import Any

import discord
import pytest
from structlog.testing import capture_logs

from acp.schema import PromptCapabilities, TextBlock
from bot.config.appearance import DONE, EYE, FAILED, WAITING
from bot.conversation.exchange import Exchange
from bot.intake.interrupted_turns import CHOICE_SECONDS
from bot.intake.recovery import SLICE
from bot.prompt.request import Request, write_request
from bot.reply.notices import CONFIRMING, HELD, INTERRUPTED, UNCONFIRMED
from bot.rest.errors import PermanentError, TryLater
from bot.rest.mentions import NO_MENTIONS, Mentions
from bot.user_messages import notices, outcomes, places, queue, restarts, to_agents
from pool.exchange import Notice
from pool.journal.errors import JournalUnwritable
from pool.journal.journal import Journal
from pool.journal.message_states import MessageState
from pool.journal.messages import KEPT_SECONDS
from pool.journal.notices import NoticeRow
from pool.journal.posted_requests import PostedRequest
from pool.journal.questions import OpenQuestion
from pool.journal.trailers import FIRST_TRAILER, DataFile, Trailer
from pool.place_news import Moved
from tests.bot.fake_discord import FakeDiscord, Message, settle
from tests.bot.restarted_bot import ADA, ASKED, CHANNEL, KEPT, THREAD, UNDECIDED, left, restarted
from tests.pool.journals import LARGE, no_room
from tests.pool.pool_harness import prompt_text
from tests.support.virtual_time import elapse, quiet, step

pytestmark = pytest.mark.virtual_time


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    """The journal of an earlier run."""
    with Journal.open(tmp_path / "journal.db") as journal:
        yield journal


# ---- reactions


async def test_very_many_reactions_of_an_earlier_run_are_ended_some_at_a_time(
    tmp_path: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each reads the journal; after a cancellation the next READY continues."""
    for number in range(100, 100 + 3 * SLICE):
        left(journal, number, MessageState.CLOSED)
        journal.reactions.put(THREAD, number, EYE)
    async with restarted(journal, tmp_path, reactions=True) as it:
        ended: list[int] = []
        end_reactions = it.context.end_reactions

        def end(message_ids: Collection[int]) -> None:
            ended.append(len(message_ids))
            end_reactions(message_ids)

        monkeypatch.setattr(it.context, "end_reactions", end)
        beginning = asyncio.create_task(it.recovery.begin())
        await step()
        assert ended == [SLICE]
        beginning.cancel()
        await asyncio.wait([beginning])
        await it.recovered()
        assert ended == [SLICE] * 3
        assert it.board.reactions == {(number, FAILED) for number in range(100, 100 + 3 * SLICE)}


async def test_a_message_that_has_ended_keeps_no_outdated_reaction(tmp_path: Path, journal: Journal) -> None:
    """P70: the bot was killed between recording the end and changing the reaction. It happens once."""
    for message_id, state in (
        (100, MessageState.FINISHED),
        (101, MessageState.CLOSED),
        (102, MessageState.FINISHED),
    ):
        left(journal, message_id, state)
    journal.messages.answer((100,))
    left(journal, 103, MessageState.RECEIVED)
    journal.messages.close((103,), "dropped")
    for message_id in range(100, 104):
        for emoji in (EYE, WAITING):
            journal.reactions.put(THREAD, message_id, emoji)
    async with restarted(journal, tmp_path, reactions=True) as it:
        it.board.reactions = {(message_id, emoji) for message_id in range(100, 104) for emoji in (EYE, WAITING)}
        await it.recovered()
        assert it.board.reactions == {(100, DONE), (101, FAILED), (102, DONE)}
        assert journal.reactions.all() == {}
    async with restarted(journal, tmp_path, reactions=True) as it:
        await it.recovered()
        assert it.board.calls == []


async def test_a_message_that_is_skipped_loses_its_eye(tmp_path: Path, journal: Journal) -> None:
    """The reaction stays while a person may decide."""
    left(journal, 100, MessageState.PROMPTED)
    journal.reactions.put(THREAD, 100, EYE)
    async with restarted(journal, tmp_path, reactions=True) as it:
        it.board.reactions.add((100, EYE))
        await it.recovered()
        assert it.board.reactions == {(100, EYE)}
        assert it.decide(100, retry=False) == "skipped the interrupted request."
        await settle()
        assert it.board.reactions == set()


# ---- received


async def test_received_messages_are_answered_once_and_in_order(tmp_path: Path, journal: Journal) -> None:
    """Invariant 7; a later READY finds no more work (P1, P3)."""
    for message_id in (102, 100, 101):
        left(journal, message_id, MessageState.RECEIVED)
    async with restarted(journal, tmp_path) as it:
        assert await it.recovered() == []
        assert it.prompts == ["request 100", "request 101", "request 102"]
        assert it.shown == ["request 100", "request 101", "request 102"]
        assert [it.state(number) for number in (100, 101, 102)] == [MessageState.ANSWERED] * 3
        calls = len(it.board.calls)
        assert await it.recovered() == []
        assert len(it.board.calls) == calls
        assert len(it.prompts) == 3


async def test_a_message_received_in_a_channel_waits_for_its_thread(tmp_path: Path, journal: Journal) -> None:
    """After a kill between the message and its thread, the thread is opened first, then the agent prompted (P1)."""
    left(journal, THREAD, MessageState.RECEIVED, channel_id=CHANNEL)
    left(journal, 101, MessageState.RECEIVED)
    async with restarted(journal, tmp_path) as it:
        (exchange,) = await it.recovered()
        assert exchange.request.message_id == THREAD
        assert it.prompts == []
        exchange.opened(THREAD)
        await settle()
        assert it.prompts == ["request 20", "request 101"]
        assert it.shown == ["request 20", "request 101"]


async def test_an_unreadable_request_is_closed_and_the_others_continue(tmp_path: Path, journal: Journal) -> None:
    """Every row ends, and a damaged one delays no other."""
    place: dict[str, Any] = {"thread_id": THREAD, "channel_id": CHANNEL, "guild_id": 1, "author_id": ADA}
    for message_id in (99, 98):
        journal.messages.receive(message_id, **place, request="{")
    journal.messages.close((98,), "failed", ["sorry"])
    left(journal, 100, MessageState.RECEIVED)
    async with restarted(journal, tmp_path) as it:
        with capture_logs() as logs:
            await it.recovered()
        assert [log["message_id"] for log in logs if "cannot be read" in log["event"]] == [98, 99]
        assert [it.state(number) for number in (98, 99, 100)] == [
            MessageState.CLOSED,
            MessageState.CLOSED,
            MessageState.ANSWERED,
        ]
        assert journal.messages.open_rows() == []


async def test_held_messages_stay_held_and_are_shown_again(tmp_path: Path, journal: Journal) -> None:
    """The notice has its buttons, and no turn runs until one is pressed (P28, P52)."""
    left(journal, 100, MessageState.HELD)
    left(journal, 101, MessageState.HELD)
    async with restarted(journal, tmp_path) as it:
        await it.recovered()
        (notice,) = it.board.messages.values()
        assert notice.content == queue.held(2)
        assert [button.label for button in notice.buttons] == ["Continue", "Drop all"]
        await elapse(CHOICE_SECONDS * 2)
        assert it.prompts == []
        conversation = it.pool.conversation(THREAD)
        assert conversation is not None
        assert repr(conversation) == "<20 asleep, 2 held>"
        conversation.resume()
        await settle()
        assert it.prompts == ["request 100", "request 101"]


async def test_held_messages_behind_an_interrupted_turn_are_not_released_by_time(
    tmp_path: Path, journal: Journal
) -> None:
    """The ten minutes are for messages that are not held (P28)."""
    left(journal, 100, MessageState.PROMPTED)
    left(journal, 101, MessageState.HELD)
    async with restarted(journal, tmp_path) as it:
        await it.recovered()
        await elapse(CHOICE_SECONDS * 2)
        assert it.prompts == []
        assert repr(it.pool.conversation(THREAD)) == "<20 asleep, 1 held>"


# ---- interrupted


async def test_an_interrupted_prompt_is_not_sent_again_by_itself(tmp_path: Path, journal: Journal) -> None:
    """The author is asked by name; waiting messages continue after ten minutes, which ends the question and the row."""
    left(journal, 100, MessageState.PROMPTED)
    left(journal, 101, MessageState.RECEIVED)
    async with restarted(journal, tmp_path) as it:
        await it.recovered()
        assert it.notice.content.startswith(ASKED)
        assert [button.label for button in it.notice.buttons] == ["Retry", "Skip"]
        assert journal.threads.asker(THREAD) == ADA
        assert it.prompts == []
        await elapse(CHOICE_SECONDS)
        assert it.prompts == ["request 101"]
        assert sorted(it.shown) == sorted([UNDECIDED, "request 101"])
        assert it.notice.buttons == []
        assert [it.state(100), it.state(101)] == [MessageState.CLOSED, MessageState.ANSWERED]
        assert journal.messages.row(100).reason == "interrupted"  # type: ignore[union-attr]
        assert it.decide(100, retry=True) == UNDECIDED.removeprefix("-# ")
        assert journal.notices.all() == []


def _asked(waiting: int, *, timed: bool = True) -> re.Pattern[str]:
    """Return what the question says while so many messages wait behind it."""
    asked = restarts.interrupted(ADA, f"https://discord.com/channels/1/{THREAD}/100", waiting=waiting, until=1.0)
    if not timed:
        return re.compile(re.escape(asked.replace(" or <t:1:R>", "")) + r"\Z")
    return re.compile(re.escape(asked).replace("<t:1:R>", r"<t:\d+:R>") + r"\Z")


async def test_a_question_about_an_interrupted_turn_is_all_that_says_what_waits_behind_it(
    tmp_path: Path, journal: Journal
) -> None:
    """It counts the messages, and says when they are sent without a choice; a notice of an earlier version ends."""
    left(journal, 100, MessageState.PROMPTED)
    left(journal, 101, MessageState.RECEIVED)
    left(journal, 102, MessageState.RECEIVED)
    journal.notices.begin(NoticeRow("hold", THREAD, HELD, 0, time.time(), queue.held(2), None))
    journal.notices.posted("hold", -9)
    async with restarted(journal, tmp_path) as it:
        it.stands(-9, queue.held(2), buttons=["Continue", "Drop all"])
        await it.recovered()
        (shown,) = it.shown
        assert _asked(2).match(shown)
        conversation = it.pool.conversation(THREAD)
        assert conversation is not None
        conversation.withdraw(conversation.queue[0], "dropped")
        await settle()
        (shown,) = it.shown
        assert _asked(1).match(shown)
        conversation.cancel(ADA)
        await settle()
        (shown,) = it.shown
        assert _asked(1, timed=False).match(shown)
        board = it.board
    async with restarted(journal, tmp_path, board=board) as it:
        await it.recovered()
        (shown,) = it.shown
        assert _asked(1, timed=False).match(shown)
        assert it.decide(100, retry=False) == "skipped the interrupted request."
        await settle()
        assert it.prompts == ["request 102"]
        assert journal.notices.all() == []


async def test_a_question_counts_what_waits_behind_it_now_after_another_restart(
    tmp_path: Path, journal: Journal
) -> None:
    """A message that waited may have ended while the bot was away; the buttons still act."""
    left(journal, 100, MessageState.PROMPTED)
    left(journal, 101, MessageState.RECEIVED)
    async with restarted(journal, tmp_path) as it:
        await it.recovered()
        board = it.board
    journal.messages.close((101,), "deleted")
    async with restarted(journal, tmp_path, board=board) as it:
        await it.recovered()
        assert it.shown == [ASKED]
        assert [button.label for button in it.notice.buttons] == ["Retry", "Skip"]
        assert it.decide(100, retry=True) == "sent the interrupted request again."


async def test_a_message_written_while_the_bot_was_away_waits_for_the_decision_too(
    tmp_path: Path, journal: Journal
) -> None:
    """Its author could not see the question; a new message's author has seen it, which ends it."""
    left(journal, 100, MessageState.PROMPTED)
    async with restarted(journal, tmp_path) as it:
        await it.recovered()
        assert it.recovery.interruptions.seconds_left(THREAD) > CHOICE_SECONDS - 60
        assert it.recovery.interruptions.seconds_left(THREAD + 1) == 0.0
        (asked,) = it.board.messages
        assert not it.recovery.interruptions.asked_before(THREAD, asked - 1)
        assert it.recovery.interruptions.asked_before(THREAD, asked + 1)
        missed, later = (it.say(message_id) for message_id in (101, 102))
        it.pool.wait(THREAD, missed, CHOICE_SECONDS)
        await settle()
        assert it.prompts == []
        assert _asked(1).match(it.shown[0])
        it.pool.submit(THREAD, later)
        await settle()
        assert it.prompts == ["request 101", "request 102"]
        assert (it.state(100), it.shown[0]) == (MessageState.CLOSED, UNDECIDED)
        assert it.recovery.interruptions.seconds_left(THREAD) == 0.0
        for thread_id, told in (
            (THREAD, UNDECIDED),
            (THREAD + 1, restarts.ALREADY_DECIDED),
        ):  # A press that comes too late.
            assert it.recovery.interruptions.decide(thread_id, 100, retry=True, by=ADA) == told


async def test_over_several_restarts_waiting_messages_are_held_for_ten_minutes_in_total(
    tmp_path: Path, journal: Journal
) -> None:
    """The time counts from the first question, which is asked once. A clock that was set back does not extend it."""
    left(journal, 100, MessageState.PROMPTED)
    left(journal, 101, MessageState.RECEIVED)
    async with restarted(journal, tmp_path) as it:
        await it.recovered()
        board = it.board
    for passed in (-7200, 400, 700):
        journal._db.execute("UPDATE notices SET since = ?", (time.time() - passed,))
        async with restarted(journal, tmp_path, board=board) as it:
            assert await it.recovery.begin() == []
            await it.recovery.finish()
            held = it.pool.conversation(THREAD)
            assert (held is not None and held.held) is (passed < CHOICE_SECONDS)
            assert it.recovery.interruptions.seconds_left(THREAD) <= CHOICE_SECONDS
    async with restarted(journal, tmp_path, board=board) as it:
        await it.recovered()
        assert [it.state(100), it.state(101)] == [MessageState.CLOSED, MessageState.ANSWERED]
        assert UNDECIDED in it.shown


async def test_a_question_without_a_decision_for_a_month_ends(tmp_path: Path, journal: Journal) -> None:
    """Ended rows are deleted then, and in a quiet thread it would never end."""
    left(journal, 100, MessageState.PROMPTED)
    async with restarted(journal, tmp_path) as it:
        await it.recovered()
        board = it.board
    journal._db.execute("UPDATE notices SET since = ?", (time.time() - KEPT_SECONDS / 2,))
    async with restarted(journal, tmp_path, board=board) as it:
        await it.recovered()
        assert (it.state(100), it.shown) == (MessageState.PROMPTED, [ASKED])
    journal._db.execute("UPDATE notices SET since = ?", (time.time() - KEPT_SECONDS - 60,))
    async with restarted(journal, tmp_path, board=board) as it:
        await it.recovered()
        assert (it.state(100), it.shown) == (MessageState.CLOSED, [UNDECIDED])
        assert journal.messages.open_rows() == []


async def test_the_question_about_a_thread_that_is_gone_ends_with_it(tmp_path: Path, journal: Journal) -> None:
    """Its row ends too; other threads are not affected."""
    left(journal, 100, MessageState.PROMPTED)
    async with restarted(journal, tmp_path) as it:
        await it.recovered()
        it.recovery.interruptions.thread_deleted(THREAD + 1)
        assert it.state(100) is MessageState.PROMPTED
        it.recovery.interruptions.thread_deleted(THREAD)
        assert it.state(100) is MessageState.CLOSED
        await settle()
        assert journal.notices.all() == []


@pytest.mark.parametrize("behind", [1, 4])
async def test_retry_sends_the_same_prompt_first_and_says_that_it_is_the_second_time(
    tmp_path: Path, journal: Journal, behind: int
) -> None:
    """It is before all waiting messages, for the agent and in the thread; the first try's draft stays (P4)."""
    waiting = range(101, 101 + behind)
    left(journal, 100, MessageState.PROMPTED)
    journal.sent_pages.intend(100, 0, "a draft")
    journal.sent_pages.posted(100, 0, 1)
    for message_id in waiting:
        left(journal, message_id, MessageState.RECEIVED)
    async with restarted(journal, tmp_path) as it:
        it.board._nonces["64.0.0"] = 1  # Discord still remembers the first try's.
        it.stands(1, "a draft")
        it.board._ids = iter(range(2, 100))  # type: ignore[assignment]
        await it.recovered()
        assert it.decide(100, retry=True) == "sent the interrupted request again."
        await settle()
        assert it.prompts == ["request 100", *(f"request {number}" for number in waiting)]
        (first,) = [each for each in it.factory.agents[0].received if each.get("method") == "session/prompt"][:1]
        assert prompt_text(first) == to_agents.INTERRUPTED
        answers = [to_agents.INTERRUPTED, *(f"request {number}" for number in waiting)]
        assert [text for text in it.shown if text in answers] == answers
        assert set(it.shown) == {
            f"a draft\n{outcomes.CUT_OFF}",
            f"-# <@{ADA}> sent the interrupted request again.",
            *answers,
        }
        assert {it.state(number) for number in (100, *waiting)} == {MessageState.ANSWERED}
        assert it.decide(100, retry=True) == "This was already decided."
        assert it.decide(100, retry=False) == "This was already decided."


async def test_a_decision_that_cannot_be_recorded_can_be_made_again(tmp_path: Path, journal: Journal) -> None:
    """With a full disk it has no effect, and the question stays."""
    left(journal, 100, MessageState.PROMPTED)
    async with restarted(journal, tmp_path) as it:
        await it.recovered()
        with no_room(journal):
            journal.facts.note("owed", LARGE)
            with pytest.raises(JournalUnwritable):
                it.decide(100, retry=True)
            await settle()
            assert (it.prompts, it.notice.content) == ([], ASKED)
        assert it.decide(100, retry=True) == "sent the interrupted request again."
        await settle()
        assert it.prompts == ["request 100"]


@pytest.mark.parametrize("late", [False, True], ids=["before the choice", "after the choice"])
async def test_a_second_try_has_none_of_the_messages_of_the_first(
    tmp_path: Path, journal: Journal, *, late: bool
) -> None:
    """That holds whenever the first draft is finished: another restart counts only the second try's messages."""
    left(journal, 100, MessageState.PROMPTED, "hang")
    for number in range(2):
        journal.sent_pages.intend(100, number, f"draft {number}")
        journal.sent_pages.posted(100, number, number - 9)
    async with restarted(journal, tmp_path) as it:
        for number in range(2):
            it.stands(number - 9, f"draft {number}")
        if late:
            await it.recovery.begin()
            ending = asyncio.create_task(it.recovery.finish())
        else:
            await it.recovered()
        assert it.decide(100, retry=True) == "sent the interrupted request again."
        if late:
            await ending
        await settle()
        assert it.prompts == ["hang"]
        assert {post.message_id for post in journal.sent_pages.of(100)}.isdisjoint({-9, -8})


async def test_messages_that_were_sent_together_are_asked_about_and_sent_again_together(
    tmp_path: Path, journal: Journal
) -> None:
    """They have one question, one prompt and one reply; a skip closes all of them."""
    for message_id in (100, 102, 104, 106):
        left(journal, message_id, MessageState.RECEIVED)
    journal.messages.prompted((100, 102), KEPT % "both")
    journal.messages.prompted((104, 106), KEPT % "others")
    async with restarted(journal, tmp_path) as it:
        await it.recovered()
        assert len([text for text in it.board.shown if "restarted" in text]) == 2
        assert it.decide(100, retry=True) == "This was already decided."
        assert it.decide(102, retry=True) == "sent the interrupted request again."
        assert it.decide(106, retry=False) == "skipped the interrupted request."
        await settle()
        assert it.prompts == ["both"]
        assert [it.state(number) for number in (100, 102)] == [MessageState.ANSWERED] * 2
        assert [it.state(number) for number in (104, 106)] == [MessageState.CLOSED] * 2


BOTH = '[{"type": "text", "text": "one"}, {"type": "text", "text": "two"}]'
"""The stored prompt of a turn into which another message was sent."""


@pytest.mark.parametrize("into", [99, 101], ids=["an older message", "a newer message"])
async def test_what_was_sent_into_a_turn_is_asked_about_and_sent_again_with_it(
    tmp_path: Path, journal: Journal, into: int
) -> None:
    """In one prompt, in order, behind the words that say so. The question is about the message of the turn."""
    left(journal, 100, MessageState.PROMPTED)
    left(journal, into, MessageState.RECEIVED)
    journal.messages.join((into,), 100, BOTH)
    async with restarted(journal, tmp_path) as it:
        await it.recovered()
        assert it.notice.content == ASKED
        assert it.decide(into, retry=True) == "This was already decided."
        assert it.decide(100, retry=True) == "sent the interrupted request again."
        await settle()
        (sent,) = [each for each in it.factory.agents[0].received if each.get("method") == "session/prompt"]
        assert [block["text"] for block in sent["params"]["prompt"]] == [to_agents.INTERRUPTED, "one", "two"]
        assert [it.state(number) for number in (100, into)] == [MessageState.ANSWERED] * 2


async def test_what_was_sent_into_a_turn_is_skipped_with_it(tmp_path: Path, journal: Journal) -> None:
    """And its offer to send it again ends: the question is about both."""
    left(journal, 100, MessageState.PROMPTED)
    left(journal, 101, MessageState.RECEIVED)
    journal.messages.join((101,), 100, BOTH)
    journal.notices.begin(NoticeRow("offer", THREAD, UNCONFIRMED, 101, time.time(), "offer", None))
    async with restarted(journal, tmp_path) as it:
        await it.recovered()
        assert it.context.notices.of(UNCONFIRMED) == []
        assert it.decide(100, retry=False) == "skipped the interrupted request."
        await settle()
        assert it.prompts == []
        assert [it.state(number) for number in (100, 101)] == [MessageState.CLOSED] * 2


async def test_what_a_turn_did_not_take_in_is_sent_after_the_choice(tmp_path: Path, journal: Journal) -> None:
    """It is received again, and has kept nothing of the turn."""
    left(journal, 100, MessageState.PROMPTED)
    left(journal, 101, MessageState.RECEIVED)
    journal.messages.join((101,), 100, BOTH)
    journal.messages.leave((101,), 100, KEPT % "one")
    async with restarted(journal, tmp_path) as it:
        await it.recovered()
        assert it.prompts == []
        assert it.decide(100, retry=True) == "sent the interrupted request again."
        await settle()
        assert it.prompts == ["one", "request 101"]


async def test_a_turn_that_the_agent_began_by_itself_is_asked_about_alone(tmp_path: Path, journal: Journal) -> None:
    """The turn into which the message was sent has ended, and its answer is posted."""
    left(journal, 100, MessageState.PROMPTED)
    left(journal, 101, MessageState.RECEIVED)
    journal.messages.join((101,), 100, BOTH)
    journal.messages.part((101,), 100, KEPT % "one", KEPT % "two")
    journal.messages.finish((100,), "end_turn", ["the answer"])
    async with restarted(journal, tmp_path) as it:
        await it.recovered()
        assert "the answer" in it.shown
        assert it.decide(101, retry=True) == "sent the interrupted request again."
        await settle()
        assert it.prompts == ["two"]
        assert [it.state(number) for number in (100, 101)] == [MessageState.ANSWERED] * 2


async def test_an_answer_to_a_turn_that_took_messages_in_is_posted_to_its_end(tmp_path: Path, journal: Journal) -> None:
    """Once, and all of its messages are answered. An offer to send one again stays."""
    left(journal, 100, MessageState.PROMPTED)
    left(journal, 101, MessageState.RECEIVED)
    journal.messages.join((101,), 100, BOTH)
    journal.messages.finish((101, 100), "end_turn", ["the answer"])
    journal.notices.begin(NoticeRow("offer", THREAD, UNCONFIRMED, 101, time.time(), "offer", 1))
    async with restarted(journal, tmp_path) as it:
        it.stands(1, "offer")
        await it.recovered()
        assert it.board.shown.count("the answer") == 1
        assert [it.state(number) for number in (100, 101)] == [MessageState.ANSWERED] * 2
        assert it.context.notices.of(UNCONFIRMED) == [(THREAD, 101)]


async def test_a_reply_to_several_messages_is_posted_to_its_end(tmp_path: Path, journal: Journal) -> None:
    """It is posted once, and all of them are answered."""
    for message_id in (100, 102):
        left(journal, message_id, MessageState.RECEIVED)
    journal.messages.prompted((100, 102), KEPT % "both")
    journal.messages.finish((100, 102), "end_turn", ["one answer"])
    async with restarted(journal, tmp_path) as it:
        await it.recovered()
        await settle()
        assert it.board.shown == ["one answer"]
        assert [it.state(number) for number in (100, 102)] == [MessageState.ANSWERED] * 2


async def test_skip_closes_the_request_and_continues_with_the_others(tmp_path: Path, journal: Journal) -> None:
    """They continue immediately, and the notice names the person."""
    left(journal, 100, MessageState.PROMPTED)
    left(journal, 101, MessageState.RECEIVED)
    async with restarted(journal, tmp_path) as it:
        await it.recovered()
        assert it.decide(100, retry=False) == "skipped the interrupted request."
        await settle()
        assert it.prompts == ["request 101"]
        assert it.shown[0] == "-# <@42> skipped the interrupted request."
        assert [it.state(100), it.state(101)] == [MessageState.CLOSED, MessageState.ANSWERED]


async def test_skip_without_waiting_messages_only_closes_the_request(tmp_path: Path, journal: Journal) -> None:
    """That needs no conversation."""
    left(journal, 100, MessageState.PROMPTED)
    async with restarted(journal, tmp_path) as it:
        await it.recovered()
        assert it.pool.conversation(THREAD) is None
        assert it.decide(100, retry=False) == "skipped the interrupted request."
        assert it.state(100) is MessageState.CLOSED


async def test_a_decision_counts_only_where_it_was_offered(tmp_path: Path, journal: Journal) -> None:
    """A button of another thread, of a message that was not interrupted, or that has ended, has no effect."""
    left(journal, 100, MessageState.PROMPTED)
    async with restarted(journal, tmp_path) as it:
        await it.recovered()
        for thread_id, message_id in ((THREAD + 1, 100), (THREAD, 101)):
            assert it.decide(message_id, retry=True, thread_id=thread_id) == "This was already decided."
        journal.messages.close((100,), "by another hand")
        assert it.decide(100, retry=True) == "This was already decided."
        assert it.prompts == []


async def test_a_retry_of_a_request_that_cannot_be_read_says_so(tmp_path: Path, journal: Journal) -> None:
    """Its row ends too."""
    journal.messages.receive(100, thread_id=THREAD, channel_id=CHANNEL, guild_id=1, author_id=ADA, request="{")
    journal.messages.prompted((100,), KEPT % "x")
    async with restarted(journal, tmp_path) as it:
        await it.recovered()
        assert it.decide(100, retry=True) == "The request can no longer be read."
        assert it.state(100) is MessageState.CLOSED


async def test_a_further_restart_does_not_repeat_a_question(tmp_path: Path, journal: Journal) -> None:
    """Its buttons still work. Another message gets a question of its own."""
    left(journal, 100, MessageState.PROMPTED)
    left(journal, 101, MessageState.HELD)
    left(journal, 102, MessageState.HELD)
    async with restarted(journal, tmp_path) as it:
        await it.recovered()
        standing = it.board.messages
        asked = list(it.shown)
        assert len(asked) == 1
        assert _asked(2, timed=False).match(asked[0])
    async with restarted(journal, tmp_path) as it:
        it.board.messages = standing
        await it.recovered()
        assert it.board.whats == ["edit"]
        assert it.shown == asked
    left(journal, 90, MessageState.PROMPTED)
    async with restarted(journal, tmp_path) as it:
        it.board.messages = standing
        it.board._ids = count(50)
        await it.recovered()
        assert sorted(it.shown) == sorted([*asked, asked[0].replace("/100", "/90")])
        assert it.decide(100, retry=False) == "skipped the interrupted request."


DRAFTS = [
    pytest.param("-# ⏳ working", outcomes.CUT, id="nothing of it was there"),
    pytest.param("the beginning of an", f"the beginning of an\n{outcomes.CUT_OFF}", id="some of it was there"),
    pytest.param(f"the beginning\n{outcomes.CUT_OFF}", f"the beginning\n{outcomes.CUT_OFF}", id="it was said before"),
    pytest.param(outcomes.CUT, outcomes.CUT, id="it was said before of nothing"),
]


@pytest.mark.parametrize("known", [True, False], ids=["its message is known", "its message is not known"])
@pytest.mark.parametrize(("draft", "shown"), DRAFTS)
async def test_a_draft_says_that_it_was_cut_off_and_loses_its_button(
    tmp_path: Path, journal: Journal, draft: str, shown: str, *, known: bool
) -> None:
    """It says so once, before the question. The agent's text stays as it is (P11, P14)."""
    left(journal, 100, MessageState.PROMPTED)
    journal.sent_pages.intend(100, 0, draft)
    if known:
        journal.sent_pages.posted(100, 0, -5)
    async with restarted(journal, tmp_path) as it:
        it.stands(-6, "-# ⏳ starting")  # another thread's matter: it is neither that message nor that text
        it.stands(-5, draft, buttons=["Stop"])
        await it.recovered()
        assert it.board.messages[-5] == Message(shown)
        assert it.board.messages[-6].content == "-# ⏳ starting"
        assert it.board.whats == ["read", "edit", "send"]
        board = it.board
    async with restarted(journal, tmp_path, board=board) as it:
        await it.recovered()
        assert it.board.whats[3:] == ["read", "edit"]  # The question is brought up to date.


async def test_a_draft_with_no_room_for_it_says_in_another_message_that_it_was_cut_off(
    tmp_path: Path, journal: Journal
) -> None:
    """It keeps all of its text; the last page has the button."""
    pages = ["one", "-# not there any more", "two" * 660]
    left(journal, 100, MessageState.PROMPTED)
    for number, page in enumerate(pages):
        journal.sent_pages.intend(100, number, page)
        journal.sent_pages.posted(100, number, number - 9)
    async with restarted(journal, tmp_path) as it:
        it.stands(-9, pages[0])
        it.stands(-7, pages[2], buttons=["Stop"])
        await it.recovered()
        assert it.shown == [pages[0], pages[2], outcomes.CUT_OFF, ASKED]
        assert it.board.messages[-7].buttons == []


@pytest.mark.parametrize("ending", [outcomes.CUT_OFF, "the end"], ids=["interrupted again", "finished"])
async def test_a_retry_that_a_kill_cuts_off_too_keeps_apart_from_the_messages_of_the_first_try(
    tmp_path: Path, journal: Journal, ending: str
) -> None:
    """Discord finds a message by its nonce for minutes. The retry's end would be taken for that of the first try."""
    left(journal, 100, MessageState.PROMPTED)
    board = FakeDiscord()
    for page in (-9, 10_000):
        journal.sent_pages.drop(100)  # As Retry does.
        journal.sent_pages.intend(100, 0, "a question")
        journal.sent_pages.posted(100, 0, page)
        journal.sent_pages.break_before(100, 1)
        board.messages[page] = Message("a question")
        if page > 0 and ending != outcomes.CUT_OFF:
            journal.messages.finish((100,), "end_turn", ["a question", ending])
        async with restarted(journal, tmp_path, board=board) as it:
            await it.recovered()
    replies = sorted(["a question", outcomes.CUT_OFF, "a question", ending])
    assert sorted(text for text in it.shown if text in replies) == replies


async def test_a_reply_that_a_regular_stop_cut_off_is_completed_and_asked_about(
    tmp_path: Path, journal: Journal
) -> None:
    """The stop stored its pages, as for a finished turn; then no page is owed."""
    pages = ["one, whole", f"two\n{outcomes.CUT_OFF}"]
    left(journal, 100, MessageState.PROMPTED)
    journal.sent_pages.intend(100, 0, "one")
    journal.sent_pages.posted(100, 0, -9)
    journal.messages.interrupt((100,), pages)
    async with restarted(journal, tmp_path) as it:
        it.stands(-9, "one", buttons=["Stop"])
        await it.recovered()
        assert it.shown == [*pages, ASKED]
        assert it.board.messages[-9].buttons == []
        assert journal.messages.pages(100) == []
        assert it.decide(100, retry=True) == "sent the interrupted request again."
        await settle()
        assert it.shown[3:] == [to_agents.INTERRUPTED]


async def test_a_reply_that_a_regular_stop_cut_off_is_completed_after_an_early_decision(
    tmp_path: Path, journal: Journal
) -> None:
    """Even the start after a kill completes it: the pages are owed until they are posted."""
    pages = ["one, whole", f"two\n{outcomes.CUT_OFF}"]
    left(journal, 100, MessageState.PROMPTED)
    journal.messages.interrupt((100,), pages)
    journal.notices.begin(NoticeRow("asked", THREAD, INTERRUPTED, 100, time.time(), ASKED, None))
    journal.notices.posted("asked", -9)
    async with restarted(journal, tmp_path) as it:
        it.stands(-9, ASKED, buttons=["Retry", "Skip"])
        await it.recovery.begin()
        assert it.decide(100, retry=False) == "skipped the interrupted request."
        board = it.board
    async with restarted(journal, tmp_path, board=board) as it:
        await it.recovered()
        assert it.shown == [restarts.ALREADY_DECIDED, *pages]
        assert (journal.messages.pages(100), journal.messages.open_rows()) == ([], [])


async def test_a_thread_that_continues_before_its_question_is_posted_is_told_too(
    tmp_path: Path, journal: Journal
) -> None:
    """A person presses Continue as soon as the bot is back."""
    left(journal, 100, MessageState.PROMPTED)
    async with restarted(journal, tmp_path) as it:
        await it.recovery.begin()
        it.recovery.interruptions.thread_continued(THREAD)
        await it.recovery.finish()
        await settle()
        assert (it.state(100), it.shown) == (MessageState.CLOSED, [UNDECIDED])


async def test_a_question_whose_end_was_not_shown_is_ended_by_the_next_start(tmp_path: Path, journal: Journal) -> None:
    """The bot was killed between the decision, or the thread's next turn, and the edit of the notice."""
    for message_id, reason in ((100, "interrupted"), (101, "skipped")):
        left(journal, message_id, MessageState.PROMPTED)
        journal.notices.begin(NoticeRow(reason, THREAD, INTERRUPTED, message_id, time.time(), ASKED, None))
        journal.notices.posted(reason, message_id)
        journal.messages.close((message_id,), reason)
    async with restarted(journal, tmp_path) as it:
        for message_id in (100, 101):
            it.stands(message_id, ASKED, buttons=["Retry", "Skip"])
        await it.recovered()
        assert it.board.messages == {100: Message(UNDECIDED), 101: Message(restarts.ALREADY_DECIDED)}
        assert journal.notices.all() == []


async def test_a_row_that_cannot_be_recovered_does_not_block_the_others(tmp_path: Path, journal: Journal) -> None:
    """After any exception the row stays in the journal for the next start."""
    for message_id in (100, 101, 103):
        left(journal, message_id, MessageState.RECEIVED)
    async with restarted(journal, tmp_path) as it:

        def odd(request: Request, *args: Any, **options: Any) -> Exchange:
            if request.message_id == 101:
                raise TypeError("odd")
            return Exchange(request, *args, **options)

        with capture_logs() as logs, pytest.MonkeyPatch.context() as patch:
            patch.setattr("bot.intake.recovery.Exchange", odd)
            await it.recovered()
        assert [log["message_id"] for log in logs if log["event"] == "a row could not be recovered"] == [101]
        assert it.prompts == ["request 100", "request 103"]
        assert it.state(101) is MessageState.RECEIVED
    async with restarted(journal, tmp_path) as it:
        await it.recovered()
        assert it.prompts == ["request 101"]


async def test_a_thread_that_cannot_be_recovered_does_not_block_the_others(tmp_path: Path, journal: Journal) -> None:
    """Its rows stay for the next start."""
    left(journal, 100, MessageState.RECEIVED)
    request = Request(200, THREAD + 1, THREAD + 1, ADA, "request 200")
    place: dict[str, Any] = {"thread_id": THREAD + 1, "channel_id": CHANNEL, "guild_id": 1, "author_id": ADA}
    journal.messages.receive(200, **place, request=write_request(request))
    async with restarted(journal, tmp_path) as it:
        restore = it.pool.restore

        def odd(thread_id: int, *args: Any, **options: Any) -> None:
            if thread_id == THREAD:
                raise TypeError("odd")
            restore(thread_id, *args, **options)

        it.pool.restore = odd  # type: ignore[method-assign]
        with capture_logs() as logs:
            await it.recovered()
        assert [log["thread_id"] for log in logs if log["event"] == "a thread could not be recovered"] == [THREAD]
        assert it.prompts == ["request 200"]
        assert it.state(100) is MessageState.RECEIVED


async def test_a_draft_in_a_thread_that_cannot_be_read_stays(tmp_path: Path, journal: Journal) -> None:
    """The question is asked too."""
    left(journal, 100, MessageState.PROMPTED)
    journal.sent_pages.intend(100, 0, "-# ⏳ working")
    async with restarted(journal, tmp_path) as it:
        it.board.faults.append(PermanentError("Missing Access"))
        await it.recovered()
        assert it.board.whats == ["read", "send"]
        assert it.shown == [ASKED]


# ---- drafts of what waited

IN_LINE = notices.in_line(2, [])


@pytest.mark.parametrize("known", [True, False], ids=["its message is known", "its message is not known"])
async def test_a_waiting_message_is_answered_in_its_own_placeholder(
    tmp_path: Path, journal: Journal, *, known: bool
) -> None:
    """After any time the placeholder becomes the answer, and later messages keep their order."""
    for message_id in (100, 101):
        left(journal, message_id, MessageState.RECEIVED)
    journal.sent_pages.intend(100, 0, IN_LINE)
    if known:
        journal.sent_pages.posted(100, 0, -5)
    async with restarted(journal, tmp_path) as it:
        it.stands(-5, IN_LINE)
        it.board._nonces["64.0.0"] = -5
        await it.recovered()
        assert it.shown == ["request 100", "request 101"]
        assert it.board.messages[-5].content.startswith("request 100")
        assert it.prompts == ["request 100", "request 101"]


async def test_a_held_message_that_is_dropped_does_not_look_waiting(tmp_path: Path, journal: Journal) -> None:
    """A restart may find its placeholder."""
    left(journal, 100, MessageState.HELD)
    journal.sent_pages.intend(100, 0, IN_LINE)
    journal.sent_pages.posted(100, 0, -5)
    async with restarted(journal, tmp_path) as it:
        it.stands(-5, IN_LINE)
        await it.recovered()
        conversation = it.pool.conversation(THREAD)
        assert conversation is not None
        assert it.board.messages[-5].content == IN_LINE
        conversation.drop()
        await it.recovered()
        assert it.board.messages[-5].content == outcomes.DROPPED
        assert it.prompts == []


async def test_a_second_try_that_was_cut_off_before_it_began_leaves_no_draft_at_work(
    tmp_path: Path, journal: Journal
) -> None:
    """After a kill between Retry and its prompt, the first try's message says that it was cut off."""
    left(journal, 100, MessageState.PROMPTED)
    journal.sent_pages.intend(100, 0, "-# ⏳ working")
    journal.sent_pages.posted(100, 0, -5)
    journal.messages.requeue((100,))
    async with restarted(journal, tmp_path) as it:
        it.stands(-5, "-# ⏳ working")
        await it.recovered()
        assert it.shown == [outcomes.CUT, to_agents.INTERRUPTED]


# ---- finished


async def test_a_finished_answer_is_posted_to_the_end_without_the_agent(tmp_path: Path, journal: Journal) -> None:
    """Page one is corrected, page two was unconfirmed and is found, page three is new (P12)."""
    left(journal, 100, MessageState.FINISHED, pages=["one, whole", "two", "three"])
    journal.sent_pages.intend(100, 0, "-# ⏳ starting")
    journal.sent_pages.posted(100, 0, -9)
    journal.sent_pages.intend(100, 1, "two ")
    async with restarted(journal, tmp_path) as it:
        it.stands(-9, "one,")
        it.stands(-8, "two")
        await it.recovered()
        assert it.shown == ["one, whole", "two", "three"]
        assert it.board.whats.count("send") == 1
        assert it.prompts == []
        assert it.state(100) is MessageState.ANSWERED


@pytest.mark.parametrize("standing", range(5))
async def test_trailers_are_sent_once_wherever_the_crash_was(tmp_path: Path, journal: Journal, standing: int) -> None:
    """Files, the names of too large ones, and the asker's ping: only the missing ones are sent.

    Discord changes the name of the file.
    """
    kept, lost = DataFile("\xdcber uns.py", b"code"), Unreadable("b.bin", b"")
    ping = Trailer("<@42> done", mention=ADA)
    left(journal, 100, MessageState.PROMPTED)
    journal.trailers.keep(
        100,
        {FIRST_TRAILER: Trailer(files=(kept,)), FIRST_TRAILER + 1: Trailer(files=(lost,)), FIRST_TRAILER + 2: ping},
    )
    journal.messages.finish((100,), "end_turn", ["answer"])
    texts = [
        "answer",
        "",
        "-# 🚫 b.bin could not be attached: it was too large to keep through a restart",
        "<@42> done",
    ]
    files: list[list[tuple[str, bytes]]] = [[], [(kept.name, b"code")], [], []]
    for at, number in enumerate((0, FIRST_TRAILER, FIRST_TRAILER + 1, FIRST_TRAILER + 2)[:standing]):
        journal.sent_pages.intend(100, number, texts[at])
        if at < standing - 1:
            journal.sent_pages.posted(100, number, at - 9)
    async with restarted(journal, tmp_path) as it:
        for at in range(standing):
            it.stands(at - 9, texts[at], files=files[at], mention=Mentions((ADA,)) if at == 3 else NO_MENTIONS)
        await it.recovered()
        assert it.shown == texts
        assert [message.mention for _, message in sorted(it.board.messages.items())] == [
            NO_MENTIONS,
            NO_MENTIONS,
            NO_MENTIONS,
            Mentions((ADA,)),
        ]
        assert [list(message.files) for _, message in sorted(it.board.messages.items())] == files
        assert it.state(100) is MessageState.ANSWERED
        assert journal.trailers.of(100) == {}


class Unreadable(DataFile):
    """A file that cannot be kept."""

    def pieces(self) -> Iterator[bytes]:
        raise OSError


async def test_a_page_that_never_arrived_is_posted(tmp_path: Path, journal: Journal) -> None:
    """It was searched in the thread first."""
    left(journal, 100, MessageState.FINISHED, pages=["answer"])
    journal.sent_pages.intend(100, 0, "-# ⏳ starting")
    async with restarted(journal, tmp_path) as it:
        await it.recovered()
        assert it.shown == ["answer"]
        assert it.board.whats == ["read", "send"]
        assert it.state(100) is MessageState.ANSWERED


async def test_two_pages_that_began_the_same_are_two_messages(tmp_path: Path, journal: Journal) -> None:
    """Both were unconfirmed; each is found once."""
    left(journal, 100, MessageState.FINISHED, pages=["same, one", "same, two", "end"])
    journal.sent_pages.intend(100, 0, "same")
    journal.sent_pages.intend(100, 1, "same")
    async with restarted(journal, tmp_path) as it:
        it.stands(-9, "same")
        it.stands(-8, "same")
        await it.recovered()
        assert it.shown == ["same, one", "same, two", "end"]


async def test_an_answer_in_a_thread_that_cannot_be_read_is_posted(tmp_path: Path, journal: Journal) -> None:
    """A page may be posted twice rather than never; confirmed pages are not repeated."""
    left(journal, 100, MessageState.FINISHED, pages=["one", "two"])
    journal.sent_pages.intend(100, 0, "one")
    journal.sent_pages.posted(100, 0, -9)
    journal.sent_pages.intend(100, 1, "two")
    async with restarted(journal, tmp_path) as it:
        it.stands(-9, "one")
        it.board.faults.append(PermanentError("Missing Permissions"))
        await it.recovered()
        assert it.shown == ["one", "two"]
        assert it.state(100) is MessageState.ANSWERED


async def test_a_thread_is_read_again_for_as_long_as_an_outage_lasts(tmp_path: Path, journal: Journal) -> None:
    """Otherwise its pages would be posted again."""
    left(journal, 100, MessageState.FINISHED, pages=["answer"])
    journal.sent_pages.intend(100, 0, "answer")
    async with restarted(journal, tmp_path) as it:
        it.stands(-9, "answer")
        it.board.faults.extend([TryLater("503")] * 500)
        await it.recovered()
        assert it.board.whats == ["read"] * 501 + ["edit"]
        assert it.state(100) is MessageState.ANSWERED


async def test_a_finished_answer_comes_before_the_waiting_ones(tmp_path: Path, journal: Journal) -> None:
    """That holds even if it takes longer than they do, and for owed notices too."""
    left(journal, 100, MessageState.CLOSED, pages=["sorry"], channel_id=CHANNEL)
    left(journal, 101, MessageState.FINISHED, pages=["finished"])
    left(journal, 102, MessageState.RECEIVED)
    async with restarted(journal, tmp_path) as it:
        (owed,) = await it.recovery.begin()
        await settle()
        assert it.prompts == ["request 102"]
        assert it.shown == []
        owed.opened(THREAD)
        await it.recovery.finish()
        await settle()
        assert it.shown == ["sorry", "finished", "request 102"]
        assert [it.state(100), it.state(101)] == [MessageState.CLOSED, MessageState.ANSWERED]
        assert journal.messages.open_rows() == []


async def test_many_threads_are_recovered_some_at_a_time(tmp_path: Path, journal: Journal) -> None:
    """Other work of the bot waits for a few of them, not for all."""
    for number in range(10 * SLICE):
        left(journal, 100 + number, MessageState.HELD, thread_id=100 + number)
    async with restarted(journal, tmp_path) as it:
        taken_up, beginning = [0], asyncio.create_task(it.recovery.begin())
        while not beginning.done():
            await step()
            taken_up.append(len([*it.pool.conversations]))
        assert taken_up[-1] == 10 * SLICE
        assert max(after - before for before, after in pairwise(taken_up)) <= SLICE


async def test_the_next_client_recovers_what_a_client_did_not(tmp_path: Path, journal: Journal) -> None:
    """After a client's death the next one recovers the rest, each row once."""
    for number in range(3 * SLICE):
        left(journal, 100 + number, MessageState.RECEIVED, channel_id=CHANNEL, thread_id=100 + number)
    async with restarted(journal, tmp_path) as it:
        first = asyncio.create_task(it.recovery.begin())
        await step()
        first.cancel()
        await asyncio.wait([first])
        assert (len([*it.pool.conversations]), it.recovery.begun.is_set()) == (SLICE, False)
        unopened = await it.recovery.begin()
        assert [each.request.message_id for each in unopened] == [100 + number for number in range(3 * SLICE)]
        assert (len([*it.pool.conversations]), it.recovery.begun.is_set()) == (3 * SLICE, True)


async def test_the_next_client_finishes_what_a_client_did_not(tmp_path: Path, journal: Journal) -> None:
    """A client's death interrupts the work, but loses none of it."""
    left(journal, 100, MessageState.FINISHED, pages=["first"])
    journal.sent_pages.intend(100, 0, "first")
    left(journal, 101, MessageState.FINISHED, pages=["second"])
    async with restarted(journal, tmp_path) as it:
        it.board.held = asyncio.Event()
        await it.recovery.begin()
        client = asyncio.create_task(it.recovery.finish())
        await settle()
        assert it.board.whats == ["read"]
        client.cancel()
        await asyncio.wait([client])
        it.board.held.set()
        assert await it.recovered() == []
        assert it.shown == ["first", "second"]
        assert journal.messages.open_rows() == []


async def test_the_next_client_leaves_work_in_progress_alone(tmp_path: Path, journal: Journal) -> None:
    """Work that a READY has begun outlives its client, and is done once."""
    left(journal, 99, MessageState.PROMPTED)
    left(journal, 100, MessageState.FINISHED, pages=["first"])
    journal.sent_pages.intend(100, 0, "first")
    async with restarted(journal, tmp_path) as it:
        it.board.held = asyncio.Event()
        await it.recovery.begin()
        first = asyncio.create_task(it.recovery.finish())
        await settle()
        assert await it.recovery.begin() == []
        second = asyncio.create_task(it.recovery.finish())
        await settle()
        it.board.held.set()
        await asyncio.gather(first, second)
        await settle()
        assert sorted(it.board.whats) == ["read", "send", "send"]
        assert it.state(100) is MessageState.ANSWERED


# ---- questions

QUESTION = "<@42> **Permission needed** · run `make`\n```\ntimeout: 3\n```"
SUBJECT = "`make`"
CLOSED = "-# closed: I restarted, and the request was not continued · `make`"


@pytest.mark.parametrize("known", [True, False], ids=["its message is known", "its message is not known"])
async def test_a_question_of_an_earlier_run_loses_its_buttons_and_says_why(
    tmp_path: Path, journal: Journal, *, known: bool
) -> None:
    """So does one whose sending was not confirmed. It happens once (P52)."""
    left(journal, 100, MessageState.CLOSED)
    journal.questions.asked(OpenQuestion("token", THREAD, 100, QUESTION, None, SUBJECT, components_v2=False))
    if known:
        journal.questions.posted("token", -9)
    async with restarted(journal, tmp_path) as it:
        it.stands(-9, QUESTION, buttons=["a button"])
        await it.recovered()
        assert it.board.messages[-9].content == CLOSED
        assert it.board.messages[-9].buttons == []
        assert journal.questions.all() == []
        await it.recovered()
        assert it.board.whats.count("edit") == 1


async def test_an_answered_question_keeps_its_answer_although_the_bot_was_killed_before_it_noted_it(
    tmp_path: Path, journal: Journal
) -> None:
    """Discord had shown the press; the card has no buttons any more."""
    left(journal, 100, MessageState.PROMPTED)
    journal.questions.asked(OpenQuestion("token", THREAD, 100, QUESTION, None, SUBJECT, components_v2=False))
    journal.questions.posted("token", -9)
    async with restarted(journal, tmp_path) as it:
        it.stands(-9, "✅ Allowed once by <@42> · `make`")
        await it.recovered()
        assert it.shown == ["✅ Allowed once by <@42> · `make`", ASKED]
        assert journal.questions.all() == []


async def test_a_question_in_a_place_that_cannot_be_read_loses_its_buttons_all_the_same(
    tmp_path: Path, journal: Journal
) -> None:
    """An edit needs no right to read."""
    left(journal, 100, MessageState.CLOSED)
    journal.questions.asked(OpenQuestion("token", THREAD, 100, QUESTION, None, SUBJECT, components_v2=False))
    journal.questions.posted("token", -9)
    async with restarted(journal, tmp_path) as it:
        it.stands(-9, QUESTION, buttons=["a button"])
        it.board.faults.append(PermanentError("Missing Access"))
        await it.recovered()
        assert it.board.messages[-9].content == CLOSED


async def test_a_question_of_an_earlier_version_keeps_its_text(tmp_path: Path, journal: Journal) -> None:
    """Its row does not say what it was about."""
    left(journal, 100, MessageState.CLOSED)
    journal.questions.asked(OpenQuestion("token", THREAD, 100, QUESTION, None, "", components_v2=False))
    journal.questions.posted("token", -9)
    async with restarted(journal, tmp_path) as it:
        it.stands(-9, QUESTION, buttons=["a button"])
        await it.recovered()
        why = "This question is no longer open: I restarted, and the request was not continued."
        assert it.board.messages[-9].content == f"{QUESTION}\n-# {why}"
        assert it.board.messages[-9].buttons == []


async def test_a_question_of_an_earlier_run_keeps_its_buttons_no_longer_than_an_outage_lasts(
    tmp_path: Path, journal: Journal
) -> None:
    """Their presses would have no effect."""
    left(journal, 100, MessageState.CLOSED)
    journal.questions.asked(OpenQuestion("token", THREAD, 100, QUESTION, None, SUBJECT, components_v2=False))
    journal.questions.posted("token", -9)
    async with restarted(journal, tmp_path) as it:
        it.stands(-9, QUESTION, buttons=["a button"])
        it.board.faults.extend([TryLater("503")] * 5)
        await it.recovered()
        assert it.board.messages[-9].content == CLOSED
        assert it.board.messages[-9].buttons == []
        assert journal.questions.all() == []


async def test_an_unconfirmed_notice_of_an_earlier_run_is_found_and_removed(tmp_path: Path, journal: Journal) -> None:
    """The search begins before its recorded time; a notice that cannot be searched is forgotten."""
    for thread_id, content in ((THREAD + 1, "elsewhere"), (THREAD, "2 held")):
        journal.notices.begin(NoticeRow(content, thread_id, HELD, 0, time.time(), content, None))
    since = [notice.since for notice in journal.notices.all()]
    async with restarted(journal, tmp_path) as it:
        it.board.faults.append(PermanentError("Missing Access"))
        it.stands(-9, "2 held")
        it.stands(-8, "the agent's")
        await it.recovered()
        reads = [discord.utils.snowflake_time(int(call.content)) for call in it.board.calls if call.what == "read"]
        assert [after.timestamp() < began for after, began in zip(reads, since, strict=True)] == [True, True]
        assert (it.shown, journal.notices.all()) == (["the agent's"], [])


async def test_a_lost_notice_is_not_taken_for_another_one_with_the_same_words(tmp_path: Path, journal: Journal) -> None:
    """The second was being posted while the first was about to be deleted: both go."""
    for nonce, message_id in (("first", -9), ("second", None), ("third", None)):
        journal.notices.begin(NoticeRow(nonce, THREAD, CONFIRMING, 0, time.time(), "waiting", message_id))
    async with restarted(journal, tmp_path) as it:
        for message_id in (-9, -8, -7):
            it.stands(message_id, "waiting")
        await it.recovered()
        assert (it.shown, journal.notices.all()) == ([], [])


# ---- requests that were to be posted


async def test_each_posted_request_is_accepted_even_if_another_fails(tmp_path: Path, journal: Journal) -> None:
    """A failure does not block the others, and the next client repeats the one that was interrupted."""
    taken: list[int] = []

    async def take(ask: PostedRequest) -> None:
        taken.append(ask.ask_id)
        if ask.ask_id == 1:
            raise ValueError("no such agent")
        if taken == [1, 2]:
            await asyncio.Event().wait()

    for ask_id in (1, 2, 3):
        journal.posted_requests.begin(PostedRequest(ask_id, CHANNEL, f"request {ask_id}", "{}"))
    async with restarted(journal, tmp_path) as it:
        with capture_logs() as logs:
            client = asyncio.create_task(it.recovery.accept_posted_requests(take))
            await quiet()
            client.cancel()
            await asyncio.wait([client])
            await it.recovery.accept_posted_requests(take)
            await it.recovery.accept_posted_requests(take)
        assert taken == [1, 2, 2, 3]
        assert [line["event"] for line in logs] == ["a request could not be accepted"]


async def test_a_question_that_was_never_posted_or_is_gone_is_forgotten(tmp_path: Path, journal: Journal) -> None:
    """One that is not found, refused or deleted is not tried at the next start."""
    for token, message_id in (("never", None), ("deleted", -8), ("refused", None)):
        journal.questions.asked(OpenQuestion(token, THREAD, 100, QUESTION, None, SUBJECT, components_v2=False))
        if message_id is not None:
            journal.questions.posted(token, message_id)
    async with restarted(journal, tmp_path) as it:
        by_token = [question.token for question in journal.questions.all()]
        it.board.faults.extend([PermanentError("Missing Access") if token == "refused" else None for token in by_token])
        await it.recovered()
        assert journal.questions.all() == []
        assert it.board.messages == {}


async def test_the_kept_prompt_is_what_is_sent_again(tmp_path: Path, journal: Journal) -> None:
    """The blocks are those of the first try, below the note about the retry; it can be stored again."""
    async with restarted(journal, tmp_path) as it:
        request = Request(100, THREAD, THREAD, ADA, "hello")
        journal.messages.receive(100, thread_id=THREAD, channel_id=CHANNEL, guild_id=1, author_id=ADA)
        first = Exchange(request, it.context)
        first.opened(THREAD)
        sent = await first.blocks(PromptCapabilities())
        kept = first.stored_prompt()
        again = Exchange(request, it.context, again=kept)
        again.opened(THREAD)
        assert await again.blocks(PromptCapabilities()) == [TextBlock(text=to_agents.INTERRUPTED), *sent]
        assert again.stored_prompt() == kept
        for exchange in (first, again):
            exchange.reply.end()


@pytest.mark.parametrize("notice", [Notice.FORGOTTEN, Moved("worker1", "worker2")], ids=["forgotten", "moved"])
async def test_a_prompt_that_is_sent_again_in_another_session_is_followed_by_what_was_said(
    tmp_path: Path, journal: Journal, notice: Notice | Moved
) -> None:
    """And by the move to another machine. A further try has both already."""
    left(journal, 99, MessageState.FINISHED)
    journal.messages.answer((99,))
    async with restarted(journal, tmp_path) as it:
        again = Exchange(Request(100, THREAD, THREAD, ADA, "request 100"), it.context, again=KEPT % "request 100")
        again.opened(THREAD)
        again.on_notice(notice)
        for _ in range(2):  # The pool may ask several times before it sends one.
            *repeated, context = await again.blocks(PromptCapabilities())
            assert repeated == [TextBlock(text=to_agents.INTERRUPTED), TextBlock(text="request 100")]
            assert isinstance(context, TextBlock)
            facts = json.loads(context.text.splitlines()[1])
            assert [each["request"] for each in facts["earlier"]] == ["request 99"]
            assert facts.get("moved") == (places.to_agent(notice) if isinstance(notice, Moved) else None)
            assert "sender" not in facts
            assert json.loads(again.stored_prompt())[1]["text"] == context.text
        again.reply.end()
