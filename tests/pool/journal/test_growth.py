"""What the journal's statements cost: no more where there are twice as many rows, counted in SQLite's own steps."""

from collections.abc import Callable
from pathlib import Path

import pytest

from pool.journal.journal import Journal, MessageState
from pool.journal.trailers import FIRST_TRAILER, Trailer
from tests.pool.journals import receive
from tests.support.query_plans import scans

OPEN = 10_000
"""A message that waits; those before it have ended."""


def filled(path: Path, count: int) -> Journal:
    """Open a journal with so many answered exchanges of one thread, and as many threads in other places."""
    journal = Journal.open(path)
    for number in range(1, count + 1):
        receive(journal, number)
        journal.prompted((number,), "prompt")
        journal.posts.intend(number, 0, "page")
        journal.posts.posted(number, 0, 1_000_000 + number)
        journal.finish((number,), "end_turn", ["page"])
        journal.answer((number,))
        other = 100_000 + number
        journal.receive(other, thread_id=other, channel_id=5, guild_id=6, author_id=4)
        journal.close_rows((other,), "dropped")
        journal.threads.set_session(other, f"session-{number}")
    receive(journal, OPEN, OPEN + 1)
    return journal


def steps(journal: Journal, work: Callable[[Journal], object]) -> int:
    """Count the instructions that SQLite carries out for some work."""
    count = 0

    def step() -> int:
        nonlocal count
        count += 1
        return 0

    journal._db.set_progress_handler(step, 1)
    work(journal)
    journal._db.set_progress_handler(None, 0)
    return count


def exchange(journal: Journal) -> None:
    """A message comes, is answered with a file, and nothing is owed of it."""
    journal.receive(OPEN + 2, thread_id=1, channel_id=2, guild_id=3, author_id=4)
    journal.prompted((OPEN + 2,), "prompt")
    journal.posts.intend(OPEN + 2, 0, "page")
    journal.posts.posted(OPEN + 2, 0, 7)
    journal.postscripts.keep(OPEN + 2, {FIRST_TRAILER: Trailer("done")})
    journal.finish((OPEN + 2,), "end_turn", ["page"])
    journal.settle((OPEN + 2,), confirmed=True)
    journal.mark_seen(1, OPEN + 2)


def prune(journal: Journal) -> None:
    """One batch of what ended long ago."""
    assert journal.prune() > 1


WORK: dict[str, Callable[[Journal], object]] = {
    "what is open": lambda journal: journal.open_rows(),
    "an exchange by a request": lambda journal: journal.exchange(OPEN),
    "an exchange by a page": lambda journal: journal.exchange(1_000_001),
    "the asker of a long thread": lambda journal: journal.threads.asker(1),
    "the opener of a long thread": lambda journal: journal.threads.opener(1),
    "what is past in a long thread": lambda journal: journal.earlier(1, OPEN, most=3),
    "the threads of a quiet channel": lambda journal: journal.threads.in_channel(2),
    "the threads of a quiet server": lambda journal: journal.threads.in_guild(3),
    "direct messages": lambda journal: journal.threads.direct(),
    "notices": lambda journal: journal.notices.standing(),
    "signs and questions": lambda journal: (journal.signs.standing(), journal.questions.standing()),
    "a session's thread": lambda journal: journal.threads.session_thread("session-1"),
    "whether a thread is known": lambda journal: (journal.knows(1), journal.seen(1)),
    "a whole exchange": exchange,
    "what ended long ago": prune,
}


@pytest.mark.parametrize("work", WORK.values(), ids=WORK)
def test_twice_as_many_rows_make_no_statement_dearer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, work: Callable[[Journal], object]
) -> None:
    """At a million rows each step of the event loop costs what it costs at a hundred."""
    monkeypatch.setattr("pool.journal.journal.PRUNE_BATCH", 5)
    if work is prune:
        monkeypatch.setattr("pool.journal.journal.KEPT_SECONDS", -1.0)
    with filled(tmp_path / "few.db", 20) as few, filled(tmp_path / "many.db", 40) as many:
        assert steps(few, work) == steps(many, work) > 0


def test_nothing_old_costs_no_look_at_what_is_new(tmp_path: Path) -> None:
    """Most of the time there is nothing to drop."""
    with filled(tmp_path / "few.db", 20) as few, filled(tmp_path / "many.db", 40) as many:
        assert steps(few, Journal.prune) == steps(many, Journal.prune)
        assert few.state(1) is MessageState.ANSWERED


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ("SELECT 1 FROM messages WHERE author_id = 1", ["SCAN messages"]),
        ("SELECT count(*) FROM pages", ["SCAN pages USING COVERING INDEX sqlite_autoindex_pages_1"]),
        ("SELECT 1 FROM posts JOIN pages USING (content)", ["SCAN posts"]),
        ("SELECT 1 FROM messages WHERE message_id = 1", []),
        ("SELECT 1 FROM messages WHERE owed", []),
        ("SELECT 1 FROM signs", []),
    ],
)
def test_a_statement_that_reads_all_of_a_table_that_grows_is_known_by_its_plan(
    tmp_path: Path, statement: str, found: list[str]
) -> None:
    """What every test is checked for, see `tests.support.query_plans`."""
    with Journal.open(tmp_path / "journal.db") as journal:
        assert scans(journal._db, statement)[: len(found) or None] == found
