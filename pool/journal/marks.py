"""The high-water marks of channels: all messages up to a mark are recorded or ignored."""

import json
from collections.abc import Collection, Mapping

from .transactions import Rows, retried


class MarkRows(Rows):
    """The rows of marks, by channel; `Journal.marks`."""

    def seen(self, channel_id: int) -> int | None:
        """Return a channel's mark; None where it has none."""
        row = self._db.execute("SELECT message_id FROM marks WHERE channel_id = ?", (channel_id,)).fetchone()
        return None if row is None else row[0]

    def among(self, channel_ids: Collection[int]) -> dict[int, int]:
        """Return the marks of those of these channels that have one, in one statement: there may be thousands."""
        query = "SELECT channel_id, message_id FROM marks WHERE channel_id IN (SELECT value FROM json_each(?))"
        return dict(self._db.execute(query, (json.dumps([*channel_ids]),)))

    @retried
    def begin(self, marks: Mapping[int, int]) -> None:
        """Give marks, by channel, to channels that have none, in one transaction."""
        if marks:
            with self._writer.transaction():
                for channel_id, message_id in marks.items():
                    self.put(channel_id, message_id)

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
