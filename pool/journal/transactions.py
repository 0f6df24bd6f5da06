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

from .errors import JournalProblem, JournalUnwritable

log = structlog.stdlib.get_logger("pool")


class Writer:
    """The transactions of one open database."""

    def __init__(self, db: sqlite3.Connection) -> None:
        """Begin without owed writes."""
        self.db = db
        (_, _, file) = db.execute("PRAGMA database_list").fetchone()
        self.file = Path(file)
        self._inode = self.file.stat().st_ino
        self.trouble: JournalUnwritable | None = None
        """Why the last transaction failed; None if it succeeded."""
        self._damage = ""
        self._owed: deque[Callable[[], None]] = deque()
        self._paying = False

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit the block's changes together, after owed writes, or none of them. Raises `JournalUnwritable`."""
        self._pay()
        if self._damage:
            raise self._refuse(JournalProblem.DAMAGED, self._damage)
        if self._is_gone():
            raise self._refuse(JournalProblem.GONE)
        try:
            self.db.execute("BEGIN IMMEDIATE")
            yield
            self.db.execute("COMMIT")
        except BaseException as error:
            if self.db.in_transaction:  # SQLite has rolled back by itself on some errors.
                self.db.execute("ROLLBACK")
            if isinstance(error, sqlite3.OperationalError):
                raise self._refuse(JournalProblem.NOT_WRITTEN, str(error)) from None
            raise
        self._note(None)

    def _refuse(self, problem: JournalProblem, detail: str = "") -> JournalUnwritable:
        """Note why the file cannot be written, and return the error to raise."""
        self._note(
            JournalUnwritable(problem, self.file, detail)
        )  # Not the raised one, which holds its callers' frames.
        return JournalUnwritable(problem, self.file, detail)

    def damaged(self, how: str) -> None:
        """Refuse all further writes: the file is damaged."""
        self._damage = how
        self._note(JournalUnwritable(JournalProblem.DAMAGED, self.file, how))

    def _is_gone(self) -> bool:
        """Whether the file was moved or deleted; SQLite would still write into it."""
        try:
            return self.file.stat().st_ino != self._inode
        except OSError:
            return True

    def _note(self, trouble: JournalUnwritable | None) -> None:
        if trouble is not None and self.trouble is None:
            log.error("the journal cannot be written", reason=str(trouble))
        elif self.trouble is not None and trouble is None:
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
        if self.trouble is not None:
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
