"""The journal: every transition of a message's row, and what is still there after the end."""

import os
import signal
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable
from itertools import product
from pathlib import Path

import pytest

from pool.journal import Journal, JournalError, State

ROOT = Path(__file__).parents[2]

# The whole life of a row, drawn once more: what is not here must be refused.
TRANSITIONS = {
    (State.RECEIVED, State.HELD),
    (State.RECEIVED, State.PROMPTED),
    (State.RECEIVED, State.CLOSED),
    (State.HELD, State.RECEIVED),
    (State.HELD, State.CLOSED),
    (State.PROMPTED, State.RECEIVED),
    (State.PROMPTED, State.FINISHED),
    (State.PROMPTED, State.CLOSED),
    (State.FINISHED, State.ANSWERED),
    (State.FINISHED, State.CLOSED),
}

WAY_TO: dict[State, tuple[State, ...]] = {
    State.RECEIVED: (),
    State.HELD: (State.HELD,),
    State.PROMPTED: (State.PROMPTED,),
    State.FINISHED: (State.PROMPTED, State.FINISHED),
    State.ANSWERED: (State.PROMPTED, State.FINISHED, State.ANSWERED),
    State.CLOSED: (State.CLOSED,),
}

# A writer that says which message is safe, only once it is.
WRITER = """
import sys
from itertools import count
from pathlib import Path
from pool.journal import Journal, State

journal = Journal.open(Path(sys.argv[1]))
for message_id in count(1):
    journal.receive(message_id, thread_id=1, channel_id=2, guild_id=3, author_id=4)
    journal.mark((message_id,), State.PROMPTED)
    journal.finish((message_id,), "end_turn", ["page one", "page two"])
    print(message_id, flush=True)
"""


def receive(journal: Journal, *message_ids: int, thread_id: int = 1) -> None:
    """Accept messages that nobody has seen before."""
    for message_id in message_ids:
        assert journal.receive(message_id, thread_id=thread_id, channel_id=2, guild_id=3, author_id=4)


def reason_of(path: Path, message_id: int) -> str | None:
    """Why a message's row ended, as the file has it."""
    connection = sqlite3.connect(path)
    query = "SELECT reason FROM messages WHERE message_id = ?"
    (reason,) = connection.execute(query, (message_id,)).fetchone()
    connection.close()
    return None if reason is None else str(reason)


# ---- the row of a message


@pytest.mark.parametrize(("before", "after"), sorted(product(State, State)))
def test_a_row_moves_along_the_drawn_lines_only(tmp_path: Path, before: State, after: State) -> None:
    """Each transition of the drawing is taken; each other one is refused and changes nothing."""
    with Journal.open(tmp_path / "journal.db") as journal:
        receive(journal, 10)
        for state in WAY_TO[before]:
            journal.mark((10,), state)
        if (before, after) in TRANSITIONS:
            journal.mark((10,), after)
            assert journal.state(10) is after
        else:
            with pytest.raises(JournalError, match=f"message 10 is {before} and cannot become {after}"):
                journal.mark((10,), after)
            assert journal.state(10) is before


MOVES: dict[str, Callable[[Journal, tuple[int, ...]], None]] = {
    "mark": lambda journal, ids: journal.mark(ids, State.FINISHED),
    "close": lambda journal, ids: journal.close_rows(ids, "dropped"),
    "finish": lambda journal, ids: journal.finish(ids, "end_turn", ["page"]),
    "answer": lambda journal, ids: journal.answer(ids),
}


@pytest.mark.parametrize("move", MOVES)
def test_the_messages_of_an_exchange_change_together_or_not_at_all(tmp_path: Path, move: str) -> None:
    """One row that cannot move keeps those before it from moving, and no page is stored."""
    with Journal.open(tmp_path / "journal.db") as journal:
        receive(journal, 10, 11, 12)
        journal.mark((10, 11), State.PROMPTED)
        if move == "answer":
            journal.finish((10, 11), "end_turn", ["page"])
        else:
            journal.close_rows((12,), "dropped")
        before = [journal.state(message_id) for message_id in (10, 11, 12)]
        pages = journal.pages(11)
        with pytest.raises(JournalError, match="message 12 is"):
            MOVES[move](journal, (10, 11, 12))
        assert [journal.state(message_id) for message_id in (10, 11, 12)] == before
        assert journal.pages(11) == pages
        assert journal.pages(12) == []


def test_a_message_that_was_never_accepted_cannot_move(tmp_path: Path) -> None:
    """It has no state, and asking for one is an error rather than a new row."""
    with Journal.open(tmp_path / "journal.db") as journal:
        assert journal.state(10) is None
        with pytest.raises(JournalError, match="message 10 is None and cannot become prompted"):
            journal.mark((10,), State.PROMPTED)
        assert journal.state(10) is None


def test_a_replayed_message_is_stored_once(tmp_path: Path) -> None:
    """The second event of the same message is refused and leaves its row as far as it had come (P2, P3)."""
    with Journal.open(tmp_path / "journal.db") as journal:
        receive(journal, 10)
        journal.mark((10,), State.PROMPTED)
        assert not journal.receive(10, thread_id=1, channel_id=2, guild_id=3, author_id=4)
        assert journal.state(10) is State.PROMPTED


def test_a_row_that_ended_tells_why(tmp_path: Path) -> None:
    """The reason of a close and the stop reason of a turn are in the file."""
    path = tmp_path / "journal.db"
    with Journal.open(path) as journal:
        receive(journal, 10, 11)
        journal.close_rows((10,), "dropped")
        journal.mark((11,), State.PROMPTED)
        journal.finish((11,), "max_tokens", [])
    assert reason_of(path, 10) == "dropped"
    assert reason_of(path, 11) == "max_tokens"


def test_pages_are_kept_in_order_until_the_answer_is_confirmed(tmp_path: Path) -> None:
    """They belong to the last message of the exchange, and go when nobody needs them."""
    with Journal.open(tmp_path / "journal.db") as journal:
        receive(journal, 10, 11)
        journal.mark((10, 11), State.PROMPTED)
        pages = [f"page {number}" for number in range(12)]
        journal.finish((10, 11), "end_turn", pages)
        assert journal.pages(11) == pages
        assert journal.pages(10) == []
        journal.answer((10, 11))
        assert journal.pages(11) == []
        assert journal.state(10) is State.ANSWERED


def test_pages_that_will_never_be_posted_are_not_kept(tmp_path: Path) -> None:
    """A finished exchange that is closed instead of answered leaves nothing behind but its row."""
    with Journal.open(tmp_path / "journal.db") as journal:
        receive(journal, 10, 11)
        journal.mark((10, 11), State.PROMPTED)
        journal.finish((10, 11), "end_turn", ["page"])
        journal.close_rows((10, 11), "the thread was deleted")
        assert journal.pages(11) == []
        assert journal.state(11) is State.CLOSED


# ---- conversations


def test_a_thread_is_known_from_its_first_message_on(tmp_path: Path) -> None:
    """Its place and its session are found by its id; other threads have neither (P8)."""
    with Journal.open(tmp_path / "journal.db") as journal:
        assert not journal.knows(1)
        assert journal.place(1) is None
        assert journal.session_id(1) is None
        receive(journal, 10, thread_id=1)
        assert journal.knows(1)
        assert journal.place(1) == (3, 2)
        assert journal.session_id(1) is None
        assert not journal.knows(5)


def test_a_conversation_without_a_guild_has_a_place_too(tmp_path: Path) -> None:
    """A direct message's thread is its channel."""
    with Journal.open(tmp_path / "journal.db") as journal:
        journal.receive(10, thread_id=2, channel_id=2, guild_id=None, author_id=4)
        assert journal.place(2) == (None, 2)


def test_the_asker_of_a_thread_is_who_waits_longest(tmp_path: Path) -> None:
    """The author of the oldest open message; with none open, who began the conversation."""
    with Journal.open(tmp_path / "journal.db") as journal:
        assert journal.asker(1) is None
        for message_id, author_id in ((10, 100), (12, 120), (11, 110)):
            journal.receive(message_id, thread_id=1, channel_id=2, guild_id=3, author_id=author_id)
        journal.receive(5, thread_id=2, channel_id=2, guild_id=3, author_id=50)
        assert journal.asker(1) == 100
        journal.close_rows((10,), "dropped")
        assert journal.asker(1) == 110
        journal.mark((11,), State.PROMPTED)
        assert journal.asker(1) == 110
        journal.finish((11,), "end_turn", [])
        journal.answer((11,))
        assert journal.asker(1) == 120
        journal.close_rows((12,), "dropped")
        assert journal.asker(1) == 100


def test_a_later_message_does_not_touch_the_session(tmp_path: Path) -> None:
    """The session is set, kept while messages come, replaced, and forgotten when asked."""
    with Journal.open(tmp_path / "journal.db") as journal:
        receive(journal, 10)
        journal.set_session(1, "first")
        receive(journal, 11)
        assert journal.session_id(1) == "first"
        journal.set_session(1, "second")
        assert journal.session_id(1) == "second"
        journal.set_session(1, None)
        assert journal.session_id(1) is None
        assert journal.knows(1)


# ---- the file


def test_only_the_owner_can_read_the_journal(tmp_path: Path) -> None:
    """The file and what SQLite puts beside it have mode 0600, the new directory 0700, whatever the umask allows."""
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
        journal.set_session(1, "session")
        journal.mark((10,), State.PROMPTED)
        journal.finish((10,), "end_turn", ["one", "two"])
        journal.mark((11,), State.HELD)
        journal.close_rows((12,), "dropped")
    with Journal.open(path) as journal:
        assert journal.journal_id == journal_id
        assert journal.knows(1)
        assert journal.knows(2)
        assert journal.session_id(1) == "session"
        assert journal.pages(10) == ["one", "two"]
        states = [journal.state(message_id) for message_id in (10, 11, 12, 20)]
        assert states == [State.FINISHED, State.HELD, State.CLOSED, State.RECEIVED]
        assert not journal.receive(10, thread_id=1, channel_id=2, guild_id=3, author_id=4)


def test_two_journals_have_different_ids(tmp_path: Path) -> None:
    """The id marks the agents' processes, so two bots of one user must not share it."""
    with Journal.open(tmp_path / "a.db") as one, Journal.open(tmp_path / "b.db") as other:
        assert one.journal_id != other.journal_id


def test_a_schema_is_brought_up_to_date_step_by_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`user_version` counts the steps a file has had; only those that are missing run, and the rows stay."""
    path = tmp_path / "journal.db"
    with Journal.open(path) as journal:
        receive(journal, 10)
    steps = ("not run again", "ALTER TABLE conversations ADD COLUMN mode TEXT", "CREATE TABLE marks (id INTEGER)")
    monkeypatch.setattr("pool.journal._MIGRATIONS", steps)
    with Journal.open(path) as journal:
        assert journal.state(10) is State.RECEIVED
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA user_version").fetchone() == (3,)
    assert connection.execute("SELECT mode FROM conversations").fetchall() == [(None,)]
    assert connection.execute("SELECT id FROM marks").fetchall() == []
    connection.close()


def test_a_schema_step_that_fails_leaves_the_file_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A half-made step is undone, the error is clear, and the version that wrote the file can go on with it."""
    path = tmp_path / "journal.db"
    with Journal.open(path) as journal:
        receive(journal, 10)
    with monkeypatch.context() as patch:
        patch.setattr("pool.journal._MIGRATIONS", ("", "CREATE TABLE marks (id INTEGER); DROP TABLE no_such_table"))
        with pytest.raises(JournalError, match=r"journal\.db cannot be read: no such table: no_such_table"):
            Journal.open(path)
    with Journal.open(path) as journal:
        assert journal.state(10) is State.RECEIVED
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA user_version").fetchone() == (1,)
    assert connection.execute("SELECT name FROM sqlite_master WHERE name = 'marks'").fetchall() == []
    connection.close()


def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    """An older Threadline does not touch what it does not understand."""
    path = tmp_path / "journal.db"
    Journal.open(path).close()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 1000")
    connection.close()
    with pytest.raises(JournalError, match=r"journal\.db was written by a newer Threadline \(schema 1000\)"):
        Journal.open(path)


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    """It is named, and left as it was."""
    path = tmp_path / "notes.txt"
    path.write_text("Milk, bread, and a present for the neighbour's birthday.\n" * 20)
    before = path.read_bytes()
    with pytest.raises(JournalError, match=r"the journal .*notes\.txt cannot be read: file is not a database"):
        Journal.open(path)
    assert path.read_bytes() == before


def test_a_place_that_cannot_hold_a_file_is_refused(tmp_path: Path) -> None:
    """The error names the path and the system's reason."""
    with pytest.raises(JournalError, match=r"the journal .* cannot be opened: .*Is a directory"):
        Journal.open(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(JournalError, match="cannot be opened"):
        Journal.open(tmp_path / "file" / "journal.db")


def test_what_was_written_survives_kill_minus_nine(tmp_path: Path) -> None:
    """Everything a writer called safe is there after SIGKILL, whole, and the file opens at once (invariant 7)."""
    path = tmp_path / "journal.db"
    command = [sys.executable, "-c", WRITER, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as writer:
        assert writer.stdout is not None
        safe = [int(writer.stdout.readline()) for _ in range(200)]
        writer.send_signal(signal.SIGKILL)
        safe += [int(line) for line in writer.stdout if line.endswith("\n")]
    assert writer.returncode == -signal.SIGKILL
    with Journal.open(path) as journal:
        assert {journal.state(message_id) for message_id in safe} == {State.FINISHED}
        assert all(journal.pages(message_id) == ["page one", "page two"] for message_id in safe)
        assert journal.receive(10**6, thread_id=1, channel_id=2, guild_id=3, author_id=4)
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()
