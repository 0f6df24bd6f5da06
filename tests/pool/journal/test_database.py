"""The journal's file: its modes, its schema, and files that are no journal."""

import os
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from pool.journal.database import _MIGRATIONS, put_aside
from pool.journal.errors import JournalBusy, JournalError, JournalUnusable
from pool.journal.journal import Journal
from pool.journal.message_states import MessageState
from tests.pool.journals import as_kill_leaves_it, receive


def test_only_the_owner_can_read_the_journal(tmp_path: Path) -> None:
    """The file and SQLite's other files have mode 0600, the new directory 0700, with any umask."""
    before = os.umask(0)
    try:
        with Journal.open(tmp_path / "state" / "journal.db") as journal:
            receive(journal, 10)
            modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "state").iterdir()}
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o700
    assert modes["journal.db"] == 0o600
    assert set(modes.values()) == {0o600}


def test_reopening_keeps_everything(tmp_path: Path) -> None:
    """States, pages, sessions, known threads and the journal's own id outlive the program."""
    path = tmp_path / "journal.db"
    with Journal.open(path) as journal:
        journal_id = journal.journal_id
        receive(journal, 10, 11, 12)
        receive(journal, 20, thread_id=2)
        journal.threads.set_session(1, "session")
        journal.messages.prompted((10,), "")
        journal.messages.finish((10,), "end_turn", ["one", "two"])
        journal.messages.hold((11,), held=True)
        journal.messages.close((12,), "dropped")
    with Journal.open(path) as journal:
        assert journal.journal_id == journal_id
        assert journal.threads.knows(1)
        assert journal.threads.knows(2)
        assert journal.threads.session_id(1) == "session"
        assert journal.messages.pages(10) == ["one", "two"]
        states = [journal.messages.state(message_id) for message_id in (10, 11, 12, 20)]
        assert states == [MessageState.FINISHED, MessageState.HELD, MessageState.CLOSED, MessageState.RECEIVED]
        assert not journal.messages.receive(10, thread_id=1, channel_id=2, guild_id=3, author_id=4)


def test_two_journals_have_different_ids(tmp_path: Path) -> None:
    """The id marks the agents' processes, so two bots of one user must not share it."""
    with Journal.open(tmp_path / "a.db") as one, Journal.open(tmp_path / "b.db") as other:
        assert one.journal_id != other.journal_id


def test_a_schema_is_brought_up_to_date_step_by_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`user_version` counts the applied steps; only the missing ones run, and the rows stay."""
    path = tmp_path / "journal.db"
    with Journal.open(path) as journal:
        receive(journal, 10)
    had = len(_MIGRATIONS)
    new = ("ALTER TABLE conversations ADD COLUMN mode TEXT", "CREATE TABLE flags (id INTEGER)")
    steps = (*["not run again"] * had, *new)
    monkeypatch.setattr("pool.journal.database._MIGRATIONS", steps)
    with Journal.open(path) as journal:
        assert journal.messages.state(10) is MessageState.RECEIVED
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA user_version").fetchone() == (had + 2,)
    assert connection.execute("SELECT mode FROM conversations").fetchall() == [(None,)]
    assert connection.execute("SELECT id FROM flags").fetchall() == []
    connection.close()


def test_a_schema_step_that_fails_leaves_the_file_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The step is rolled back, the error is clear, and the older version can still use the file."""
    path = tmp_path / "journal.db"
    with Journal.open(path) as journal:
        receive(journal, 10)
    broken = "CREATE TABLE flags (id INTEGER); DROP TABLE no_such_table"
    with monkeypatch.context() as patch:
        patch.setattr("pool.journal.database._MIGRATIONS", (*_MIGRATIONS, broken))
        with pytest.raises(JournalError, match=r"journal\.db not read: no such table: no_such_table"):
            Journal.open(path)
    with Journal.open(path) as journal:
        assert journal.messages.state(10) is MessageState.RECEIVED
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA user_version").fetchone() == (len(_MIGRATIONS),)
    assert connection.execute("SELECT name FROM sqlite_master WHERE name = 'flags'").fetchall() == []
    connection.close()


STATES = tuple(MessageState)
"""The rows of a journal of any age: one in each state, as messages 10, 11, ..."""


@pytest.mark.parametrize("version", range(1, len(_MIGRATIONS)))
def test_a_journal_of_an_earlier_version_is_migrated_with_a_row_in_every_state(tmp_path: Path, version: int) -> None:
    """Its threads, sessions, choices, pages, marks and questions stay the same, and it can be written."""
    path = tmp_path / "journal.db"
    connection = sqlite3.connect(path)
    connection.create_function("file_of", 1, lambda _data: None)
    for number, script in enumerate(_MIGRATIONS[:version], start=1):
        connection.executescript(f"{script}; PRAGMA user_version = {number};")
    with connection:
        columns = "thread_id, channel_id, guild_id, session_id, created"
        connection.execute(f"INSERT INTO conversations ({columns}) VALUES (1, 2, 3, 's', 0)")  # noqa: S608 - from above
        for message_id, state in enumerate(STATES, start=10):
            columns = "message_id, thread_id, author_id, state, reason, received, request, prompt"
            values = (message_id, state, f"request {message_id}")
            connection.execute(f"INSERT INTO messages ({columns}) VALUES (?, 1, 7, ?, NULL, 4e9, ?, 'p')", values)  # noqa: S608 - the same
        finished = 10 + STATES.index(MessageState.FINISHED)
        connection.execute("INSERT INTO pages VALUES (?, 0, 'page')", (finished,))
        columns = "exchange_id, number, content, message_id"
        connection.execute(f"INSERT INTO posts ({columns}) VALUES (?, 0, 'page', 500)", (finished,))  # noqa: S608
        connection.execute("INSERT INTO choices VALUES (1, 'mode', 'plan')")
        connection.execute("INSERT INTO marks VALUES (2, 99)")
        columns = "token, thread_id, exchange_id, content, message_id"
        connection.execute(f"INSERT INTO questions ({columns}) VALUES ('t', 1, ?, 'May I?', 600)", (finished,))  # noqa: S608
    connection.close()
    with Journal.open(path) as journal:
        rows = [journal.messages.row(message_id) for message_id, _ in enumerate(STATES, start=10)]
        assert [(row.state, row.exchange_id) for row in rows if row] == [
            (state, message_id) for message_id, state in enumerate(STATES, start=10)
        ]
        assert (journal.threads.session_id(1), journal.threads.session_thread("s")) == ("s", 1 if version < 3 else None)
        assert (journal.threads.place(1), journal.threads.choices(1)) == ((3, 2), {"mode": "plan"})
        assert (journal.threads.agent_place(1), journal.threads.session_place(1)) == ("here", "here")
        if version < 13:  # Later ones note it with the conversation.
            assert journal.threads.opener(1) == 7
        assert (journal.messages.pages(finished), journal.marks.seen(2)) == (["page"], 99)
        assert [post.message_id for post in journal.sent_pages.of(finished)] == [500]
        assert [question.message_id for question in journal.questions.all()] == [600]
        journal.messages.answer((finished,))
        assert journal.messages.receive(20, thread_id=1, channel_id=2, guild_id=3, author_id=7)
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    connection.close()


def test_threads_from_before_there_were_places_keep_this_machine(tmp_path: Path) -> None:
    """Those that have, or had, a session with their agent. One that never began may run anywhere."""
    path = tmp_path / "journal.db"
    before = next(number for number, script in enumerate(_MIGRATIONS) if "ADD COLUMN place" in script)
    connection = sqlite3.connect(path)
    connection.create_function("file_of", 1, lambda _data: None)
    for number, script in enumerate(_MIGRATIONS[:before], start=1):
        connection.executescript(f"{script}; PRAGMA user_version = {number};")
    with connection:
        columns = "thread_id, channel_id, session_id, created, agent, directory"
        for thread_id, session_id, agent in ((1, "s", "a"), (2, None, "a"), (3, None, "a"), (4, None, "b")):
            values = (thread_id, session_id, agent)
            connection.execute(f"INSERT INTO conversations ({columns}) VALUES (?, 2, ?, 0, ?, '/srv')", values)  # noqa: S608 - from above
        for session_id, thread_id in (("s", 1), ("past", 2), ("of another agent", 4)):
            connection.execute("INSERT INTO sessions VALUES (?, ?, 'a', '/srv', 0)", (session_id, thread_id))
    connection.close()
    with Journal.open(path) as journal:
        threads = journal.threads
        assert [threads.agent_place(each) for each in (1, 2, 3, 4)] == ["here", "here", "", ""]
        assert threads.session_place(1) == "here"
        assert threads.has_session(2, "past")
        threads.set_agent_place(3, "worker1")
        threads.set_session(3, "new")
        assert threads.session_place(3) == "worker1"


def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    """An older Threadline leaves an unknown schema alone."""
    path = tmp_path / "journal.db"
    Journal.open(path).close()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 1000")
    connection.close()
    with pytest.raises(JournalError, match=r"journal\.db of a newer schema: 1000"):
        Journal.open(path)


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    """The error names the file, which stays the same."""
    path = tmp_path / "notes.txt"
    path.write_text("Milk, bread, and a present for the neighbour's birthday.\n" * 20)
    before = path.read_bytes()
    with pytest.raises(JournalError, match=r"notes\.txt not read: file is not a database"):
        Journal.open(path)
    assert path.read_bytes() == before


def test_a_place_that_cannot_hold_a_file_is_refused(tmp_path: Path) -> None:
    """The error names the path and the system's reason."""
    with pytest.raises(JournalError, match=r"not opened: .*Is a directory"):
        Journal.open(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(JournalError, match="not opened"):
        Journal.open(tmp_path / "file" / "journal.db")


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    """A changed page is found at the start, before any work."""
    path = tmp_path / "journal.db"
    with Journal.open(path) as journal:
        receive(journal, *range(1000))
    connection = sqlite3.connect(path)
    (page_size,) = connection.execute("PRAGMA page_size").fetchone()
    (root,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'messages'").fetchone()
    connection.close()
    content = bytearray(path.read_bytes())
    content[(root - 1) * page_size : root * page_size] = b"\xff" * page_size
    path.write_bytes(content)
    with pytest.raises(JournalError, match=r"journal\.db (damaged|not read): "):
        Journal.open(path)


def test_a_journal_put_aside_is_whole_and_makes_room_for_a_new_one(tmp_path: Path) -> None:
    """It takes SQLite's other files with it, which belong to no other journal."""
    path = tmp_path / "journal.db"
    with Journal.open(path) as journal:
        receive(journal, 10)
        as_kill_leaves_it(path, tmp_path / "killed")
    killed = tmp_path / "killed" / "journal.db"
    before = {file.name: file.read_bytes() for file in killed.parent.iterdir()}
    assert set(before) == {"journal.db", "journal.db-wal", "journal.db-shm"}
    aside = put_aside(killed)
    assert {file.name.replace(aside.name, "journal.db"): file.read_bytes() for file in aside.parent.iterdir()} == before
    with Journal.open(killed) as journal:
        assert journal.messages.state(10) is None
    with Journal.open(aside) as journal:
        assert journal.messages.state(10) is MessageState.RECEIVED


def test_a_journal_without_other_files_is_put_aside_too(tmp_path: Path) -> None:
    """A journal that was closed has only its own file."""
    path = tmp_path / "journal.db"
    Journal.open(path).close()
    assert put_aside(path).name.startswith("journal.db.broken-")
    assert not path.exists()


def test_a_journal_that_cannot_be_put_aside_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its folder is read-only, or the name is used; the file stays in place."""
    path = tmp_path / "journal.db"
    path.write_text("no journal")
    monkeypatch.setattr("pool.journal.database.time.strftime", lambda _form: "now")
    (tmp_path / "journal.db.broken-now").mkdir()
    with pytest.raises(JournalError, match=r"journal\.db not put aside: Is a directory"):
        put_aside(path)


def test_an_error_of_the_machine_does_not_make_the_file_unusable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that is locked, or hidden by a folder, is intact: a new journal would lose it."""
    path = tmp_path / "journal.db"
    Journal.open(path).close()
    monkeypatch.setattr("pool.journal.database.PATIENCE_SECONDS", 0)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(JournalBusy, match=r"journal\.db locked by another program"):
            Journal.open(path)
    (tmp_path / "journal.db-wal").unlink(missing_ok=True)
    (tmp_path / "journal.db-wal").mkdir()
    with pytest.raises(JournalError, match="not opened: unable to open database file") as failed:
        Journal.open(path)
    assert not isinstance(failed.value, JournalUnusable)
