"""Posted pages in the journal: meant to be sent, and sent."""

from pathlib import Path

from pool.journal.journal import Journal, SentPage
from tests.pool.journals import receive


def test_a_page_is_intended_before_it_is_posted(tmp_path: Path) -> None:
    """Its message's id comes with the answer; without one nobody knows whether it is there."""
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


def test_what_a_message_that_was_left_has_shown_is_kept_with_what_goes_on(tmp_path: Path) -> None:
    """It was deleted, or had grown old: the rest of its page is another message, or none."""
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
