"""The rows of notices: they stay until the notice is known to be deleted."""

import sqlite3
from contextlib import closing
from pathlib import Path

from pool.journal.database import _MIGRATIONS
from pool.journal.journal import Journal
from pool.journal.notices import NoticeRow


def test_a_notice_is_known_until_it_is_gone(tmp_path: Path) -> None:
    """The next start finds the others, oldest first, with their messages if those are known."""
    path = tmp_path / "journal.db"
    with Journal.open(path) as journal:
        for nonce, about in (("a", 0), ("b", 10), ("c", 11)):
            journal.notices.begin(NoticeRow(nonce, 1, "held", about, about, f"{nonce}!", None))
        journal.notices.posted("b", 500)
        journal.notices.gone("a")
        journal.notices.gone("a")
    with Journal.open(path) as journal:
        left = journal.notices.all()
        assert [(each.nonce, each.about, each.content, each.message_id) for each in left] == [
            ("b", 10, "b!", 500),
            ("c", 11, "c!", None),
        ]
        assert left[0].since <= left[1].since
        journal.notices.forget(2)
        assert journal.notices.all() == left
        journal.notices.forget(1)
        assert journal.notices.all() == []


def test_the_notices_of_an_earlier_version_are_kept(tmp_path: Path) -> None:
    """It remembered one notice for each thread: that messages wait."""
    path = tmp_path / "journal.db"
    before = next(number for number, script in enumerate(_MIGRATIONS) if "CREATE TABLE notices" in script)
    with closing(sqlite3.connect(path)) as connection:
        for number, script in enumerate(_MIGRATIONS[:before], start=1):
            connection.executescript(f"{script}; PRAGMA user_version = {number};")
        connection.execute("INSERT INTO conversations (thread_id, channel_id, created, notice) VALUES (1, 2, 3, 4)")
        connection.execute("INSERT INTO conversations (thread_id, channel_id, created) VALUES (5, 2, 3)")
        connection.commit()
    with Journal.open(path) as journal:
        (left,) = journal.notices.all()
        assert (left.thread_id, left.kind, left.about, left.message_id) == (1, "waiting", 0, 4)
