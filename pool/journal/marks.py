"""The high-water marks of channels: all messages up to a mark are recorded or ignored."""

from .transactions import Rows, retried


class MarkRows(Rows):
    """The rows of marks, by channel; `Journal.marks`."""

    def seen(self, channel_id: int) -> int | None:
        """Return a channel's mark; None where it has none."""
        row = self._db.execute("SELECT message_id FROM marks WHERE channel_id = ?", (channel_id,)).fetchone()
        return None if row is None else row[0]

    @retried
    def advance(self, channel_id: int, message_id: int) -> None:
        """Move a channel's mark to a message. A mark never moves back."""
        seen = self.seen(channel_id)
        if seen is None or message_id > seen:
            with self._writer.transaction():
                self.put(channel_id, message_id)

    def put(self, channel_id: int, message_id: int) -> None:
        """Move a channel's mark as part of another transaction."""
        self._db.execute(
            "INSERT INTO marks VALUES (?, ?)"
            " ON CONFLICT DO UPDATE SET message_id = max(message_id, excluded.message_id)",
            (channel_id, message_id),
        )
