"""The rows of questions whose messages still have buttons."""

from dataclasses import astuple, dataclass

from .transactions import Rows, retried


@dataclass(frozen=True, slots=True)
class OpenQuestion:
    """A question whose message still has buttons. Without `message_id` it may not be posted."""

    token: str
    thread_id: int
    exchange_id: int
    content: str
    message_id: int | None
    subject: str
    """What it is about, on one line; empty for a question of an earlier version."""
    components_v2: bool
    """Whether its message consists of components, and must be edited so."""


class QuestionRows(Rows):
    """The rows of questions; `Journal.questions`."""

    @retried
    def asked(self, question: OpenQuestion) -> None:
        """Write down that a question is about to be posted, for the first time or again."""
        with self._writer.transaction():
            self._db.execute("INSERT OR REPLACE INTO questions VALUES (?, ?, ?, ?, ?, ?, ?)", astuple(question))

    @retried
    def posted(self, token: str, message_id: int) -> None:
        """Write down the message of a question."""
        with self._writer.transaction():
            self._db.execute("UPDATE questions SET message_id = ? WHERE token = ?", (message_id, token))

    @retried
    def settled(self, token: str) -> None:
        """Write down that a question is no longer open."""
        with self._writer.transaction():
            self._db.execute("DELETE FROM questions WHERE token = ?", (token,))

    def all(self) -> list[OpenQuestion]:
        """Return the open questions."""
        names = "token, thread_id, exchange_id, content, message_id, subject, components_v2"
        rows = self._db.execute(f"SELECT {names} FROM questions")  # noqa: S608 - from above
        return [OpenQuestion(*fields) for fields in rows]
