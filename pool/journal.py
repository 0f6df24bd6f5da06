"""What survives: conversations and the state of every accepted message, in SQLite.

A message's row:

    received ──> prompted ──> finished ──> answered
      ^  │           │
      │  ├──> closed(reason) <┴───────────┘    dropped, failed, cancelled, interrupted, ...
      └──┴─ held                               waits for a person; a restart does not run it

Each state is written before its effect. A method is one short transaction, and the exchange's messages change
together. Plain `sqlite3` on the event loop: in WAL mode with `synchronous=NORMAL` a commit takes microseconds and
survives kill -9; a power cut may lose the last moments.
"""

import os
import secrets
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Self

__all__ = ["Journal", "JournalError", "State"]

_MIGRATIONS = (
    """
    CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
    CREATE TABLE conversations (
        thread_id INTEGER PRIMARY KEY,
        channel_id INTEGER NOT NULL,
        guild_id INTEGER,
        session_id TEXT,
        created REAL NOT NULL
    ) STRICT;
    CREATE TABLE messages (
        message_id INTEGER PRIMARY KEY,
        thread_id INTEGER NOT NULL REFERENCES conversations,
        author_id INTEGER NOT NULL,
        state TEXT NOT NULL,
        reason TEXT,
        received REAL NOT NULL
    ) STRICT;
    CREATE INDEX open_messages ON messages (thread_id) WHERE state NOT IN ('answered', 'closed');
    CREATE TABLE pages (
        message_id INTEGER NOT NULL REFERENCES messages,
        number INTEGER NOT NULL,
        content TEXT NOT NULL,
        PRIMARY KEY (message_id, number)
    ) STRICT;
    """,
)
"""Schema steps; `user_version` counts those that a file has had."""


class State(StrEnum):
    """The state of a message's row."""

    RECEIVED = "received"
    HELD = "held"
    PROMPTED = "prompted"
    FINISHED = "finished"
    ANSWERED = "answered"
    CLOSED = "closed"


_BEFORE = {
    State.RECEIVED: (State.HELD, State.PROMPTED),
    State.HELD: (State.RECEIVED,),
    State.PROMPTED: (State.RECEIVED,),
    State.FINISHED: (State.PROMPTED,),
    State.ANSWERED: (State.FINISHED,),
    State.CLOSED: (State.RECEIVED, State.HELD, State.PROMPTED, State.FINISHED),
}
"""The states from which each state is reached."""


class JournalError(Exception):
    """The journal cannot be used, or was asked for a transition that does not exist. The text says which."""


class Journal:
    """The open database. Close it, or use it as a context manager."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        """Use `open`."""
        self._db = connection
        (self.journal_id,) = self._db.execute("SELECT value FROM facts WHERE name = 'journal_id'").fetchone()
        rows = self._db.execute("SELECT thread_id FROM conversations")
        self._threads = {thread_id for (thread_id,) in rows}

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open or create the file at `path`, mode 0600 in a directory of mode 0700. Raises `JournalError`."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
            connection = sqlite3.connect(path, isolation_level=None)
        except (OSError, sqlite3.Error) as error:
            raise JournalError(f"the journal {path} cannot be opened: {error}") from None
        try:
            _migrate(connection, path)
            return cls(connection)
        except sqlite3.Error as error:
            connection.close()
            raise JournalError(f"the journal {path} cannot be read: {error}") from None
        except JournalError:
            connection.close()
            raise

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def __enter__(self) -> Self:
        """Return the journal."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        self.close()

    # ---- conversations

    def knows(self, thread_id: int) -> bool:
        """Whether a conversation lives in this thread."""
        return thread_id in self._threads

    def place(self, thread_id: int) -> tuple[int | None, int] | None:
        """Return the guild and the channel in which the thread was opened."""
        query = "SELECT guild_id, channel_id FROM conversations WHERE thread_id = ?"
        row: tuple[int | None, int] | None = self._db.execute(query, (thread_id,)).fetchone()
        return row

    def session_id(self, thread_id: int) -> str | None:
        """Return the ACP session that belongs to the thread, if one was ever opened and not forgotten."""
        row = self._db.execute("SELECT session_id FROM conversations WHERE thread_id = ?", (thread_id,)).fetchone()
        return None if row is None else row[0]

    def set_session(self, thread_id: int, session_id: str | None) -> None:
        """Remember the session of a thread, or with None forget it."""
        with self._transaction():
            self._db.execute("UPDATE conversations SET session_id = ? WHERE thread_id = ?", (session_id, thread_id))

    def asker(self, thread_id: int) -> int | None:
        """Return who wrote the thread's oldest open message; with none open, who began the conversation."""
        query = (
            "SELECT author_id FROM messages WHERE thread_id = ?"
            " ORDER BY state IN ('answered', 'closed'), message_id LIMIT 1"
        )
        row = self._db.execute(query, (thread_id,)).fetchone()
        return None if row is None else row[0]

    # ---- messages

    def receive(
        self, message_id: int, *, thread_id: int, channel_id: int, guild_id: int | None, author_id: int
    ) -> bool:
        """Accept a message, and its conversation with it. False: this message was accepted before."""
        now = time.time()
        with self._transaction():
            self._db.execute(
                "INSERT OR IGNORE INTO conversations VALUES (?, ?, ?, NULL, ?)", (thread_id, channel_id, guild_id, now)
            )
            new = self._db.execute(
                "INSERT OR IGNORE INTO messages VALUES (?, ?, ?, ?, NULL, ?)",
                (message_id, thread_id, author_id, State.RECEIVED, now),
            ).rowcount
        self._threads.add(thread_id)
        return new == 1

    def mark(self, message_ids: Sequence[int], state: State) -> None:
        """Move all these rows to `state`, or none. Raises `JournalError` where no such transition exists."""
        with self._transaction():
            self._move(message_ids, state)

    def close_rows(self, message_ids: Sequence[int], reason: str) -> None:
        """End rows without an answer, for `reason`, a word or two."""
        with self._transaction():
            self._move(message_ids, State.CLOSED, reason)
            self._drop_pages(message_ids)

    def finish(self, message_ids: Sequence[int], stop_reason: str, pages: Iterable[str]) -> None:
        """Write down that the turn has ended, and everything that must be posted, in one transaction."""
        with self._transaction():
            self._move(message_ids, State.FINISHED, stop_reason)
            rows = [(message_ids[-1], number, content) for number, content in enumerate(pages)]
            self._db.executemany("INSERT INTO pages VALUES (?, ?, ?)", rows)

    def answer(self, message_ids: Sequence[int]) -> None:
        """Write down that Discord has confirmed the last page; the pages need not be kept any longer."""
        with self._transaction():
            self._move(message_ids, State.ANSWERED)
            self._drop_pages(message_ids)

    def state(self, message_id: int) -> State | None:
        """Return the state of a message; None where it was never accepted."""
        row = self._db.execute("SELECT state FROM messages WHERE message_id = ?", (message_id,)).fetchone()
        return None if row is None else State(row[0])

    def pages(self, message_id: int) -> list[str]:
        """Return the pages of a finished exchange, by its last message."""
        rows = self._db.execute("SELECT content FROM pages WHERE message_id = ? ORDER BY number", (message_id,))
        return [content for (content,) in rows]

    def _drop_pages(self, message_ids: Sequence[int]) -> None:
        self._db.execute("DELETE FROM pages WHERE message_id = ?", (message_ids[-1],))

    def _move(self, message_ids: Sequence[int], state: State, reason: str | None = None) -> None:
        before = _BEFORE[state]
        marks = ", ".join("?" * len(before))
        for message_id in message_ids:
            moved = self._db.execute(
                f"UPDATE messages SET state = ?, reason = ? WHERE message_id = ? AND state IN ({marks})",  # noqa: S608 - only question marks are put in
                (state, reason, message_id, *before),
            ).rowcount
            if moved != 1:
                raise JournalError(f"message {message_id} is {self.state(message_id)} and cannot become {state}")

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA foreign_keys = ON")
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > len(_MIGRATIONS):
        raise JournalError(f"the journal {path} was written by a newer Threadline (schema {version})")
    for number, script in enumerate(_MIGRATIONS[version:], start=version + 1):
        connection.executescript(f"BEGIN IMMEDIATE; {script}; PRAGMA user_version = {number}; COMMIT;")
    with connection:
        row = ("journal_id", secrets.token_hex(8))
        connection.execute("INSERT OR IGNORE INTO facts VALUES (?, ?)", row)
