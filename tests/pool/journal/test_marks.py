"""The high-water marks of channels."""

from pathlib import Path

from pool.journal.journal import Journal


def test_a_mark_never_goes_back(tmp_path: Path) -> None:
    """An older message moves neither the mark in memory nor the one in the file; each channel has its own."""
    path = tmp_path / "journal.db"
    with Journal.open(path) as journal:
        assert journal.marks.seen(2) is None
        for message_id, mark in ((0, 0), (50, 50), (49, 50), (50, 50), (51, 51), (0, 51)):
            journal.marks.advance(2, message_id)
            assert journal.marks.seen(2) == mark
        assert journal.marks.seen(3) is None
        journal.marks.advance(3, 7)
    with Journal.open(path) as journal:
        assert (journal.marks.seen(2), journal.marks.seen(3), journal.marks.seen(4)) == (51, 7, None)
        journal.marks.advance(2, 50)
        assert journal.marks.seen(2) == 51
    with Journal.open(path) as journal:
        assert journal.marks.seen(2) == 51


def test_a_mark_that_does_not_move_is_not_written(journal: Journal) -> None:
    """Most events move no mark and must be free."""
    journal.marks.advance(2, 50)
    written = journal.changes
    journal.marks.advance(2, 50)
    assert journal.changes == written


def test_an_older_message_that_is_recorded_later_moves_no_mark_back(journal: Journal) -> None:
    """The messages between are read once."""
    for message_id in (20, 10):
        journal.messages.receive(message_id, thread_id=5, channel_id=1, guild_id=None, author_id=7)
        assert journal.marks.seen(5) == 20


def test_the_marks_of_many_channels_are_read_and_begun_together(journal: Journal) -> None:
    """A channel without a mark is left out; a mark that is there does not move back."""
    assert journal.marks.among([]) == {}
    journal.marks.begin({})
    journal.marks.advance(2, 50)
    journal.marks.begin({2: 40, 3: 7})
    assert journal.marks.among([2, 3, 4]) == {2: 50, 3: 7}
