"""The rows of notices: the bot's own messages in threads, which end with their cause."""

from dataclasses import astuple, dataclass

from .transactions import Rows, retried

__all__ = ["NoticeRow", "NoticeRows"]


@dataclass(frozen=True, slots=True)
class NoticeRow:
    """A notice that stands, or may stand: without `message_id` it is not known whether it was posted.

    `about` is the message that it is about, 0 for none; `since` is when it was first to be posted, in Unix time;
    `content` is what it said then.
    """

    nonce: str
    thread_id: int
    kind: str
    about: int
    since: float
    content: str
    message_id: int | None


class NoticeRows(Rows):
    """The rows of notices; `Journal.notices`."""

    @retried
    def begin(self, notice: NoticeRow) -> None:
        """Write down that a notice is about to be posted, also where that has been refused before."""
        with self._writer.transaction():
            self._db.execute("INSERT OR REPLACE INTO notices VALUES (?, ?, ?, ?, ?, ?, ?)", astuple(notice))

    @retried
    def posted(self, nonce: str, message_id: int) -> None:
        """Write down which message a notice has become."""
        with self._writer.transaction():
            self._db.execute("UPDATE notices SET message_id = ? WHERE nonce = ?", (message_id, nonce))

    @retried
    def gone(self, nonce: str) -> None:
        """Write down that a notice is gone, or says how its matter ended and has no buttons any more."""
        with self._writer.transaction():
            self._db.execute("DELETE FROM notices WHERE nonce = ?", (nonce,))

    @retried
    def forget(self, thread_id: int) -> None:
        """Write down that all notices of a thread are gone, for the thread is."""
        with self._writer.transaction():
            self._db.execute("DELETE FROM notices WHERE thread_id = ?", (thread_id,))

    def all(self) -> list[NoticeRow]:
        """Return the notices that have to go some day, oldest first."""
        query = "SELECT nonce, thread_id, kind, about, since, content, message_id FROM notices ORDER BY since"
        return [NoticeRow(*fields) for fields in self._db.execute(query)]
