"""The words for a journal that cannot be used."""

from pathlib import Path

import pytest

from bot.user_messages.journal_errors import described, trouble
from pool.journal.errors import (
    JournalBusy,
    JournalError,
    JournalFileError,
    JournalProblem,
    JournalUnusable,
    JournalUnwritable,
    WrongState,
)
from pool.journal.message_states import MessageState

FILE = Path("/srv/threadline.db")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (
            JournalBusy(JournalProblem.LOCKED, FILE),
            "the journal /srv/threadline.db is locked by another program; end that one first",
        ),
        (
            JournalUnusable(JournalProblem.NEWER, FILE, "31"),
            "the journal /srv/threadline.db was written by a newer Threadline (schema 31)",
        ),
        (JournalUnusable(JournalProblem.DAMAGED, FILE, "page 3"), "the journal /srv/threadline.db is damaged: page 3"),
        (
            JournalUnusable(JournalProblem.NOT_READ, FILE, "file is not a database"),
            "the journal /srv/threadline.db cannot be read: file is not a database",
        ),
        (
            JournalFileError(JournalProblem.NOT_PUT_ASIDE, FILE, "Permission denied"),
            "the journal /srv/threadline.db cannot be put aside: Permission denied",
        ),
        (
            JournalFileError(JournalProblem.NOT_OPENED, FILE, "Is a directory"),
            "the journal /srv/threadline.db cannot be opened: Is a directory",
        ),
        (
            JournalUnwritable(JournalProblem.NOT_WRITTEN, FILE, "disk I/O error"),
            "the journal cannot be written: disk I/O error",
        ),
        (
            WrongState(10, MessageState.CLOSED, MessageState.PROMPTED),
            "message 10 is closed and cannot become prompted",
        ),
    ],
    ids=str,
)
def test_every_error_of_the_journal_has_words(error: JournalError, words: str) -> None:
    """They name the file where a person has to do something with it."""
    assert described(error) == words


def test_why_the_journal_cannot_be_written_is_said_without_its_path() -> None:
    """The thread and the health check show it."""
    assert trouble(None) == ""
    assert trouble(JournalUnwritable(JournalProblem.NOT_WRITTEN, FILE, "disk I/O error")) == "disk I/O error"
    assert trouble(JournalUnwritable(JournalProblem.DAMAGED, FILE, "page 3")) == "its file is damaged: page 3"
    assert trouble(JournalUnwritable(JournalProblem.GONE, FILE)) == (
        "its file was moved or deleted; put it back, or restart Threadline"
    )
