"""The rows of accepted messages: state, request, prompt, and the pages of the reply.

Each state (see `message_states`) is written before its effect. The messages of an exchange change together. One of
them, always given last, has the prompt and the pages, and its id is the exchange's: the newest, unless later ones were
sent into the turn.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from .errors import WrongState
from .marks import MarkRows
from .message_states import BEFORE, LOST, NEW, MessageRow, MessageState, in_exchange
from .threads import UNASSIGNED, Assignment
from .trailers import Trailers
from .transactions import Rows, Writer, retried

KEPT_SECONDS = 30 * 24 * 3600.0
"""How long ended rows are kept: they identify a replayed message, and tell a new session what was said before."""

PRUNE_BATCH = 50
"""Rows dropped in one step: some milliseconds, even on a slow disk, so that no turn waits for it."""

GENERATIONS = 10
"""Forks of forks whose parents are read, for a new session that is told what was said before."""

OnMoved = Callable[[MessageState, str | None, int], None]
"""Takes the new state of rows, the reason (`NEW` for new messages), and their number."""

_ROW = "message_id, thread_id, author_id, state, request, prompt, reason, coalesce(exchange_id, message_id)"


class MessageRows(Rows):
    """The rows of messages; `Journal.messages`."""

    def __init__(
        self,
        writer: Writer,
        marks: MarkRows,
        trailers: Trailers,
        on_moved: OnMoved,
    ) -> None:
        """`writer`, `marks` and `trailers` are the journal's; for `on_moved` see `Journal.open`."""
        super().__init__(writer)
        self._marks = marks
        self._trailers = trailers
        self._on_moved = on_moved
        self._moves: list[tuple[MessageState, str | None, int]] = []

    def receive(
        self,
        message_id: int,
        *,
        thread_id: int,
        channel_id: int,
        guild_id: int | None,
        author_id: int,
        request: str = "",
        assignment: Assignment = UNASSIGNED,
    ) -> bool:
        """Accept a message, begin its conversation if it has none, and advance the thread's mark.

        `request` is what the bot needs to continue it after a restart; `assignment` is for a conversation that begins.
        Return False when the message was accepted before.
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
                self._marks.put(thread_id, message_id)
        return new == 1

    @retried
    def hold(self, message_ids: Sequence[int], *, held: bool) -> None:
        """Hold the received rows among these, or receive the held ones again, in one transaction."""
        before, state = (
            (MessageState.RECEIVED, MessageState.HELD) if held else (MessageState.HELD, MessageState.RECEIVED)
        )
        with self._transaction():
            self._move([each for each in message_ids if self.state(each) is before], state)

    def prompted(self, message_ids: Sequence[int], prompt: str) -> str | None:
        """Write down the prompt that is about to be sent. Return that of an earlier try, or None."""
        with self._transaction():
            before = self.row(message_ids[-1])
            self._move(message_ids, MessageState.PROMPTED)
            self._join(message_ids)
            self._set_prompt(message_ids[-1], prompt)
        return None if before is None else before.prompt

    @retried
    def unsent(self, message_ids: Sequence[int], earlier: str | None) -> None:
        """Undo `prompted`, because the prompt was not sent; `earlier` is what it returned."""
        with self._transaction():
            self._move(message_ids, MessageState.RECEIVED)
            self._set_prompt(message_ids[-1], earlier)

    def join(self, message_ids: Sequence[int], exchange_id: int, prompt: str) -> None:
        """Add messages that are about to be sent into a turn to its exchange, whose prompt is now `prompt`."""
        with self._transaction():
            self._move(message_ids, MessageState.PROMPTED)
            self._assign(message_ids, exchange_id)
            self._set_prompt(exchange_id, prompt)

    @retried
    def leave(self, message_ids: Sequence[int], exchange_id: int, prompt: str) -> None:
        """Undo `join`, because the turn has not taken the messages in; `prompt` is the exchange's without them."""
        with self._transaction():
            self._move(message_ids, MessageState.RECEIVED)
            self._join(message_ids)
            self._set_prompt(exchange_id, prompt)

    @retried
    def part(self, message_ids: Sequence[int], exchange_id: int, prompt: str, own: str) -> None:
        """Make joined messages an exchange of their own, prompted with `own`; `prompt` as in `leave`."""
        with self._transaction():
            self._join(message_ids)
            self._set_prompt(message_ids[-1], own)
            self._set_prompt(exchange_id, prompt)

    @retried
    def interrupt(self, message_ids: Sequence[int], pages: Sequence[str], *, lost: str = "") -> None:
        """Write down the reply of a turn that the bot's shutdown ended; the rows stay prompted.

        `lost` is the place to which the link was lost, where that has ended the turn: the rows' reason names it. The
        pages are owed until `settle` or `requeue`.
        """
        with self._transaction():
            self._keep_pages(message_ids, pages)
            if lost:
                reasons = [(f"{LOST}{lost}", message_id) for message_id in message_ids]
                self._db.executemany("UPDATE messages SET reason = ? WHERE message_id = ?", reasons)

    def requeue(self, message_ids: Sequence[int]) -> None:
        """Receive prompted rows once more. Their pages are no longer owed."""
        with self._transaction():
            self._move(message_ids, MessageState.RECEIVED)
            cleared = [(message_id,) for message_id in message_ids]
            self._db.executemany("UPDATE messages SET reason = NULL WHERE message_id = ?", cleared)
            self._drop_pages(message_ids)
            self._trailers.drop(message_ids[-1])

    @retried
    def amend(self, message_id: int, request: str) -> None:
        """Replace the request of a message that is received or held; ignore others."""
        with self._transaction():
            self._db.execute(
                "UPDATE messages SET request = ? WHERE message_id = ? AND state IN ('received', 'held')",
                (request, message_id),
            )

    @retried
    def move(self, message_id: int, thread_id: int, request: str) -> None:
        """Give a received or held message to the conversation of another place in its channel.

        A conversation that begins with it gets the agent and directory of the message's. The request, which says where
        the answer goes, is replaced.
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
    def close(self, message_ids: Sequence[int], reason: str, pages: Sequence[str] = ()) -> None:
        """End rows without an answer, for a `reason` of a word or two. `pages` are owed until `clear_owed`."""
        with self._transaction():
            self._move(message_ids, MessageState.CLOSED, reason)
            self._join(message_ids)
            self._drop_pages(message_ids)
            owed = self._keep_pages(message_ids, pages) > 0
            self._owe(message_ids, owed=owed)
            if not owed:
                self._trailers.drop(message_ids[-1])

    @retried
    def clear_owed(self, message_ids: Sequence[int]) -> None:
        """Write down that the pages of rows that were closed, or interrupted, are no longer owed."""
        with self._transaction():
            self._drop_pages(message_ids)
            self._owe(message_ids, owed=False)
            self._trailers.drop(message_ids[-1])

    @retried
    def finish(self, message_ids: Sequence[int], stop_reason: str, pages: Sequence[str]) -> None:
        """Write down that the turn has ended, and the pages that must be posted."""
        with self._transaction():
            self._move(message_ids, MessageState.FINISHED, stop_reason)
            self._keep_pages(message_ids, pages)

    @retried
    def answer(self, message_ids: Sequence[int]) -> None:
        """Write down that Discord has confirmed all pages."""
        with self._transaction():
            self._move(message_ids, MessageState.ANSWERED)
            self._trailers.drop(message_ids[-1])

    @retried
    def settle(self, message_ids: Sequence[int], *, confirmed: bool) -> None:
        """Write down that Discord has confirmed a reply, or that it was given up. Prompted rows were interrupted."""
        match self.state(message_ids[-1]):
            case MessageState.FINISHED if confirmed:
                self.answer(message_ids)
            case MessageState.FINISHED:
                self.close(message_ids, "undeliverable")
            case MessageState.CLOSED | MessageState.PROMPTED:
                self.clear_owed(message_ids)

    def state(self, message_id: int) -> MessageState | None:
        """Return the state of a message; None for one that was never accepted."""
        row = self._db.execute("SELECT state FROM messages WHERE message_id = ?", (message_id,)).fetchone()
        return None if row is None else MessageState(row[0])

    def exchange(self, message_id: int) -> list[MessageRow]:
        """Return the rows of the exchange to which a message belongs, as a request or a page, see `in_exchange`."""
        query = (
            "SELECT coalesce(exchange_id, message_id) FROM messages WHERE message_id ="
            " coalesce((SELECT exchange_id FROM posts WHERE message_id = ?), ?)"
        )
        last = self._db.execute(query, (message_id, message_id)).fetchone()
        query = (
            f"SELECT {_ROW} FROM messages"  # noqa: S608 - names from above
            " WHERE message_id = :last OR (exchange_id = :last AND exchange_id <> message_id)"
        )
        return [] if last is None else in_exchange(map(_row, self._db.execute(query, {"last": last[0]})))

    def pages(self, message_id: int) -> list[str]:
        """Return the pages of an exchange, by its last message."""
        rows = self._db.execute("SELECT content FROM pages WHERE exchange_id = ? ORDER BY number", (message_id,))
        return [content for (content,) in rows]

    def open_rows(self) -> list[MessageRow]:
        """Return the rows that have not ended, and the closed ones with owed pages; oldest message first."""
        # Two queries, each by its own index: no index gives both in order.
        found: list[MessageRow] = []
        for condition in ("state NOT IN ('answered', 'closed')", "owed"):
            query = f"SELECT {_ROW} FROM messages WHERE {condition}"  # noqa: S608 - names from above
            found += [_row(fields) for fields in self._db.execute(query)]
        return sorted(found, key=lambda row: row.message_id)

    def row(self, message_id: int) -> MessageRow | None:
        """Return the row of a message; None for one that was never accepted."""
        query = f"SELECT {_ROW} FROM messages WHERE message_id = ?"  # noqa: S608 - names from above
        fields = self._db.execute(query, (message_id,)).fetchone()
        return None if fields is None else _row(fields)

    def last_finished(self, thread_id: int) -> int | None:
        """Return the newest exchange of a thread whose reply is complete, delivered or not; None without one."""
        query = "SELECT max(message_id) FROM messages WHERE thread_id = ? AND state IN ('finished', 'answered')"
        (message_id,) = self._db.execute(query, (thread_id,)).fetchone()
        return message_id  # type: ignore[no-any-return]

    def earlier(self, thread_id: int, before: int, *, most: int) -> list[tuple[str, str]]:
        """Return up to `most` exchanges before a message whose replies are complete, oldest first: request and answer.

        Those of a fork follow those of its parent.
        """
        found: list[tuple[str, str]] = []
        query = "SELECT parent_id, upto + 1 FROM origins WHERE thread_id = ?"
        for _ in range(GENERATIONS):
            found = [*self._answered(thread_id, before, most=most - len(found)), *found]
            origin = self._db.execute(query, (thread_id,)).fetchone()
            if origin is None or len(found) >= most:
                break
            thread_id, before = origin
        return found

    def _answered(self, thread_id: int, before: int, *, most: int) -> list[tuple[str, str]]:
        query = (
            "SELECT request, (SELECT group_concat(content, char(10)) FROM"
            " (SELECT content FROM pages WHERE exchange_id = message_id ORDER BY number)) FROM messages"
            " WHERE thread_id = ? AND message_id < ? AND state IN ('finished', 'answered')"
            " ORDER BY message_id DESC LIMIT ?"
        )
        rows = self._db.execute(query, (thread_id, before, most)).fetchall()
        return [(request, answer or "") for request, answer in reversed(rows)]

    def prune(self) -> int:
        """Delete up to `PRUNE_BATCH` rows that ended `KEPT_SECONDS` ago. Return how many."""
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

    def drop_forgotten(self) -> None:
        """Close the rows that were received `KEPT_SECONDS` ago and are held. Call it before rows are recovered."""
        query = (  # The first condition makes SQLite use the index of open rows.
            "SELECT message_id FROM messages WHERE state NOT IN ('answered', 'closed') AND state = ? AND received < ?"
        )
        rows = self._db.execute(query, (MessageState.HELD, time.time() - KEPT_SECONDS)).fetchall()
        for (message_id,) in rows:
            self.close((message_id,), "dropped")

    def _join(self, message_ids: Sequence[int]) -> None:
        self._assign(message_ids, message_ids[-1])

    def _assign(self, message_ids: Sequence[int], exchange_id: int) -> None:
        together = [(exchange_id, message_id) for message_id in message_ids]
        self._db.executemany("UPDATE messages SET exchange_id = ? WHERE message_id = ?", together)

    def _set_prompt(self, exchange_id: int, prompt: str | None) -> None:
        self._db.execute("UPDATE messages SET prompt = ? WHERE message_id = ?", (prompt, exchange_id))

    def _keep_pages(self, message_ids: Sequence[int], pages: Iterable[str]) -> int:
        rows = [(message_ids[-1], number, content) for number, content in enumerate(pages)]
        self._db.executemany("INSERT OR REPLACE INTO pages VALUES (?, ?, ?)", rows)
        return len(rows)

    def _drop_pages(self, message_ids: Sequence[int]) -> None:
        self._db.execute("DELETE FROM pages WHERE exchange_id = ?", (message_ids[-1],))

    def _owe(self, message_ids: Sequence[int], *, owed: bool) -> None:
        """Note whether closed rows have owed pages."""
        self._db.execute("UPDATE messages SET owed = ? WHERE message_id = ?", (owed, message_ids[-1]))

    def _move(self, message_ids: Sequence[int], state: MessageState, reason: str | None = None) -> None:
        before = BEFORE[state]
        marks = ", ".join("?" * len(before))
        # The reason of a finished row stays when it is answered.
        change = (
            f"UPDATE messages SET state = ?, reason = coalesce(?, reason) WHERE message_id = ? AND state IN ({marks})"  # noqa: S608 - only question marks are put in
        )
        for message_id in message_ids:
            moved = self._db.execute(change, (state, reason, message_id, *before)).rowcount
            if moved != 1:
                raise WrongState(message_id, self.state(message_id), state)
        self._moves.append((state, reason, len(message_ids)))

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._writer.transaction():
            self._moves = []
            yield
        moves, self._moves = self._moves, []
        for move in moves:
            self._on_moved(*move)


def _row(fields: Sequence[Any]) -> MessageRow:
    message_id, thread_id, author_id, state, *others = fields
    return MessageRow(message_id, thread_id, author_id, MessageState(state), *others)
