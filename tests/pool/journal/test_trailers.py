"""The rows of trailers: kept with their files until they are posted, replaced by a later try, bounded."""

import errno
import os
import sqlite3
import stat
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from pool.journal.database import _MIGRATIONS
from pool.journal.journal import Journal
from pool.journal.trailers import FIRST_TRAILER, MOST_BYTES, DataFile, Enclosure, FileLost, Trailer
from tests.pool.journals import LARGE, no_room


class Unreadable(DataFile):
    """A file whose source is gone."""

    def pieces(self) -> Iterator[bytes]:
        raise OSError("no such file")


def content(file: Enclosure) -> bytes:
    """Return the bytes of a file."""
    return b"".join(file.pieces())


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    """A journal in which the exchange 10 is prompted."""
    with Journal.open(tmp_path / "journal.db") as journal:
        journal.messages.receive(10, thread_id=1, channel_id=1, guild_id=1, author_id=42)
        journal.messages.prompted((10,), "")
        yield journal


FILES = Trailer(files=(DataFile("a.py", b"one"), DataFile("b.bin", b"\0two")))
PING = Trailer("<@42> done", mention=42)


def test_files_and_the_last_message_outlive_the_program(tmp_path: Path, journal: Journal) -> None:
    """With their bytes, their order, and the mention."""
    journal.trailers.keep(10, {FIRST_TRAILER: FILES, FIRST_TRAILER + 1: PING})
    with Journal.open(tmp_path / "journal.db") as again:
        files, ping = again.trailers.of(10).values()
        assert [(file.name, content(file)) for file in files.files] == [("a.py", b"one"), ("b.bin", b"\0two")]
    assert ping == PING
    assert list(journal.trailers.of(10)) == [FIRST_TRAILER, FIRST_TRAILER + 1]
    assert journal.trailers.of(11) == {}


def test_the_trailers_of_another_try_replace_earlier_ones(journal: Journal) -> None:
    """An interrupted turn that ran again owes only the second turn's trailers."""
    journal.trailers.keep(10, {FIRST_TRAILER: FILES})
    journal.trailers.keep(10, {FIRST_TRAILER: PING})
    assert journal.trailers.of(10) == {FIRST_TRAILER: PING}
    journal.trailers.keep(10, {})
    assert journal.trailers.of(10) == {}


def test_a_file_that_is_too_large_or_unreadable_is_known_by_its_name_only(journal: Journal) -> None:
    """The bound is on all files of a reply together; a small file after a large one is kept."""
    large = DataFile("large", bytes(MOST_BYTES - 2))
    journal.trailers.keep(
        10, {FIRST_TRAILER: Trailer(files=(Unreadable("gone", b""), DataFile("a", b"123"), large, DataFile("b", b"4")))}
    )
    gone, first, lost, second = journal.trailers.of(10)[FIRST_TRAILER].files
    assert (content(first), content(second)) == (b"123", b"4")
    for file in (gone, lost):
        with pytest.raises(FileLost, match="not kept"):
            content(file)


def test_only_the_owner_can_read_the_files(tmp_path: Path, journal: Journal) -> None:
    """Mode 0600 in a folder of mode 0700, with any umask."""
    before = os.umask(0)
    try:
        journal.trailers.keep(10, {FIRST_TRAILER: FILES})
    finally:
        os.umask(before)
    folder = tmp_path / "journal.db-files"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert [stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()] == [0o600, 0o600]


def test_the_bytes_of_files_do_not_go_through_the_database(tmp_path: Path, journal: Journal) -> None:
    """24 MB through SQLite held the event loop for 200 ms, and made the file permanently larger."""
    large = DataFile("large", bytes(2**20))
    journal.trailers.keep(10, {FIRST_TRAILER: Trailer(files=(large,))})
    assert sum(file.stat().st_size for file in tmp_path.iterdir() if file.is_file()) < 2**20
    assert content(journal.trailers.of(10)[FIRST_TRAILER].files[0]) == large.data


def test_stored_files_are_sent_from_the_disk(journal: Journal) -> None:
    """They take no memory until they are sent; one that has no room is as it was."""
    large = DataFile("large", bytes(MOST_BYTES))
    (trailer,) = journal.trailers.keep(10, {FIRST_TRAILER: Trailer("x", (*FILES.files, large), 42)}).values()
    *stored, unstored = trailer.files
    sources = [file.source() for file in stored]
    assert [source.read_bytes() for source in sources if isinstance(source, Path)] == [b"one", b"\0two"]
    assert [(file.name, file.size) for file in stored] == [("a.py", 3), ("b.bin", 4)]
    assert unstored is large
    assert unstored.source() == large.data
    assert (trailer.content, trailer.mention) == ("x", 42)


def test_a_disk_without_room_for_a_file_keeps_its_name(
    journal: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No part of the file stays, and the log has the system's reason."""

    def full(_descriptor: int, _data: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with capture_logs() as logs, monkeypatch.context() as patch:
        patch.setattr("pool.journal.attachment_files.os.write", full)
        journal.trailers.keep(10, {FIRST_TRAILER: Trailer("done", (DataFile("a", b"1"),))})
    assert [log["reason"] for log in logs] == ["[Errno 28] No space left on device"]
    assert [*(tmp_path / "journal.db-files").iterdir()] == []
    (file,) = journal.trailers.of(10)[FIRST_TRAILER].files
    with pytest.raises(FileLost, match="not kept"):
        content(file)


@pytest.mark.parametrize("spoil", [Path.unlink, lambda path: path.write_bytes(b"tw")], ids=["gone", "cut short"])
def test_a_file_that_a_power_cut_shortened_is_lost(journal: Journal, spoil: Callable[[Path], object]) -> None:
    """Part of a file must not be sent as the whole."""
    journal.trailers.keep(10, {FIRST_TRAILER: Trailer(files=(DataFile("a.py", b"two"),))})
    (file,) = journal.trailers.of(10)[FIRST_TRAILER].files
    (path,) = (journal.files.path(name) for name in journal.files.names())
    spoil(path)
    with pytest.raises(FileLost, match="lost"):
        content(file)


def test_a_file_that_no_row_names_is_unneeded(tmp_path: Path, journal: Journal) -> None:
    """A kill between file and row leaves one. A file whose row is owed is needed."""
    journal.trailers.keep(10, {FIRST_TRAILER: FILES})
    named = journal.files.names()
    orphan = journal.files.write([b"left behind"])
    with no_room(journal):
        journal.trailers.keep(10, {FIRST_TRAILER: Trailer(LARGE, (DataFile("owed", b"3"),))})
        assert journal.trouble
        assert journal.trailers.unneeded() == {orphan}
    journal.retry()
    assert journal.trailers.unneeded() == {orphan, *named}
    (owed,) = journal.trailers.of(10)[FIRST_TRAILER].files
    assert content(owed) == b"3"


def test_files_in_a_database_of_an_earlier_version_are_moved_out_of_it(tmp_path: Path) -> None:
    """They are owed after the update as before."""
    path = tmp_path / "old.db"
    with closing(sqlite3.connect(path)) as db, db:
        for number, script in enumerate(_MIGRATIONS[:9], start=1):
            db.executescript(f"{script}; PRAGMA user_version = {number};")
        db.execute("INSERT INTO conversations (thread_id, channel_id, created) VALUES (1, 2, 0)")
        columns = "message_id, thread_id, author_id, state, received, request"
        db.execute(f"INSERT INTO messages ({columns}) VALUES (10, 1, 7, 'finished', 0, '')")  # noqa: S608 - from above
        db.execute("INSERT INTO postscripts VALUES (10, 500, '', NULL)")
        db.execute("INSERT INTO files VALUES (10, 500, 'a.py', ?)", (b"one",))
        db.execute("INSERT INTO files VALUES (10, 500, 'lost', NULL)")
    with Journal.open(path) as journal:
        kept, lost = journal.trailers.of(10)[FIRST_TRAILER].files
        assert content(kept) == b"one"
        with pytest.raises(FileLost):
            content(lost)
        assert journal.trailers.unneeded() == set()


def test_a_failed_write_leaves_the_earlier_trailers(journal: Journal) -> None:
    """All or none are written, and later writes work."""
    journal.trailers.keep(10, {FIRST_TRAILER: PING})
    broken = Trailer(files=(DataFile(None, b""),))  # type: ignore[arg-type]
    with pytest.raises(Exception, match="NOT NULL"):
        journal.trailers.keep(10, {FIRST_TRAILER: broken})
    assert journal.trailers.of(10) == {FIRST_TRAILER: PING}
    assert len(journal.trailers.unneeded()) == 1


def answered(journal: Journal) -> None:
    """All of it is posted."""
    journal.messages.finish((10,), "end_turn", ["page"])
    assert list(journal.trailers.of(10)) == [FIRST_TRAILER]
    journal.messages.answer((10,))


def closed(journal: Journal) -> None:
    """There will be no answer."""
    journal.messages.close((10,), "skipped")


def told(journal: Journal) -> None:
    """There was no answer, and the page that says so is posted."""
    journal.messages.close((10,), "failed", ["sorry"])
    assert list(journal.trailers.of(10)) == [FIRST_TRAILER]
    journal.messages.clear_owed((10,))


@pytest.mark.parametrize("end", [answered, closed, told])
def test_trailers_are_deleted_when_they_are_no_longer_owed(journal: Journal, end: Callable[[Journal], None]) -> None:
    """Their files become unneeded and are removed later."""
    journal.trailers.keep(10, {FIRST_TRAILER: FILES})
    end(journal)
    assert journal.trailers.of(10) == {}
    assert len(journal.trailers.unneeded()) == 2
