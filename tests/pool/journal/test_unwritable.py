"""The owed pages of closed messages."""

from pathlib import Path

from pool.journal.journal import Journal, MessageState


def received(journal: Journal, message_id: int) -> None:
    """Accept a message."""
    journal.messages.receive(message_id, thread_id=1, channel_id=2, guild_id=3, author_id=4)


def test_a_closed_message_is_open_until_its_page_is_posted(tmp_path: Path) -> None:
    """A crash between the two must not lose the page."""
    path = tmp_path / "threadline.db"
    with Journal.open(path) as journal:
        received(journal, 10)
        journal.messages.close((10,), "failed", ["the agent is gone", "and this is why"])
    with Journal.open(path) as journal:
        assert [(row.message_id, row.state) for row in journal.messages.open_rows()] == [(10, MessageState.CLOSED)]
        assert journal.messages.pages(10) == ["the agent is gone", "and this is why"]
        journal.messages.clear_owed((10,))
        assert journal.messages.open_rows() == []
        assert journal.messages.pages(10) == []
        assert journal.messages.state(10) is MessageState.CLOSED


def test_a_message_that_is_closed_without_a_page_is_not_open(tmp_path: Path) -> None:
    """Skipped and dropped messages owe none: a person did it."""
    with Journal.open(tmp_path / "threadline.db") as journal:
        received(journal, 10)
        journal.messages.close((10,), "dropped")
        assert journal.messages.open_rows() == []
