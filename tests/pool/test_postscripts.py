"""What follows the pages: kept with its files until it has been posted, replaced by what a later try has, bounded."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from pool.journal import Journal, State
from pool.postscripts import FIRST, MOST_BYTES, FileLost, Postscript


@dataclass(frozen=True)
class Sheet:
    """A file, or with None one whose source is gone."""

    name: str
    data: bytes | None

    def read(self) -> bytes:
        if self.data is None:
            raise OSError("no such file")
        return self.data


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    """A journal in which the exchange 10 is prompted."""
    with Journal.open(tmp_path / "journal.db") as journal:
        journal.receive(10, thread_id=1, channel_id=1, guild_id=1, author_id=42)
        journal.mark((10,), State.PROMPTED)
        yield journal


FILES = Postscript(files=(Sheet("a.py", b"one"), Sheet("b.bin", b"\0two")))
PING = Postscript("<@42> done", mention=42)


def test_files_and_the_last_word_outlive_the_program(tmp_path: Path, journal: Journal) -> None:
    """Bytes, order and whom it calls (invariant 7)."""
    journal.postscripts.keep(10, {FIRST: FILES, FIRST + 1: PING})
    with Journal.open(tmp_path / "journal.db") as again:
        files, ping = again.postscripts.of(10).values()
        assert [(file.name, file.read()) for file in files.files] == [("a.py", b"one"), ("b.bin", b"\0two")]
    assert ping == PING
    assert list(journal.postscripts.of(10)) == [FIRST, FIRST + 1]
    assert journal.postscripts.of(11) == {}


def test_what_another_try_has_replaces_what_was_there(journal: Journal) -> None:
    """A turn that a crash cut off, and that was run once more, owes only what the second one brought."""
    journal.postscripts.keep(10, {FIRST: FILES})
    journal.postscripts.keep(10, {FIRST: PING})
    assert journal.postscripts.of(10) == {FIRST: PING}
    journal.postscripts.keep(10, {})
    assert journal.postscripts.of(10) == {}


def test_what_is_too_large_or_cannot_be_read_is_known_by_its_name_only(journal: Journal) -> None:
    """The bound is on all files of a reply together; a small one behind a large one is kept."""
    large = Sheet("large", bytes(MOST_BYTES - 2))
    journal.postscripts.keep(
        10, {FIRST: Postscript(files=(Sheet("gone", None), Sheet("a", b"123"), large, Sheet("b", b"4")))}
    )
    gone, first, lost, second = journal.postscripts.of(10)[FIRST].files
    assert (first.read(), second.read()) == (b"123", b"4")
    for file in (gone, lost):
        with pytest.raises(FileLost, match="over a restart"):
            file.read()


def test_a_write_that_fails_leaves_what_was_there(journal: Journal) -> None:
    """All or nothing, and the journal goes on."""
    journal.postscripts.keep(10, {FIRST: PING})
    broken = Postscript(files=(Sheet(None, b""),))  # type: ignore[arg-type]
    with pytest.raises(Exception, match="NOT NULL"):
        journal.postscripts.keep(10, {FIRST: broken})
    assert journal.postscripts.of(10) == {FIRST: PING}


def answered(journal: Journal) -> None:
    """All of it is posted."""
    journal.finish((10,), "end_turn", ["page"])
    assert list(journal.postscripts.of(10)) == [FIRST]
    journal.answer((10,))


def closed(journal: Journal) -> None:
    """There will be no answer."""
    journal.close_rows((10,), "skipped")


def told(journal: Journal) -> None:
    """There was none, and the word about it is posted."""
    journal.close_rows((10,), "failed", ["sorry"])
    assert list(journal.postscripts.of(10)) == [FIRST]
    journal.told((10,))


@pytest.mark.parametrize("end", [answered, closed, told])
def test_it_goes_when_nothing_is_owed_any_more(journal: Journal, end: Callable[[Journal], None]) -> None:
    """And with it the bytes: the file of the journal does not grow with each reply."""
    journal.postscripts.keep(10, {FIRST: FILES})
    file = journal.postscripts.of(10)[FIRST].files[0]
    end(journal)
    assert journal.postscripts.of(10) == {}
    with pytest.raises(FileLost):
        file.read()
