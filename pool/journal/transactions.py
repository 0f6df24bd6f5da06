"""Writes the journal in short transactions, and repeats writes that a full disk refused.

A write that must come before its effect (a message is accepted, a prompt is sent, a page is posted) raises when it
cannot be made, and its effect does not happen. A write whose effect has happened already must not fail: it is kept in
memory, and made before any later one. A crash before that leaves an earlier state, from which a restart recovers.
"""

import sqlite3
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial, wraps
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

import structlog

from .database import JournalError

GONE = "its file was moved or deleted; put it back, or start Threadline anew"
"""The reason when the file is no longer at its path, which SQLite does not notice."""

log = structlog.stdlib.get_logger("pool")


class JournalUnwritable(JournalError):
    """The file cannot be written now: the disk is full, or fails. The text has SQLite's reason."""


class Writer:
    """The transactions of one open database."""

    def __init__(self, db: sqlite3.Connection) -> None:
        """Begin without owed writes."""
        self.db = db
        (_, _, file) = db.execute("PRAGMA database_list").fetchone()
        self.file = Path(file)
        self._inode = self.file.stat().st_ino
        self.trouble = ""
        """Why the last transaction failed; empty if it succeeded."""
        self._damage = ""
        self._owed: deque[Callable[[], None]] = deque()
        self._paying = False

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit the block's changes together, after owed writes, or none of them. Raises `JournalUnwritable`."""
        self._pay()
        unusable = self._damage or (GONE if self._is_gone() else "")
        if unusable:
            self._note(unusable)
            raise JournalUnwritable(f"the journal cannot be written: {unusable}")
        try:
            self.db.execute("BEGIN IMMEDIATE")
            yield
            self.db.execute("COMMIT")
        except BaseException as error:
            if self.db.in_transaction:  # SQLite has rolled back by itself on some errors.
                self.db.execute("ROLLBACK")
            if isinstance(error, sqlite3.OperationalError):
                self._note(str(error))
                raise JournalUnwritable(f"the journal cannot be written: {error}") from None
            raise
        self._note("")

    def damaged(self, how: str) -> None:
        """Refuse all further writes: the file is damaged."""
        self._damage = f"its file is damaged: {how}"
        self._note(self._damage)

    def _is_gone(self) -> bool:
        """Whether the file was moved or deleted; SQLite would still write into it."""
        try:
            return self.file.stat().st_ino != self._inode
        except OSError:
            return True

    def _note(self, trouble: str) -> None:
        if trouble and not self.trouble:
            log.error("the journal cannot be written", reason=trouble)
        elif self.trouble and not trouble:
            log.warning("the journal can be written again")
        self.trouble = trouble

    def retried(self, write: Callable[[], None]) -> None:
        """Make a write now, or if that fails, later; in the order of the calls."""
        if self._paying:
            write()  # It belongs to an owed write.
            return
        try:
            self._pay()
            write()
        except JournalUnwritable:
            self._owed.append(write)

    def retry(self) -> None:
        """After a failure, try to write again, and make the owed writes."""
        if self.trouble:
            # Without owed writes too, by a write that needs room.
            with suppress(JournalUnwritable), self.transaction():
                self.db.execute("INSERT OR REPLACE INTO facts VALUES ('written', datetime())")

    def _pay(self) -> None:
        if self._paying:
            return
        self._paying = True
        try:
            while self._owed:
                try:
                    self._owed[0]()
                except JournalUnwritable:
                    raise
                except Exception:  # its caller has returned; the other owed writes must not wait forever
                    log.exception("what was owed to the journal could not be written")
                self._owed.popleft()
        finally:
            self._paying = False


class Rows:
    """The rows of one kind. A public method of a subclass is one short transaction, unless it says otherwise."""

    def __init__(self, writer: Writer) -> None:
        """`writer` is the journal's."""
        self._db = writer.db
        self._writer = writer


P = ParamSpec("P")
AnyRows = TypeVar("AnyRows", bound=Rows)


def retried(write: Callable[Concatenate[AnyRows, P], None]) -> Callable[Concatenate[AnyRows, P], None]:
    """Make a method retry its write until it succeeds; see `Writer.retried`. Its arguments must not change later."""

    @wraps(write)
    def written(rows: AnyRows, /, *args: P.args, **kwargs: P.kwargs) -> None:
        rows._writer.retried(partial(write, rows, *args, **kwargs))  # noqa: SLF001 - the subclass's own

    return written
