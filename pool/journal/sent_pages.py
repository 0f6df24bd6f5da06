"""The rows of reply pages that are sent, or may be."""

from dataclasses import dataclass

from .transactions import Rows, retried


@dataclass(frozen=True, slots=True)
class SentPage:
    """A page that is sent, or may be. Without `message_id` that is unknown; without `content` too, it is not sent.

    `shown` is the part of the page that earlier messages showed, which are deleted or too old to edit.
    """

    number: int
    content: str
    message_id: int | None
    shown: str = ""


class SentPages(Rows):
    """The rows of sent pages; `Journal.sent_pages`."""

    def intend(self, exchange_id: int, number: int, content: str, shown: str = "") -> None:
        """Write down that a page, without the part that was `shown` before, is about to be sent."""
        with self._writer.transaction():
            self._db.execute(
                "INSERT OR REPLACE INTO posts VALUES (?, ?, ?, NULL, ?)", (exchange_id, number, content, shown)
            )

    @retried
    def break_before(self, exchange_id: int, number: int) -> None:
        """Write down that a page begins below a question: what comes after the pages before it needs a new message."""
        with self._writer.transaction():
            self._db.execute("INSERT OR IGNORE INTO posts VALUES (?, ?, '', NULL, '')", (exchange_id, number))

    @retried
    def posted(self, exchange_id: int, number: int, message_id: int) -> None:
        """Write down the message of a page."""
        with self._writer.transaction():
            self._db.execute(
                "UPDATE posts SET message_id = ? WHERE exchange_id = ? AND number = ?",
                (message_id, exchange_id, number),
            )

    @retried
    def left(self, exchange_id: int, number: int, shown: str) -> None:
        """Write down that a page's message is deleted, or no longer edited, after it showed `shown`."""
        with self._writer.transaction():
            self._db.execute(
                "UPDATE posts SET content = '', message_id = NULL, shown = ? WHERE exchange_id = ? AND number = ?",
                (shown, exchange_id, number),
            )

    @retried
    def drop(self, exchange_id: int) -> None:
        """Forget the pages of an exchange: its next try gets new messages."""
        with self._writer.transaction():
            self._db.execute("DELETE FROM posts WHERE exchange_id = ?", (exchange_id,))

    def of(self, exchange_id: int) -> list[SentPage]:
        """Return the pages of an exchange, by number."""
        query = "SELECT number, content, message_id, shown FROM posts WHERE exchange_id = ? ORDER BY number"
        return [SentPage(*fields) for fields in self._db.execute(query, (exchange_id,))]
