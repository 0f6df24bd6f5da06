"""The rows of conversations: channel, people, agent and its place, sessions, choices, options and name."""

import json
import time
from collections.abc import Collection
from typing import NamedTuple

from .transactions import Rows, retried


class Assignment(NamedTuple):
    """The name of a conversation's agent, and its directory; empty if they were never written down."""

    agent: str = ""
    directory: str = ""


UNASSIGNED = Assignment()


class ThreadRows(Rows):
    """The rows of conversations, by thread; `Journal.threads`."""

    def knows(self, thread_id: int) -> bool:
        """Whether a conversation lives in this thread."""
        query = "SELECT 1 FROM conversations WHERE thread_id = ?"
        return self._db.execute(query, (thread_id,)).fetchone() is not None

    def known(self, thread_ids: Collection[int]) -> set[int]:
        """Return those of these threads in which a conversation lives, in one statement: there may be thousands."""
        query = "SELECT thread_id FROM conversations WHERE thread_id IN (SELECT value FROM json_each(?))"
        return {thread_id for (thread_id,) in self._db.execute(query, (json.dumps([*thread_ids]),))}

    def place(self, thread_id: int) -> tuple[int | None, int] | None:
        """Return the guild and the channel in which the thread was opened; None without a conversation."""
        query = "SELECT guild_id, channel_id FROM conversations WHERE thread_id = ?"
        row: tuple[int | None, int] | None = self._db.execute(query, (thread_id,)).fetchone()
        return row

    def direct(self) -> list[int]:
        """Return the conversations in direct messages."""
        rows = self._db.execute("SELECT thread_id FROM conversations WHERE guild_id IS NULL ORDER BY thread_id")
        return [thread_id for (thread_id,) in rows]

    def in_channel(self, channel_id: int) -> list[int]:
        """Return the conversations in the threads of a channel, and in the channel itself."""
        query = "SELECT thread_id FROM conversations WHERE channel_id = ? OR thread_id = ?"
        return [thread_id for (thread_id,) in self._db.execute(query, (channel_id, channel_id))]

    def in_guild(self, guild_id: int) -> list[int]:
        """Return the conversations in a guild."""
        rows = self._db.execute("SELECT thread_id FROM conversations WHERE guild_id = ?", (guild_id,))
        return [thread_id for (thread_id,) in rows]

    def asker(self, thread_id: int) -> int | None:
        """Return the author of the thread's oldest open exchange; without one, of its first message.

        Who wrote what was sent into a turn does not become its asker.
        """
        query = (
            "SELECT author_id FROM messages WHERE thread_id = ? AND state NOT IN ('answered', 'closed')"
            " AND coalesce(exchange_id, message_id) = message_id ORDER BY message_id LIMIT 1"
        )
        row = self._db.execute(query, (thread_id,)).fetchone()
        return self.opener(thread_id) if row is None else row[0]

    def opener(self, thread_id: int) -> int | None:
        """Return the author of the first message that was accepted in the thread."""
        query = "SELECT opener_id FROM conversations WHERE thread_id = ?"
        row = self._db.execute(query, (thread_id,)).fetchone()
        return None if row is None else row[0]

    def assignment(self, thread_id: int) -> tuple[int, Assignment]:
        """Return the channel in which a thread was opened, or the thread itself, and its assignment."""
        query = "SELECT channel_id, agent, directory FROM conversations WHERE thread_id = ?"
        row = self._db.execute(query, (thread_id,)).fetchone()
        return (thread_id, UNASSIGNED) if row is None else (row[0], Assignment(*row[1:]))

    def assign(self, thread_id: int, assignment: Assignment) -> None:
        """Give a thread another agent and directory. Its place, session, choices, options and rules are forgotten."""
        with self._writer.transaction():
            self._db.execute(
                "UPDATE conversations SET agent = ?, directory = ?, place = '', session_id = NULL, offers = ''"
                " WHERE thread_id = ?",
                (*assignment, thread_id),
            )
            self._db.execute("DELETE FROM choices WHERE thread_id = ?", (thread_id,))
            self._db.execute("DELETE FROM command_rules WHERE thread_id = ?", (thread_id,))
            self._forget_origin(thread_id)

    def agent_place(self, thread_id: int) -> str:
        """Return the name of the place at which a thread's agent runs; empty before its first start."""
        row = self._db.execute("SELECT place FROM conversations WHERE thread_id = ?", (thread_id,)).fetchone()
        return "" if row is None else row[0]

    def set_agent_place(self, thread_id: int, place: str) -> None:
        """Give a thread a place. A session that it has is still at the earlier one, see `session_place`."""
        with self._writer.transaction():
            self._db.execute("UPDATE conversations SET place = ? WHERE thread_id = ?", (place, thread_id))

    @retried
    def keep_agent_place(self, thread_id: int, place: str) -> None:
        """Remember the place at which a thread's agent runs already."""
        self.set_agent_place(thread_id, place)

    def session_place(self, thread_id: int) -> str:
        """Return the place at which the thread's session was opened; without a session, `agent_place`."""
        query = (
            "SELECT coalesce(sessions.place, conversations.place) FROM conversations"
            " LEFT JOIN sessions USING (thread_id, session_id) WHERE thread_id = ?"
        )
        row = self._db.execute(query, (thread_id,)).fetchone()
        return "" if row is None else row[0]

    def session_id(self, thread_id: int) -> str | None:
        """Return the thread's ACP session; None without one."""
        row = self._db.execute("SELECT session_id FROM conversations WHERE thread_id = ?", (thread_id,)).fetchone()
        return None if row is None else row[0]

    @retried
    def set_session(self, thread_id: int, session_id: str | None) -> None:
        """Remember the session of a thread; None forgets it."""
        with self._writer.transaction():
            self._db.execute("UPDATE conversations SET session_id = ? WHERE thread_id = ?", (session_id, thread_id))
            if session_id is None:
                self._forget_origin(thread_id)
            else:
                self._note_session(thread_id)

    def resume_session(self, thread_id: int, session_id: str, place: str) -> None:
        """Give a thread a session that exists: at the place where the thread had it, else at `place`."""
        with self._writer.transaction():
            query = "SELECT place FROM sessions WHERE thread_id = ? AND session_id = ?"
            known = self._db.execute(query, (thread_id, session_id)).fetchone()
            self._db.execute(
                "UPDATE conversations SET session_id = ?, place = ? WHERE thread_id = ?",
                (session_id, place if known is None else known[0], thread_id),
            )
            self._note_session(thread_id)

    def _note_session(self, thread_id: int) -> None:
        """Add the thread's session, as part of another transaction, to those that it has had."""
        self._db.execute(
            "INSERT OR IGNORE INTO sessions"
            " SELECT session_id, thread_id, agent, directory, ?, place FROM conversations WHERE thread_id = ?",
            (time.time(), thread_id),
        )

    def _forget_origin(self, thread_id: int) -> None:
        """Forget, as part of another transaction, what a new session of a fork would be told."""
        self._db.execute("DELETE FROM origins WHERE thread_id = ?", (thread_id,))

    def has_session(self, thread_id: int, session_id: str) -> bool:
        """Whether a session belongs to a thread with the agent, the directory and the place that it has now."""
        query = (
            "SELECT 1 FROM sessions JOIN conversations USING (thread_id, agent, directory, place)"
            " WHERE thread_id = ? AND sessions.session_id = ?"
        )
        return self._db.execute(query, (thread_id, session_id)).fetchone() is not None

    def knows_session(self, thread_id: int, session_id: str) -> bool:
        """Whether any thread has, or had, this session of the agent that a thread has now."""
        query = (
            "SELECT 1 FROM sessions JOIN conversations USING (agent)"
            " WHERE conversations.thread_id = ? AND sessions.session_id = ?"
        )
        return self._db.execute(query, (thread_id, session_id)).fetchone() is not None

    def past_sessions(self, thread_id: int) -> dict[str, float]:
        """Return a thread's earlier sessions with its agent and when each began; newest first."""
        query = (
            "SELECT sessions.session_id, began FROM sessions JOIN conversations USING (thread_id, agent, directory)"
            " WHERE thread_id = ? AND sessions.session_id IS NOT conversations.session_id ORDER BY began DESC"
        )
        return dict(self._db.execute(query, (thread_id,)))

    def session_thread(self, session_id: str) -> int | None:
        """Return the thread that had a session last; None for a session that no thread began."""
        query = "SELECT thread_id FROM sessions WHERE session_id = ? ORDER BY began DESC LIMIT 1"
        row = self._db.execute(query, (session_id,)).fetchone()
        return None if row is None else row[0]

    def choose(self, thread_id: int, name: str, value: str) -> None:
        """Remember a person's choice for a thread: its mode, or an option by its id."""
        with self._writer.transaction():
            self._db.execute("INSERT OR REPLACE INTO choices VALUES (?, ?, ?)", (thread_id, name, value))

    @retried
    def keep(self, thread_id: int, name: str, value: str) -> None:
        """Remember a choice that is in effect already, see `choose`."""
        self.choose(thread_id, name, value)

    def choices(self, thread_id: int) -> dict[str, str]:
        """Return the choices for a thread."""
        return dict(self._db.execute("SELECT name, value FROM choices WHERE thread_id = ?", (thread_id,)))

    def offers(self, thread_id: int) -> str:
        """Return the last known settings and commands of a thread's agent, as `set_offers` got them."""
        row = self._db.execute("SELECT offers FROM conversations WHERE thread_id = ?", (thread_id,)).fetchone()
        return "" if row is None else row[0]

    @retried
    def set_offers(self, thread_id: int, offers: str) -> None:
        """Remember the settings and commands of a thread's agent for the time it is asleep."""
        with self._writer.transaction():
            self._db.execute("UPDATE conversations SET offers = ? WHERE thread_id = ?", (offers, thread_id))

    def name(self, thread_id: int) -> str:
        """Return the name that the bot gave a thread; empty if it must not rename it."""
        row = self._db.execute("SELECT name FROM conversations WHERE thread_id = ?", (thread_id,)).fetchone()
        return "" if row is None else row[0]

    @retried
    def set_name(self, thread_id: int, name: str) -> None:
        """Remember the name that the bot gave a thread; empty if it must not rename it."""
        with self._writer.transaction():
            self._db.execute("UPDATE conversations SET name = ? WHERE thread_id = ?", (name, thread_id))
