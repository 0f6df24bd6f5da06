"""The rows of side questions, which a restart ends."""

from dataclasses import astuple, dataclass

from .transactions import Rows, retried


@dataclass(frozen=True, slots=True)
class SideQuestion:
    """A side question that is not answered yet.

    `question_id` is the id of its command, `content` the text of the message that shows it; that message may not be
    posted without a `message_id`.
    """

    question_id: int
    thread_id: int
    content: str
    message_id: int | None = None


class SideQuestionRows(Rows):
    """The rows of side questions; `Journal.side_questions`."""

    def begin(self, question: SideQuestion) -> None:
        """Write down that a question is about to be shown and asked. Raises `JournalUnwritable`."""
        with self._writer.transaction():
            self._db.execute("INSERT INTO side_questions VALUES (?, ?, ?, ?)", astuple(question))

    @retried
    def posted(self, question_id: int, message_id: int) -> None:
        """Write down the message of a question."""
        with self._writer.transaction():
            change = "UPDATE side_questions SET message_id = ? WHERE question_id = ?"
            self._db.execute(change, (message_id, question_id))

    @retried
    def end(self, question_id: int) -> None:
        """Write down that the message of a question shows the answer, or why there is none."""
        with self._writer.transaction():
            self._db.execute("DELETE FROM side_questions WHERE question_id = ?", (question_id,))

    def all(self) -> list[SideQuestion]:
        """Return the questions that are not answered, oldest first."""
        query = "SELECT question_id, thread_id, content, message_id FROM side_questions ORDER BY question_id"
        return [SideQuestion(*fields) for fields in self._db.execute(query)]
