"""Notices: one for each subject, deleted when that is over, also after a restart of the bot."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bot.interactions.thread_buttons import held_view
from bot.reply.notices import HELD, INTERRUPTED, OFFER, PREEMPTED, WARNING, Notices
from bot.rest.errors import Gone, PermanentError
from pool.journal.journal import Journal
from pool.journal.notices import NoticeRow
from tests.bot.fake_discord import AnswerLost, FakeDiscord, Message, pacing, settle
from tests.support.virtual_time import elapse

pytestmark = pytest.mark.virtual_time

THREAD = 20


@asynccontextmanager
async def run(folder: Path, board: FakeDiscord) -> AsyncIterator[tuple[Notices, Journal]]:
    """Let one run of the bot write on the board."""
    with Journal.open(folder / "journal.db") as journal:
        async with pacing(board):
            yield Notices(journal.notices, api=board), journal


def show(notices: Notices, content: str, kind: str = HELD, about: int = 0) -> None:
    """Let a notice say something."""
    notices.show(THREAD, kind, content, lambda: held_view(THREAD), about=about)


async def test_a_notice_is_kept_up_to_date_and_deleted_when_its_subject_is_over(tmp_path: Path) -> None:
    """In one message; then the journal forgets it."""
    board = FakeDiscord()
    async with run(tmp_path, board) as (notices, journal):
        show(notices, "1 held")
        assert notices.shows(THREAD, HELD, 99)  # Which message it becomes is not known yet.
        await settle()
        show(notices, "2 held")
        await settle()
        assert board.shown == ["2 held"]
        assert [button.label for button in board.messages[1].buttons] == ["Continue", "Drop all"]
        assert (notices.shows(THREAD, HELD, 1), notices.shows(THREAD, HELD, 99)) == (True, False)
        notices.end(THREAD, HELD)
        notices.end(THREAD, HELD)
        assert not notices.shows(THREAD, HELD, 1)
        await settle()
        assert (board.messages, journal.notices.all()) == ({}, [])
        assert board.whats == ["send", "edit", "delete"]


async def test_the_journal_knows_a_notice_by_the_words_that_were_posted(tmp_path: Path) -> None:
    """Its number may have grown before its turn; by the words the next run finds a message whose answer was lost."""
    board = FakeDiscord()
    board.faults.append(AnswerLost("reset by peer"))
    async with run(tmp_path, board) as (notices, journal):
        show(notices, "1 held")
        show(notices, "2 held")
        assert journal.notices.all() == []  # A kill would leave no message.
        await settle()
        show(notices, "3 held")
        assert [each.content for each in journal.notices.all()] == board.shown == ["2 held"]


async def test_a_notice_on_a_new_subject_is_a_new_message(tmp_path: Path) -> None:
    """At the end of the thread, also while the earlier one is still being deleted."""
    board = FakeDiscord()
    async with run(tmp_path, board) as (notices, _):
        show(notices, "1 held")
        await settle()
        notices.end(THREAD, HELD)
        show(notices, "3 held")
        assert not notices.shows(THREAD, INTERRUPTED, 1)
        await settle()
        assert [*board.messages] == [2]


@pytest.mark.parametrize("here", [True, False], ids=["by an interaction's answer", "by the notice"])
async def test_a_notice_may_say_how_its_subject_ended(tmp_path: Path, *, here: bool) -> None:
    """Without buttons; the answer to a press has said so already."""
    board = FakeDiscord()
    async with run(tmp_path, board) as (notices, journal):
        show(notices, "choose", HELD)
        await settle()
        if here:
            post = notices.end_by_press(THREAD, HELD, "chosen")
            assert post is not None
            post.answered("chosen")
        else:
            notices.end(THREAD, HELD, content="chosen")
        await settle()
        assert board.whats == (["send"] if here else ["send", "edit"])
        assert here or board.messages[1] == Message("chosen")
        assert journal.notices.all() == []


async def test_a_notice_that_ends_before_it_is_posted_is_not_posted(tmp_path: Path) -> None:
    """A notice that Discord may have taken without confirming it is deleted."""
    board = FakeDiscord()
    async with run(tmp_path, board) as (notices, journal):
        show(notices, "1 held")
        notices.end(THREAD, HELD)
        await settle()
        assert (board.whats, journal.notices.all()) == ([], [])
        board.faults.append(AnswerLost("no answer"))
        show(notices, "2 held")
        while not board.calls:
            await elapse(0.01)
        notices.end(THREAD, HELD)
        await settle()
        assert (board.messages, journal.notices.all()) == ({}, [])


async def test_the_next_run_ends_what_an_earlier_one_left(tmp_path: Path) -> None:
    """Notices about a turn are deleted; others stay, and can be ended; of two equal ones one stays."""
    board = FakeDiscord()
    async with run(tmp_path, board) as (notices, journal):
        for about, kind in enumerate((WARNING, OFFER, PREEMPTED, HELD), start=100):
            show(notices, kind, kind, about if kind in {WARNING, OFFER} else 0)
            await settle()
        board.messages[9] = Message("held before")
        journal.notices.begin(NoticeRow("earlier", THREAD, HELD, 0, 1.0, "held before", None))
        journal.notices.posted("earlier", 9)
    async with run(tmp_path, board) as (notices, journal):
        since = notices.since(THREAD, HELD)
        assert since is not None
        assert since > 1
        assert sorted(notices.of(HELD, PREEMPTED)) == [(THREAD, 0), (THREAD, 0)]
        notices.begin()
        await settle()
        assert sorted(board.shown) == [HELD, PREEMPTED]
        assert len(journal.notices.all()) == 2
        show(notices, "2 held")
        notices.end(THREAD, PREEMPTED)
        await settle()
        assert board.shown == ["2 held"]


async def test_a_notice_whose_message_is_not_known_is_found_again_and_deleted(tmp_path: Path) -> None:
    """The bot was killed while it posted, and the notice is not wanted any more."""
    board = FakeDiscord()
    async with run(tmp_path, board) as (_, journal):
        for nonce in ("posted", "never"):
            journal.notices.begin(NoticeRow(nonce, THREAD, HELD, 0, 1.0, nonce, None))
    board.messages[5] = Message("posted")
    async with run(tmp_path, board) as (notices, journal):
        never, posted = sorted(notices.lost, key=lambda lost: lost.nonce)
        assert notices.since(THREAD, HELD) is None
        notices.begin()
        notices.end(THREAD, HELD)
        notices.find(never, None)
        notices.find(posted, 5)
        await settle()
        assert (board.messages, journal.notices.all()) == ({}, [])


@pytest.mark.parametrize("found", [50, None])
async def test_a_notice_that_may_be_there_is_not_posted_again_before_that_is_known(
    tmp_path: Path, found: int | None
) -> None:
    """The bot was killed while it posted: the new text goes into that message if it is found, else into a new one."""
    board = FakeDiscord()
    async with run(tmp_path, board) as (_, journal):
        journal.notices.begin(NoticeRow("lost", THREAD, HELD, 0, 1.0, "2 held", None))
    if found is not None:
        board.messages[found] = Message("2 held")
    async with run(tmp_path, board) as (notices, journal):
        show(notices, "2 held")
        await settle()
        assert board.whats == []
        assert notices.shows(THREAD, HELD, 50)
        notices.find(notices.lost[0], found)
        show(notices, "3 held")
        await settle()
        assert board.shown == ["3 held"]
        assert [each.message_id for each in journal.notices.all()] == [*board.messages]
        assert (notices.since(THREAD, HELD) == 1.0) == (found is not None)
        notices.end(THREAD, HELD)
        await settle()
        assert (board.messages, journal.notices.all()) == ({}, [])


@pytest.mark.parametrize("found", [True, False])
async def test_a_notice_that_was_pressed_before_it_was_found_has_its_buttons_again(
    tmp_path: Path,
    found: bool,  # noqa: FBT001 - a parameter
) -> None:
    """At a start the inboxes are empty: the press was answered that the notice is out of date, without buttons."""
    board = FakeDiscord()
    async with run(tmp_path, board) as (notices, journal):
        show(notices, "2 held")
        await settle()
        journal._db.execute("UPDATE notices SET message_id = NULL")
    board.messages[1].content, board.messages[1].buttons = "out of date", []
    async with run(tmp_path, board) as (notices, _):
        show(notices, "2 held")
        notices.find(notices.lost[0], 1 if found else None)
        await settle()
        assert board.shown == ["2 held"]
        assert [button.label for button in board.messages[1].buttons] == ["Continue", "Drop all"]


async def test_the_notices_of_a_thread_that_is_gone_are_forgotten(tmp_path: Path) -> None:
    """By the first write that is refused, or without one."""
    board = FakeDiscord()
    async with run(tmp_path, board) as (notices, journal):
        for kind in (HELD, PREEMPTED, WARNING):
            show(notices, kind, kind)
        await settle()
        board.faults.append(Gone("Unknown Channel"))
        notices.end(THREAD, HELD)
        await settle()
        assert [each.kind for each in journal.notices.all()] == [PREEMPTED, WARNING]
        board.faults.append(PermanentError("this place is gone"))
        notices.end(THREAD, WARNING)  # It is being deleted.
        await settle()
        notices.forget(THREAD + 1)
        assert len(journal.notices.all()) == 2
        notices.forget(THREAD)
        assert journal.notices.all() == []
