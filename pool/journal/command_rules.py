"""The rows of rules that allow commands in a thread without a question."""

from dataclasses import astuple, dataclass

from .transactions import Rows


@dataclass(frozen=True, slots=True)
class CommandRule:
    """A rule of a thread, the person who made it, and when, in Unix time. What a rule means is not the journal's."""

    thread_id: int
    rule: str
    by: int
    since: float


class CommandRuleRows(Rows):
    """The rows of rules; `Journal.command_rules`. A write that fails raises `JournalUnwritable`."""

    def add(self, rule: CommandRule) -> None:
        """Write down a rule, in place of an equal one."""
        with self._writer.transaction():
            self._db.execute("INSERT OR REPLACE INTO command_rules VALUES (?, ?, ?, ?)", astuple(rule))

    def remove(self, thread_id: int, rule: str) -> bool:
        """Remove a rule. Return whether there was one."""
        with self._writer.transaction():
            cursor = self._db.execute("DELETE FROM command_rules WHERE thread_id = ? AND rule = ?", (thread_id, rule))
        return cursor.rowcount > 0

    def of(self, thread_id: int) -> list[CommandRule]:
        """Return the rules of a thread, oldest first."""
        query = "SELECT thread_id, rule, made_by, since FROM command_rules WHERE thread_id = ? ORDER BY since, rule"
        return [CommandRule(*fields) for fields in self._db.execute(query, (thread_id,))]
