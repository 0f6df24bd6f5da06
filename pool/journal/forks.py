"""The rows of forks: those in progress, the points from which one can be taken, and where each fork comes from."""

import time
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields, replace
from enum import StrEnum
from typing import Any

from .transactions import Rows, retried


class ForkKind(StrEnum):
    """What a fork knows of the conversation that it comes from."""

    MESSAGE = "message"
    """What was said up to a message."""

    LATEST = "latest"
    """All that was said."""

    HISTORY = "history"
    """What its first prompt tells: it is a new session."""


@dataclass(frozen=True, slots=True)
class ForkRow:
    """A fork in progress. Its three states follow from the last three fields, each written before the next effect.

    Asked: without a `kind`. Taken: with a `kind`, and the new `session_id` unless that is `HISTORY`. Posted: with a
    `thread_id`, whose conversation has begun.

    `fork_id` is the id of the command, `about` the message that a person chose, 0 for none. `upto` is the last exchange
    of `parent_id` that a new session is told, 0 for none. `source` is where the fork is taken, its session empty if
    there is none. `request` has the text for the new thread. `line_id` is the message in the parent thread that tells
    of the fork.
    """

    fork_id: int
    parent_id: int
    channel_id: int
    guild_id: int
    author_id: int
    about: int
    upto: int
    source_session: str
    source_message: str
    request: str
    line_id: int | None = None
    kind: ForkKind | None = None
    session_id: str | None = None
    thread_id: int | None = None


@dataclass(frozen=True, slots=True)
class ForkPoint:
    """The session in which an exchange took place, and the agent's last message of it; empty if it has no id."""

    session_id: str
    message_id: str = ""


_NAMES = ", ".join(each.name for each in fields(ForkRow))


class ForkRows(Rows):
    """The rows of forks; `Journal.forks`."""

    # ---- in progress

    def begin(self, fork: ForkRow) -> None:
        """Write down that a fork is about to be taken. Raises `JournalUnwritable`."""
        with self._writer.transaction():
            values = astuple(fork)
            marks = ", ".join("?" * len(values))
            self._db.execute(f"INSERT INTO forks ({_NAMES}) VALUES ({marks})", values)  # noqa: S608 - names from above

    @retried
    def told(self, fork_id: int, line_id: int) -> None:
        """Write down the message in the parent thread that tells of a fork."""
        with self._writer.transaction():
            self._db.execute("UPDATE forks SET line_id = ? WHERE fork_id = ?", (line_id, fork_id))

    def taken(self, fork_id: int, kind: ForkKind, session_id: str | None) -> None:
        """Write down that a fork is taken, before it gets its thread. Raises `JournalUnwritable`."""
        with self._writer.transaction():
            change = "UPDATE forks SET kind = ?, session_id = ? WHERE fork_id = ?"
            self._db.execute(change, (kind, session_id, fork_id))

    def posted(self, fork_id: int, thread_id: int) -> None:
        """Begin the conversation of a fork, whose thread is about to be opened. Raises `JournalUnwritable`.

        It has the agent, directory and choices of its parent, and the place of its session: its parent may have
        moved since the fork was taken.
        """
        now = time.time()
        with self._writer.transaction():
            self._db.execute("UPDATE forks SET thread_id = ? WHERE fork_id = ?", (thread_id, fork_id))
            self._db.execute(
                "INSERT OR IGNORE INTO conversations"
                " (thread_id, channel_id, guild_id, session_id, created, agent, directory, place, opener_id)"
                " SELECT ?, forks.channel_id, forks.guild_id, forks.session_id, ?, parent.agent, parent.directory,"
                " coalesce(sessions.place, parent.place), author_id"
                " FROM forks JOIN conversations AS parent ON parent.thread_id = parent_id"
                " LEFT JOIN sessions ON forks.session_id IS NOT NULL"
                " AND sessions.session_id = source_session AND sessions.thread_id = parent_id WHERE fork_id = ?",
                (thread_id, now, fork_id),
            )
            self._db.execute(
                "INSERT OR IGNORE INTO sessions SELECT session_id, thread_id, agent, directory, ?, place"
                " FROM conversations WHERE thread_id = ? AND session_id IS NOT NULL",
                (now, thread_id),
            )
            self._db.execute(
                "INSERT OR IGNORE INTO choices SELECT ?, name, value FROM choices"
                " WHERE thread_id = (SELECT parent_id FROM forks WHERE fork_id = ?)",
                (thread_id, fork_id),
            )
            self._db.execute(
                "INSERT OR IGNORE INTO origins SELECT ?, parent_id, upto FROM forks WHERE fork_id = ?",
                (thread_id, fork_id),
            )

    @retried
    def end(self, fork_id: int) -> None:
        """Write down that a fork is complete, or has failed."""
        with self._writer.transaction():
            self._db.execute("DELETE FROM forks WHERE fork_id = ?", (fork_id,))

    def all(self) -> list[ForkRow]:
        """Return the forks in progress, oldest first."""
        rows = self._db.execute(f"SELECT {_NAMES} FROM forks ORDER BY fork_id")  # noqa: S608 - names from above
        return [_row(values) for values in rows]

    # ---- where forks can be taken, and where they come from

    @retried
    def note_point(self, exchange_id: int, point: ForkPoint) -> None:
        """Write down where a fork after an exchange begins."""
        with self._writer.transaction():
            self._db.execute("INSERT OR REPLACE INTO fork_points VALUES (?, ?, ?)", (exchange_id, *astuple(point)))

    def point(self, exchange_id: int) -> ForkPoint | None:
        """Return where a fork after an exchange begins; None if that was not written down."""
        query = "SELECT session_id, message_id FROM fork_points WHERE exchange_id = ?"
        row = self._db.execute(query, (exchange_id,)).fetchone()
        return None if row is None else ForkPoint(*row)

    def parent(self, thread_id: int) -> int | None:
        """Return the thread that a thread was forked from, as long as its agent knows of it; None for no fork."""
        row = self._db.execute("SELECT parent_id FROM origins WHERE thread_id = ?", (thread_id,)).fetchone()
        return None if row is None else row[0]


def _row(values: Sequence[Any]) -> ForkRow:
    row = ForkRow(*values)
    return row if row.kind is None else replace(row, kind=ForkKind(row.kind))
