"""The rows of questions: they stay until the buttons are known to be gone."""

from pathlib import Path

from pool.journal.journal import Journal
from pool.journal.questions import OpenQuestion


def test_a_question_is_open_until_it_is_settled(tmp_path: Path) -> None:
    """After a crash its card is found by the id of its message, or by its text."""
    path = tmp_path / "journal.db"
    with Journal.open(path) as journal:
        assert journal.questions.all() == []
        for token in ("a", "b", "c"):
            journal.questions.asked(
                OpenQuestion(token, 1, 10, f"May I {token}?", None, token, components_v2=token == "c")
            )
        journal.questions.posted("a", 500)
        journal.questions.settled("b")
        journal.questions.settled("b")
    with Journal.open(path) as journal:
        assert journal.questions.all() == [
            OpenQuestion("a", 1, 10, "May I a?", 500, "a", components_v2=False),
            OpenQuestion("c", 1, 10, "May I c?", None, "c", components_v2=True),
        ]
