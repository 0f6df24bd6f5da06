"""The journal: what survives a restart, in one SQLite file.

Each part has its own rows, and a method of a part is one short transaction. Plain `sqlite3` on the event loop: in WAL
mode with `synchronous=NORMAL` a commit takes microseconds and survives kill -9. A power cut may lose the last moments.
"""

import sqlite3
from pathlib import Path
from typing import Self

from .attachment_files import AttachmentFiles, folder_of
from .command_rules import CommandRuleRows
from .database import open_database, unusable
from .errors import JournalUnwritable
from .facts import FactRows
from .forks import ForkRows
from .marks import MarkRows
from .messages import MessageRows, OnMoved
from .notices import NoticeRows
from .posted_requests import PostedRequestRows
from .questions import QuestionRows
from .reactions import ReactionRows
from .sent_pages import SentPages
from .side_questions import SideQuestionRows
from .threads import ThreadRows
from .trailers import Trailers
from .transactions import Writer


class Journal:
    """The open database and its parts. Close it, or use it as a context manager."""

    def __init__(self, connection: sqlite3.Connection, on_moved: OnMoved) -> None:
        """Use `open`."""
        self._db = connection
        self._writer = Writer(connection)
        self.path = self._writer.file
        self.files = AttachmentFiles(folder_of(self.path))
        self.facts = FactRows(self._writer)
        self.journal_id = self.facts.value("journal_id")
        self.threads = ThreadRows(self._writer)
        self.marks = MarkRows(self._writer)
        self.trailers = Trailers(self._writer, self.files)
        self.messages = MessageRows(self._writer, self.marks, self.trailers, on_moved)
        self.sent_pages = SentPages(self._writer)
        self.questions = QuestionRows(self._writer)
        self.command_rules = CommandRuleRows(self._writer)
        self.reactions = ReactionRows(self._writer)
        self.notices = NoticeRows(self._writer)
        self.posted_requests = PostedRequestRows(self._writer)
        self.forks = ForkRows(self._writer)
        self.side_questions = SideQuestionRows(self._writer)

    @classmethod
    def open(cls, path: Path, *, on_moved: OnMoved = lambda _state, _reason, _count: None) -> Self:
        """Open or create the file at `path`; see `open_database`. Raises `JournalError`.

        `on_moved` is called after each committed change of message rows.
        """
        connection = open_database(path)
        try:
            journal = cls(connection, on_moved)
            journal.messages.drop_forgotten()
        except sqlite3.Error as error:
            connection.close()
            raise unusable(path, error) from None
        return journal

    def close(self) -> None:
        """Write what is owed, if that can be, and close the file."""
        self._writer.retry()
        self._db.close()

    def __enter__(self) -> Self:
        """Return the journal."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        self.close()

    @property
    def changes(self) -> int:
        """How many rows this connection has written."""
        return self._db.total_changes

    def damaged(self, how: str) -> None:
        """Refuse all further writes: the file is damaged."""
        self._writer.damaged(how)

    @property
    def trouble(self) -> JournalUnwritable | None:
        """Why the file cannot be written; None where it can."""
        return self._writer.trouble

    def retry(self) -> None:
        """After a failure, try to write again, and make the owed writes; see `Writer`."""
        self._writer.retry()
