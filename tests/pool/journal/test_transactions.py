"""A disk that is full for a while: effects that have happened are written later, and no effect happens unwritten."""

import resource
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from pool.journal.database import BUSY_MILLISECONDS
from pool.journal.errors import JournalProblem, JournalUnwritable
from pool.journal.journal import Journal
from pool.journal.message_states import MessageState
from pool.journal.sent_pages import SentPage
from pool.journal.trailers import Trailer
from tests.pool.journals import LARGE, no_room


def accept(journal: Journal, message_id: int, request: str = "", *, thread_id: int = 2) -> bool:
    """Accept a message."""
    return journal.messages.receive(
        message_id, thread_id=thread_id, channel_id=8, guild_id=9, author_id=4, request=request
    )


def begun(journal: Journal, *message_ids: int) -> None:
    """Mark prompts of thread 1 as sent."""
    for message_id in message_ids:
        assert accept(journal, message_id, thread_id=1)
        journal.messages.prompted((message_id,), "[]")


def test_owed_writes_are_made_in_order_when_there_is_room(journal: Journal) -> None:
    """The end of a turn and all later writes, even those that would have had room by themselves."""
    begun(journal, 10)
    journal.sent_pages.intend(10, 0, "page")
    with no_room(journal):
        journal.trailers.keep(10, {500: Trailer("done")})
        journal.messages.finish((10,), "end_turn", [LARGE])
        journal.sent_pages.posted(10, 0, 700)
        journal.messages.settle((10,), confirmed=True)
        assert journal.messages.state(10) is MessageState.PROMPTED
        assert journal.trouble is not None
        assert journal.trouble.detail == "database or disk is full"
        journal.retry()
        assert journal.messages.state(10) is MessageState.PROMPTED
    journal.retry()
    assert journal.messages.state(10) is MessageState.ANSWERED
    assert journal.messages.pages(10) == [LARGE]
    assert journal.sent_pages.of(10) == [SentPage(0, "page", 700)]
    assert journal.trailers.of(10) == {}
    assert journal.trouble is None


def test_a_message_is_neither_accepted_nor_sent_without_being_written(journal: Journal) -> None:
    """The write raises and leaves no trace, behind owed writes too."""
    begun(journal, 10)
    with no_room(journal):
        with pytest.raises(JournalUnwritable, match="not written: database or disk is full"):
            accept(journal, 20, LARGE)
        assert not journal.threads.knows(2)
        assert journal.marks.seen(2) is None
        journal.messages.finish((10,), "end_turn", [LARGE])
        with pytest.raises(JournalUnwritable):
            accept(journal, 20)
        with pytest.raises(JournalUnwritable):
            journal.sent_pages.intend(10, 0, "page")
        assert journal.messages.state(20) is None
    assert accept(journal, 20)
    assert journal.messages.state(10) is MessageState.FINISHED


def test_trouble_is_logged_once_and_so_is_its_end(tmp_path: Path) -> None:
    """After any number of tries; the end is noticed without owed writes too."""
    with Journal.open(tmp_path / "journal.db") as journal, capture_logs() as logs:
        with no_room(journal):
            for _ in range(3):
                with pytest.raises(JournalUnwritable):
                    accept(journal, 10, LARGE)
        for _ in range(3):
            journal.retry()
        assert journal.trouble is None
    assert [log["event"] for log in logs] == ["the journal cannot be written", "the journal can be written again"]


def test_an_owed_write_that_is_no_longer_possible_delays_no_other(journal: Journal) -> None:
    """It is logged, and the later ones are made."""
    begun(journal, 10, 11)
    with no_room(journal):
        for _ in range(2):
            journal.messages.finish((10,), "end_turn", [LARGE])
        journal.messages.finish((11,), "end_turn", ["page"])
    with capture_logs() as logs:
        journal.retry()
    assert [journal.messages.state(message_id) for message_id in (10, 11)] == [MessageState.FINISHED] * 2
    assert "what was owed to the journal could not be written" in [log["event"] for log in logs]


def test_owed_holds_and_releases_are_made_in_order(journal: Journal) -> None:
    """Rows that have the state already keep it."""
    begun(journal, 10)
    assert accept(journal, 11, thread_id=1)
    with no_room(journal):
        journal.messages.finish((10,), "end_turn", [LARGE])
        for held in (True, False, False):
            journal.messages.hold((11,), held=held)
    journal.messages.prompted((11,), "[]")
    assert journal.messages.state(11) is MessageState.PROMPTED


def test_owed_writes_are_made_before_the_journal_is_closed(tmp_path: Path) -> None:
    """If there is room by then."""
    with Journal.open(tmp_path / "journal.db") as journal:
        begun(journal, 10)
        with no_room(journal):
            journal.messages.finish((10,), "end_turn", [LARGE])
    with Journal.open(tmp_path / "journal.db") as journal:
        assert journal.messages.state(10) is MessageState.FINISHED


def test_a_commit_that_fails_leaves_no_transaction_open(tmp_path: Path) -> None:
    """The file system itself is full, so the write at the end of a transaction fails."""
    path = tmp_path / "journal.db"
    with Journal.open(path) as journal:
        begun(journal, 10)
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (path.with_name("journal.db-wal").stat().st_size, hard))
        try:
            journal.messages.finish((10,), "end_turn", ["page"])
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert journal.trouble
        assert journal.messages.state(10) is MessageState.PROMPTED
        journal.retry()
        assert journal.messages.state(10) is MessageState.FINISHED
        assert journal.messages.pages(10) == ["page"]


def test_a_file_that_was_moved_is_not_written(tmp_path: Path) -> None:
    """SQLite would still write. Once it is back it is used; a new file in its place is not."""
    path, elsewhere = tmp_path / "journal.db", tmp_path / "elsewhere.db"
    with Journal.open(path) as journal:
        begun(journal, 10)
        path.rename(elsewhere)
        for there in (False, True):
            if there:
                path.touch()
            with pytest.raises(JournalUnwritable, match="moved or deleted"):
                accept(journal, 20)
            journal.messages.finish((10,), "end_turn", ["page"])
        assert journal.trouble is not None
        assert journal.trouble.problem is JournalProblem.GONE
        elsewhere.rename(path)
        journal.retry()
        assert journal.trouble is None
        assert journal.messages.state(10) is MessageState.FINISHED
        assert accept(journal, 20)


def test_another_programs_lock_is_not_waited_for_while_the_bot_works(tmp_path: Path) -> None:
    """Every thread would wait with it; owed writes are made when the lock is gone."""
    path = tmp_path / "journal.db"
    with Journal.open(path) as journal:
        assert journal._db.execute("PRAGMA busy_timeout").fetchone() == (BUSY_MILLISECONDS,)
        journal._db.execute("PRAGMA busy_timeout = 0")
        begun(journal, 10)
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(JournalUnwritable, match="database is locked"):
                accept(journal, 20)
            journal.messages.finish((10,), "end_turn", ["page"])
        journal.retry()
        assert journal.messages.state(10) is MessageState.FINISHED
