"""The rows of side questions."""

from pathlib import Path

from pool.journal.journal import Journal
from pool.journal.side_questions import SideQuestion


def test_a_side_question_stays_until_its_message_shows_how_it_ended(tmp_path: Path) -> None:
    """A restart finds it, with its message if that is known."""
    path = tmp_path / "journal.db"
    first, second = SideQuestion(10, 1, "why?"), SideQuestion(11, 2, "how?")
    with Journal.open(path) as journal:
        for question in (second, first):
            journal.side_questions.begin(question)
        journal.side_questions.posted(10, 100)
    with Journal.open(path) as journal:
        assert journal.side_questions.all() == [SideQuestion(10, 1, "why?", 100), second]
        journal.side_questions.end(10)
        assert journal.side_questions.all() == [second]
