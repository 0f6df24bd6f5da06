"""The rows of threads: place, people, agent, sessions, choices, options and name."""

import time
from typing import NamedTuple

from .transactions import Rows, retried

__all__ = ["UNASSIGNED", "Assignment", "ThreadRows"]


class Assignment(NamedTuple):
    """A conversation's agent, by name, and its directory; empty where they were never written down."""

    agent: str = ""
    directory: str = ""


UNASSIGNED = Assignment()


class ThreadRows(Rows):
    """The rows of conversations, by thread; `Journal.threads`."""

    def knows(self, thread_id: int) -> bool:
        """Whether a conversation lives in this thread."""
        query = "SELECT 1 FROM conversations WHERE thread_id = ?"
        return self._db.execute(query, (thread_id,)).fetchone() is not None

    def place(self, thread_id: int) -> tuple[int | None, int] | None:
        """Return the guild and the channel in which the thread was opened."""
        query = "SELECT guild_id, channel_id FROM conversations WHERE thread_id = ?"
        row: tuple[int | None, int] | None = self._db.execute(query, (thread_id,)).fetchone()
        return row

    def direct(self) -> list[int]:
        """Return the conversations that live in direct messages."""
        rows = self._db.execute("SELECT thread_id FROM conversations WHERE guild_id IS NULL ORDER BY thread_id")
        return [thread_id for (thread_id,) in rows]

    def in_channel(self, channel_id: int) -> list[int]:
        """Return the threads that were opened in a channel, and the channel itself if a conversation lives there."""
        query = "SELECT thread_id FROM conversations WHERE channel_id = ? OR thread_id = ?"
        return [thread_id for (thread_id,) in self._db.execute(query, (channel_id, channel_id))]

    def in_guild(self, guild_id: int) -> list[int]:
        """Return the threads of a guild."""
        rows = self._db.execute("SELECT thread_id FROM conversations WHERE guild_id = ?", (guild_id,))
        return [thread_id for (thread_id,) in rows]

    def asker(self, thread_id: int) -> int | None:
        """Return who wrote the thread's oldest open message; with none open, who began the conversation."""
        query = (
            "SELECT author_id FROM messages WHERE thread_id = ? AND state NOT IN ('answered', 'closed')"
            " ORDER BY message_id LIMIT 1"
        )
        row = self._db.execute(query, (thread_id,)).fetchone()
        return self.opener(thread_id) if row is None else row[0]

    def opener(self, thread_id: int) -> int | None:
        """Return who began the conversation, however long ago: whose message was the first that was accepted there."""
        query = "SELECT opener_id FROM conversations WHERE thread_id = ?"
        row = self._db.execute(query, (thread_id,)).fetchone()
        return None if row is None else row[0]

    def assignment(self, thread_id: int) -> tuple[int, Assignment]:
        """Return the channel in which a thread was opened, and its agent and directory.

        Where no conversation lives in the thread, the channel is the thread itself.
        """
        query = "SELECT channel_id, agent, directory FROM conversations WHERE thread_id = ?"
        row = self._db.execute(query, (thread_id,)).fetchone()
        return (thread_id, UNASSIGNED) if row is None else (row[0], Assignment(*row[1:]))

    def assign(self, thread_id: int, assignment: Assignment) -> None:
        """Give a thread another agent and directory. Its session and what was chosen for it are forgotten."""
        with self._writer.transaction():
            self._db.execute(
                "UPDATE conversations SET agent = ?, directory = ?, session_id = NULL, offers = '' WHERE thread_id = ?",
                (*assignment, thread_id),
            )
            self._db.execute("DELETE FROM choices WHERE thread_id = ?", (thread_id,))

    def session_id(self, thread_id: int) -> str | None:
        """Return the ACP session that belongs to the thread, if one was ever opened and not forgotten."""
        row = self._db.execute("SELECT session_id FROM conversations WHERE thread_id = ?", (thread_id,)).fetchone()
        return None if row is None else row[0]

    @retried
    def set_session(self, thread_id: int, session_id: str | None) -> None:
        """Remember the session of a thread, or with None forget it."""
        with self._writer.transaction():
            self._db.execute("UPDATE conversations SET session_id = ? WHERE thread_id = ?", (session_id, thread_id))
            if session_id is not None:
                self._db.execute(
                    "INSERT OR IGNORE INTO sessions"
                    " SELECT session_id, thread_id, agent, directory, ? FROM conversations WHERE thread_id = ?",
                    (time.time(), thread_id),
                )

    def past_sessions(self, thread_id: int) -> dict[str, float]:
        """Return the sessions that a thread has had with its agent, without today's; newest first, when each began."""
        query = (
            "SELECT sessions.session_id, began FROM sessions JOIN conversations USING (thread_id, agent, directory)"
            " WHERE thread_id = ? AND sessions.session_id IS NOT conversations.session_id ORDER BY began DESC"
        )
        return dict(self._db.execute(query, (thread_id,)))

    def session_thread(self, session_id: str) -> int | None:
        """Return the thread that has, or has last had, a session; None where it was not created for one."""
        query = "SELECT thread_id FROM sessions WHERE session_id = ? ORDER BY began DESC LIMIT 1"
        row = self._db.execute(query, (session_id,)).fetchone()
        return None if row is None else row[0]

    def choose(self, thread_id: int, name: str, value: str) -> None:
        """Remember what a person chose for a thread: its mode, or an option by its id."""
        with self._writer.transaction():
            self._db.execute("INSERT OR REPLACE INTO choices VALUES (?, ?, ?)", (thread_id, name, value))

    def choices(self, thread_id: int) -> dict[str, str]:
        """Return what was chosen for a thread."""
        return dict(self._db.execute("SELECT name, value FROM choices WHERE thread_id = ?", (thread_id,)))

    def offers(self, thread_id: int) -> str:
        """Return what was last known of the settings and commands of a thread's agent, as `set_offers` was given it."""
        row = self._db.execute("SELECT offers FROM conversations WHERE thread_id = ?", (thread_id,)).fetchone()
        return "" if row is None else row[0]

    @retried
    def set_offers(self, thread_id: int, offers: str) -> None:
        """Remember what a thread's agent can be set to and told, for as long as it sleeps."""
        with self._writer.transaction():
            self._db.execute("UPDATE conversations SET offers = ? WHERE thread_id = ?", (offers, thread_id))

    def name(self, thread_id: int) -> str:
        """Return the name that the bot gave a thread; empty where it may not give another one."""
        row = self._db.execute("SELECT name FROM conversations WHERE thread_id = ?", (thread_id,)).fetchone()
        return "" if row is None else row[0]

    @retried
    def set_name(self, thread_id: int, name: str) -> None:
        """Remember the name that the bot gave a thread, or with an empty one that it gives no other."""
        with self._writer.transaction():
            self._db.execute("UPDATE conversations SET name = ? WHERE thread_id = ?", (name, thread_id))
