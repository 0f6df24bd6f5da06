"""The rows of sent pages."""

from pathlib import Path

from pool.journal.journal import Journal
from pool.journal.sent_pages import SentPage
from tests.pool.journals import receive


def test_a_page_is_intended_before_it_is_posted(tmp_path: Path) -> None:
    """Its message's id comes with the answer; without one, the page may be there or not."""
    path = tmp_path / "journal.db"
    with Journal.open(path) as journal:
        receive(journal, 10, 11)
        journal.sent_pages.intend(10, 1, "two")
        journal.sent_pages.intend(10, 0, "one")
        journal.sent_pages.intend(11, 0, "another")
        journal.sent_pages.posted(10, 0, 500)
    with Journal.open(path) as journal:
        assert journal.sent_pages.of(10) == [SentPage(0, "one", 500), SentPage(1, "two", None)]
        assert journal.sent_pages.of(11) == [SentPage(0, "another", None)]
        assert journal.sent_pages.of(12) == []
        journal.sent_pages.intend(10, 0, "once more")  # the message was deleted
        assert journal.sent_pages.of(10) == [SentPage(0, "once more", None), SentPage(1, "two", None)]


def test_the_part_that_an_abandoned_message_showed_is_kept(tmp_path: Path) -> None:
    """It was deleted, or became too old: another message has the rest of the page, or none is needed."""
    path = tmp_path / "journal.db"
    with Journal.open(path) as journal:
        receive(journal, 10)
        journal.sent_pages.intend(10, 0, "one")
        journal.sent_pages.posted(10, 0, 500)
        journal.sent_pages.left(10, 0, "one")
    with Journal.open(path) as journal:
        assert journal.sent_pages.of(10) == [SentPage(0, "", None, "one")]
        journal.sent_pages.intend(10, 0, ", two", "one")
        journal.sent_pages.posted(10, 0, 501)
        assert journal.sent_pages.of(10) == [SentPage(0, ", two", 501, "one")]


def test_a_page_that_begins_below_a_question_is_known_before_it_is_sent(tmp_path: Path) -> None:
    """A page that is there already stays as it is."""
    path = tmp_path / "journal.db"
    with Journal.open(path) as journal:
        receive(journal, 10)
        journal.sent_pages.intend(10, 0, "one")
        journal.sent_pages.posted(10, 0, 500)
        for number in (0, 1, 1):
            journal.sent_pages.break_before(10, number)
    with Journal.open(path) as journal:
        assert journal.sent_pages.of(10) == [SentPage(0, "one", 500), SentPage(1, "", None)]
