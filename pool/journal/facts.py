"""The rows of facts about the bot as a whole."""

from .transactions import Rows, retried


class FactRows(Rows):
    """The rows of facts, by name; `Journal.facts`."""

    def value(self, name: str) -> str:
        """Return a fact; empty where it is unknown."""
        row = self._db.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return "" if row is None else row[0]

    @retried
    def note(self, name: str, value: str) -> None:
        """Write a fact down, in place of its earlier value."""
        with self._writer.transaction():
            self._db.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, value))
