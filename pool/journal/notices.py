"""The rows of notices: messages of the bot in threads, which are deleted when their cause ends."""

from dataclasses import astuple, dataclass

from .transactions import Rows, retried


@dataclass(frozen=True, slots=True)
class NoticeRow:
    """A notice that is posted, or may be: without `message_id` that is unknown.

    `about` is the message that it is about, 0 for none; `since` is when it was first to be posted, in Unix time;
    `content` is its text then, and `components_v2` whether its message consists of components.
    """

    nonce: str
    thread_id: int
    kind: str
    about: int
    since: float
    content: str
    message_id: int | None
    components_v2: bool = False


class NoticeRows(Rows):
    """The rows of notices; `Journal.notices`."""

    @retried
    def begin(self, notice: NoticeRow) -> None:
        """Write down that a notice is about to be posted, for the first time or again."""
        with self._writer.transaction():
            self._db.execute("INSERT OR REPLACE INTO notices VALUES (?, ?, ?, ?, ?, ?, ?, ?)", astuple(notice))

    @retried
    def posted(self, nonce: str, message_id: int) -> None:
        """Write down the message of a notice."""
        with self._writer.transaction():
            self._db.execute("UPDATE notices SET message_id = ? WHERE nonce = ?", (message_id, nonce))

    @retried
    def gone(self, nonce: str) -> None:
        """Write down that a notice is deleted, or has ended with a final text."""
        with self._writer.transaction():
            self._db.execute("DELETE FROM notices WHERE nonce = ?", (nonce,))

    @retried
    def forget(self, thread_id: int) -> None:
        """Write down that a thread and its notices are deleted."""
        with self._writer.transaction():
            self._db.execute("DELETE FROM notices WHERE thread_id = ?", (thread_id,))

    def all(self) -> list[NoticeRow]:
        """Return the notices that have not ended, oldest first."""
        names = "nonce, thread_id, kind, about, since, content, message_id, components_v2"
        rows = self._db.execute(f"SELECT {names} FROM notices ORDER BY since")  # noqa: S608 - from above
        return [NoticeRow(*fields) for fields in rows]
