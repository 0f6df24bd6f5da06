"""The journal of conversations and of the state of every accepted message, in SQLite.

Each state (see `rows`) is written before its effect. A method is one short transaction, and the exchange's messages
change together. Plain `sqlite3` on the event loop: in WAL mode with `synchronous=NORMAL` a commit takes microseconds
and survives kill -9; a power cut may lose the last moments.
"""

import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from .attachment_files import AttachmentFiles, folder_of
from .database import JournalError, open_database, unusable
from .message_rows import BEFORE, NEW, MessageRow, MessageState
from .notices import NoticeRows
from .posted_requests import PostedRequestRows
from .questions import QuestionRows
from .reactions import ReactionRows
from .sent_pages import SentPage, SentPages
from .threads import ThreadRows
from .trailers import Trailers
from .transactions import JournalUnwritable, Writer, retried

__all__ = [
    "KEPT_SECONDS",
    "NEW",
    "Journal",
    "JournalError",
    "JournalUnwritable",
    "MessageRow",
    "MessageState",
    "SentPage",
]

KEPT_SECONDS = 30 * 24 * 3600.0
"""How long rows that have ended are kept: long enough to know a replayed id, and to tell a new session the past."""

PRUNE_BATCH = 50
"""Rows dropped at once: a step of some milliseconds, also from a slow disk, so that no turn waits for it."""


_ROW = "message_id, thread_id, author_id, state, request, prompt, reason, coalesce(exchange_id, message_id)"


class Journal:
    """The open database. Close it, or use it as a context manager."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        """Use `open`."""
        self._db = connection
        self._writer = Writer(connection)
        self.path = self._writer.file
        self.files = AttachmentFiles(folder_of(self.path))
        (self.journal_id,) = self._db.execute("SELECT value FROM facts WHERE name = 'journal_id'").fetchone()
        self.threads = ThreadRows(self._writer)
        self.signs = ReactionRows(self._writer)
        self.questions = QuestionRows(self._writer)
        self.notices = NoticeRows(self._writer)
        self.asks = PostedRequestRows(self._writer)
        self.posts = SentPages(self._writer)
        self.postscripts = Trailers(self._writer, self.files)
        """What follows the pages of exchanges. It goes when its exchange is answered, told or closed without a word."""
        self._moves: list[tuple[MessageState, str | None, int]] = []
        self.on_moved: Callable[[MessageState, str | None, int], None] = lambda _state, _reason, _count: None
        """Learns of each move, once it is written: the new state, why (`NEW` for a new message), how many rows."""

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open or create the file at `path`; see `open_database`. Raises `JournalError`."""
        connection = open_database(path)
        try:
            journal = cls(connection)
            journal._drop_forgotten()
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
        """How many rows this program has written: a number that moves with each write."""
        return self._db.total_changes

    def damaged(self, how: str) -> None:
        """Learn that the file is damaged: nothing more is written into it."""
        self._writer.damaged(how)

    @property
    def trouble(self) -> str:
        """Why the file cannot be written; empty where it can."""
        return self._writer.trouble

    def retry(self) -> None:
        """After a failure, see whether there is room again, and write what is owed; see `writer`."""
        self._writer.retry()

    # ---- conversations

    def knows(self, thread_id: int) -> bool:
        """Whether a conversation lives in this thread."""
        query = "SELECT 1 FROM conversations WHERE thread_id = ?"
        return self._db.execute(query, (thread_id,)).fetchone() is not None

    def fact(self, name: str) -> str:
        """Return something that was noted about the bot as a whole; empty where nothing was."""
        row = self._db.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return "" if row is None else row[0]

    @retried
    def note(self, name: str, value: str) -> None:
        """Note something about the bot as a whole."""
        with self._transaction():
            self._db.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, value))

    # ---- marks

    @retried
    def mark_seen(self, channel_id: int, message_id: int) -> None:
        """Move a channel's high-water mark: everything at or below it has been recorded or ignored. Never back."""
        seen = self.seen(channel_id)
        if seen is None or message_id > seen:
            with self._transaction():
                self._see(channel_id, message_id)

    def _see(self, channel_id: int, message_id: int) -> None:
        self._db.execute(
            "INSERT INTO marks VALUES (?, ?)"
            " ON CONFLICT DO UPDATE SET message_id = max(message_id, excluded.message_id)",
            (channel_id, message_id),
        )

    def seen(self, channel_id: int) -> int | None:
        """Return a channel's high-water mark; None where nothing was ever seen."""
        row = self._db.execute("SELECT message_id FROM marks WHERE channel_id = ?", (channel_id,)).fetchone()
        return None if row is None else row[0]

    # ---- messages

    def receive(
        self,
        message_id: int,
        *,
        thread_id: int,
        channel_id: int,
        guild_id: int | None,
        author_id: int,
        request: str = "",
        assignment: tuple[str, str] = ("", ""),
    ) -> bool:
        """Accept a message, and its conversation with it; it is seen then. False: it was accepted before.

        `request` is whatever the bot needs to take it up again after a restart; `assignment` the agent and directory
        of a conversation that begins.
        """
        now = time.time()
        with self._transaction():
            self._db.execute(
                "INSERT OR IGNORE INTO conversations"
                " (thread_id, channel_id, guild_id, created, agent, directory, opener_id) VALUES (?, ?, ?, ?, ?, ?, ?)",
                (thread_id, channel_id, guild_id, now, *assignment, author_id),
            )
            new = self._db.execute(
                "INSERT OR IGNORE INTO messages (message_id, thread_id, author_id, state, received, request)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (message_id, thread_id, author_id, MessageState.RECEIVED, now, request),
            ).rowcount
            if new:
                self._moves.append((MessageState.RECEIVED, NEW, 1))
                self._see(thread_id, message_id)
        return new == 1

    def mark(self, message_ids: Sequence[int], state: MessageState) -> None:
        """Move all these rows to `state`, or none. Raises `JournalError` where no such transition exists."""
        with self._transaction():
            self._move(message_ids, state)

    @retried
    def hold(self, message_ids: Sequence[int], *, held: bool) -> None:
        """Let rows that wait be held, or received again; all others stay as they are. For thousands one transaction."""
        before, state = (
            (MessageState.RECEIVED, MessageState.HELD) if held else (MessageState.HELD, MessageState.RECEIVED)
        )
        with self._transaction():
            self._move([each for each in message_ids if self.state(each) is before], state)

    def prompted(self, message_ids: Sequence[int], prompt: str) -> str | None:
        """Write down that the prompt is about to be sent, and what it is: a person may want it sent again.

        Returns what an earlier try had sent, if there was one.
        """
        with self._transaction():
            before = self.row(message_ids[-1])
            self._move(message_ids, MessageState.PROMPTED)
            self._join(message_ids)
            self._db.execute("UPDATE messages SET prompt = ? WHERE message_id = ?", (prompt, message_ids[-1]))
        return None if before is None else before.prompt

    @retried
    def unsent(self, message_ids: Sequence[int], earlier: str | None) -> None:
        """Write down that nothing was sent after all; `earlier` is what `prompted` returned."""
        with self._transaction():
            self._move(message_ids, MessageState.RECEIVED)
            self._db.execute("UPDATE messages SET prompt = ? WHERE message_id = ?", (earlier, message_ids[-1]))

    @retried
    def interrupt(self, message_ids: Sequence[int], pages: Sequence[str]) -> None:
        """Write down what the reply of a turn says that the bot's stop cut off; the rows stay prompted.

        The pages are owed until the reply has settled, or the prompt is to be sent `again`.
        """
        with self._transaction():
            self._keep_pages(message_ids, pages)

    def again(self, message_ids: Sequence[int]) -> None:
        """Let rows that were prompted be received once more; the pages that were owed are no longer."""
        with self._transaction():
            self._move(message_ids, MessageState.RECEIVED)
            self._drop_pages(message_ids)
            self.postscripts.drop(message_ids[-1])

    @retried
    def amend(self, message_id: int, request: str) -> None:
        """Replace the request of a message that waits. Of one that does not wait any more it stays what it was."""
        with self._transaction():
            self._db.execute(
                "UPDATE messages SET request = ? WHERE message_id = ? AND state IN ('received', 'held')",
                (request, message_id),
            )

    @retried
    def move(self, message_id: int, thread_id: int, request: str) -> None:
        """Give a message that waits to the conversation of another place in its channel.

        One that begins with it has the agent and the directory that the message was to have. The request, which says
        where the answer goes, is replaced.
        """
        with self._transaction():
            self._db.execute(
                "INSERT OR IGNORE INTO conversations"
                " (thread_id, channel_id, guild_id, created, agent, directory, opener_id)"
                " SELECT ?, channel_id, guild_id, ?, agent, directory, opener_id FROM conversations"
                " WHERE thread_id = (SELECT thread_id FROM messages WHERE message_id = ?)",
                (thread_id, time.time(), message_id),
            )
            self._db.execute(
                "UPDATE messages SET thread_id = ?, request = ? WHERE message_id = ? AND state IN ('received', 'held')",
                (thread_id, request, message_id),
            )

    @retried
    def close_rows(self, message_ids: Sequence[int], reason: str, pages: Sequence[str] = ()) -> None:
        """End rows without an answer, for `reason`, a word or two. `pages` say so, and are owed until `told`."""
        with self._transaction():
            self._move(message_ids, MessageState.CLOSED, reason)
            self._join(message_ids)
            self._drop_pages(message_ids)
            owed = self._keep_pages(message_ids, pages) > 0
            self._owe(message_ids, owed=owed)
            if not owed:
                self.postscripts.drop(message_ids[-1])

    @retried
    def told(self, message_ids: Sequence[int]) -> None:
        """Write down that nothing is owed any more about rows that were closed."""
        with self._transaction():
            self._drop_pages(message_ids)
            self._owe(message_ids, owed=False)
            self.postscripts.drop(message_ids[-1])

    @retried
    def finish(self, message_ids: Sequence[int], stop_reason: str, pages: Sequence[str]) -> None:
        """Write down that the turn has ended, and everything that must be posted, in one transaction."""
        with self._transaction():
            self._move(message_ids, MessageState.FINISHED, stop_reason)
            self._keep_pages(message_ids, pages)

    @retried
    def answer(self, message_ids: Sequence[int]) -> None:
        """Write down that Discord has confirmed the last page."""
        with self._transaction():
            self._move(message_ids, MessageState.ANSWERED)
            self.postscripts.drop(message_ids[-1])

    @retried
    def settle(self, message_ids: Sequence[int], *, confirmed: bool) -> None:
        """Write down that a reply has come to its end: Discord has confirmed all of it, or it was given up.

        Rows that are prompted still were interrupted.
        """
        match self.state(message_ids[-1]):
            case MessageState.FINISHED if confirmed:
                self.answer(message_ids)
            case MessageState.FINISHED:
                self.close_rows(message_ids, "undeliverable")
            case MessageState.CLOSED | MessageState.PROMPTED:
                self.told(message_ids)

    def state(self, message_id: int) -> MessageState | None:
        """Return the state of a message; None where it was never accepted."""
        row = self._db.execute("SELECT state FROM messages WHERE message_id = ?", (message_id,)).fetchone()
        return None if row is None else MessageState(row[0])

    def exchange(self, message_id: int) -> list[MessageRow]:
        """Return the rows of the exchange that a message is a request of, or a page of the reply; oldest first."""
        query = (
            "SELECT coalesce(exchange_id, message_id) FROM messages WHERE message_id ="
            " coalesce((SELECT exchange_id FROM posts WHERE message_id = ?), ?)"
        )
        last = self._db.execute(query, (message_id, message_id)).fetchone()
        query = (
            f"SELECT {_ROW} FROM messages"  # noqa: S608 - names from above
            " WHERE message_id = :last OR (exchange_id = :last AND exchange_id <> message_id) ORDER BY message_id"
        )
        return [] if last is None else [_row(fields) for fields in self._db.execute(query, {"last": last[0]})]

    def pages(self, message_id: int) -> list[str]:
        """Return the pages of a finished exchange, by its last message."""
        rows = self._db.execute("SELECT content FROM pages WHERE exchange_id = ? ORDER BY number", (message_id,))
        return [content for (content,) in rows]

    def open_rows(self) -> list[MessageRow]:
        """Return every row that has not ended, and those closed ones of which pages are owed, oldest message first."""
        # Two queries, each by an index of its own: no index gives both in order.
        found: list[MessageRow] = []
        for condition in ("state NOT IN ('answered', 'closed')", "owed"):
            query = f"SELECT {_ROW} FROM messages WHERE {condition}"  # noqa: S608 - names from above
            found += [_row(fields) for fields in self._db.execute(query)]
        return sorted(found, key=lambda row: row.message_id)

    def row(self, message_id: int) -> MessageRow | None:
        """Return the row of a message; None where it was never accepted."""
        query = f"SELECT {_ROW} FROM messages WHERE message_id = ?"  # noqa: S608 - names from above
        fields = self._db.execute(query, (message_id,)).fetchone()
        return None if fields is None else _row(fields)

    def earlier(self, thread_id: int, before: int, *, most: int) -> list[tuple[str, str]]:
        """Return a thread's last answered exchanges before a message, oldest first: the request and the answer."""
        query = (
            "SELECT request, (SELECT group_concat(content, char(10)) FROM"
            " (SELECT content FROM pages WHERE exchange_id = message_id ORDER BY number)) FROM messages"
            " WHERE thread_id = ? AND message_id < ? AND state = 'answered' ORDER BY message_id DESC LIMIT ?"
        )
        rows = self._db.execute(query, (thread_id, before, most)).fetchall()
        return [(request, answer or "") for request, answer in reversed(rows)]

    def prune(self) -> int:
        """Drop some rows that ended long ago, at most `PRUNE_BATCH`; return how many."""
        query = (
            "SELECT message_id FROM messages WHERE state IN ('answered', 'closed') AND received < ?"
            " ORDER BY received LIMIT ?"
        )
        ids = self._db.execute(query, (time.time() - KEPT_SECONDS, PRUNE_BATCH)).fetchall()
        if not ids:
            return 0
        with self._transaction():
            ended = {"pages": "exchange_id", "posts": "exchange_id", "signs": "message_id", "messages": "message_id"}
            for table, key in ended.items():
                self._db.executemany(f"DELETE FROM {table} WHERE {key} = ?", ids)  # noqa: S608 - names from the line above
        return len(ids)

    # ----

    def _drop_forgotten(self) -> None:
        """Close what has been on hold for `KEPT_SECONDS`. To be called before any row is recovered."""
        query = (  # Its first condition is that of the index by which the open rows are found.
            "SELECT message_id FROM messages WHERE state NOT IN ('answered', 'closed') AND state = ? AND received < ?"
        )
        rows = self._db.execute(query, (MessageState.HELD, time.time() - KEPT_SECONDS)).fetchall()
        for (message_id,) in rows:
            self.close_rows((message_id,), "dropped")

    def _join(self, message_ids: Sequence[int]) -> None:
        together = [(message_ids[-1], message_id) for message_id in message_ids]
        self._db.executemany("UPDATE messages SET exchange_id = ? WHERE message_id = ?", together)

    def _keep_pages(self, message_ids: Sequence[int], pages: Iterable[str]) -> int:
        rows = [(message_ids[-1], number, content) for number, content in enumerate(pages)]
        self._db.executemany("INSERT OR REPLACE INTO pages VALUES (?, ?, ?)", rows)
        return len(rows)

    def _drop_pages(self, message_ids: Sequence[int]) -> None:
        self._db.execute("DELETE FROM pages WHERE exchange_id = ?", (message_ids[-1],))

    def _owe(self, message_ids: Sequence[int], *, owed: bool) -> None:
        """Note whether pages are owed about rows that were closed."""
        self._db.execute("UPDATE messages SET owed = ? WHERE message_id = ?", (owed, message_ids[-1]))

    def _move(self, message_ids: Sequence[int], state: MessageState, reason: str | None = None) -> None:
        before = BEFORE[state]
        marks = ", ".join("?" * len(before))
        # Why a turn ended is still true when its answer is confirmed.
        change = (
            f"UPDATE messages SET state = ?, reason = coalesce(?, reason) WHERE message_id = ? AND state IN ({marks})"  # noqa: S608 - only question marks are put in
        )
        for message_id in message_ids:
            moved = self._db.execute(change, (state, reason, message_id, *before)).rowcount
            if moved != 1:
                raise JournalError(f"message {message_id} is {self.state(message_id)} and cannot become {state}")
        self._moves.append((state, reason, len(message_ids)))

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._writer.transaction():
            self._moves = []
            yield
        moves, self._moves = self._moves, []
        for move in moves:
            self.on_moved(*move)


def _row(fields: Sequence[Any]) -> MessageRow:
    message_id, thread_id, author_id, state, *others = fields
    return MessageRow(message_id, thread_id, author_id, MessageState(state), *others)
