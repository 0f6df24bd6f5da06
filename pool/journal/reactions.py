"""The rows of status reactions that the bot must remove later."""

from .transactions import Rows, retried


class ReactionRows(Rows):
    """The rows of reactions; `Journal.reactions`."""

    @retried
    def put(self, channel_id: int, message_id: int, emoji: str) -> None:
        """Write down that a reaction is about to be added to a message."""
        with self._writer.transaction():
            self._db.execute("INSERT OR IGNORE INTO signs VALUES (?, ?, ?)", (message_id, emoji, channel_id))

    @retried
    def gone(self, message_id: int, emoji: str) -> None:
        """Write down that a reaction is not on a message, or no longer."""
        with self._writer.transaction():
            self._db.execute("DELETE FROM signs WHERE message_id = ? AND emoji = ?", (message_id, emoji))

    def all(self) -> dict[int, tuple[int, list[str]]]:
        """Return the messages that have reactions, or may have, each with its channel and the emoji."""
        found: dict[int, tuple[int, list[str]]] = {}
        rows = self._db.execute("SELECT message_id, channel_id, emoji FROM signs ORDER BY message_id, emoji")
        for message_id, channel_id, emoji in rows:
            found.setdefault(message_id, (channel_id, []))[1].append(emoji)
        return found
