"""The rows of reply pages that were sent, or may have been."""

from dataclasses import dataclass

from .transactions import Rows, retried

__all__ = ["SentPage", "SentPages"]


@dataclass(frozen=True, slots=True)
class SentPage:
    """A page that was to be sent. Without `message_id` nobody knows whether it was, unless it has no `content` either.

    `shown` is what of the page other messages have shown: those that were left for their age, or are deleted.
    """

    number: int
    content: str
    message_id: int | None
    shown: str = ""


class SentPages(Rows):
    """The rows of sent pages; `Journal.sent_pages`."""

    def intend(self, exchange_id: int, number: int, content: str, shown: str = "") -> None:
        """Write down that a page, or what of it was not `shown` before, is about to be sent for the first time."""
        with self._writer.transaction():
            self._db.execute(
                "INSERT OR REPLACE INTO posts VALUES (?, ?, ?, NULL, ?)", (exchange_id, number, content, shown)
            )

    @retried
    def posted(self, exchange_id: int, number: int, message_id: int) -> None:
        """Write down which message an intended page has become."""
        with self._writer.transaction():
            self._db.execute(
                "UPDATE posts SET message_id = ? WHERE exchange_id = ? AND number = ?",
                (message_id, exchange_id, number),
            )

    @retried
    def left(self, exchange_id: int, number: int, shown: str) -> None:
        """Write down that a page's message was left, or is deleted, when so much of the page was `shown`."""
        with self._writer.transaction():
            self._db.execute(
                "UPDATE posts SET content = '', message_id = NULL, shown = ? WHERE exchange_id = ? AND number = ?",
                (shown, exchange_id, number),
            )

    @retried
    def drop(self, exchange_id: int) -> None:
        """Forget the pages of an exchange: its next try has messages of its own."""
        with self._writer.transaction():
            self._db.execute("DELETE FROM posts WHERE exchange_id = ?", (exchange_id,))

    def of(self, exchange_id: int) -> list[SentPage]:
        """Return the pages of an exchange that were sent, or may have been, by number."""
        query = "SELECT number, content, message_id, shown FROM posts WHERE exchange_id = ? ORDER BY number"
        return [SentPage(*fields) for fields in self._db.execute(query, (exchange_id,))]
