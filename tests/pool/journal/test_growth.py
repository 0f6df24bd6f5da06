"""The cost of the journal's statements: it stays the same with twice as many rows, counted in SQLite's own steps."""

from collections.abc import Callable
from pathlib import Path

import pytest

from pool.journal.journal import Journal
from pool.journal.message_states import MessageState
from pool.journal.trailers import FIRST_TRAILER, Trailer
from tests.pool.journals import receive
from tests.support.query_plans import scans

OPEN = 10_000
"""A message that waits; those before it have ended."""


def filled(path: Path, count: int) -> Journal:
    """Open a journal with this many answered exchanges of one thread, and as many threads in other places."""
    journal = Journal.open(path)
    for number in range(1, count + 1):
        receive(journal, number)
        journal.messages.prompted((number,), "prompt")
        journal.sent_pages.intend(number, 0, "page")
        journal.sent_pages.posted(number, 0, 1_000_000 + number)
        journal.messages.finish((number,), "end_turn", ["page"])
        journal.messages.answer((number,))
        other = 100_000 + number
        journal.messages.receive(other, thread_id=other, channel_id=5, guild_id=6, author_id=4)
        journal.messages.close((other,), "dropped")
        journal.threads.set_session(other, f"session-{number}")
    receive(journal, OPEN, OPEN + 1)
    return journal


def steps(journal: Journal, work: Callable[[Journal], object]) -> int:
    """Count the instructions that SQLite executes for some work."""
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
    """Receive a message and answer it with a file."""
    journal.messages.receive(OPEN + 2, thread_id=1, channel_id=2, guild_id=3, author_id=4)
    journal.messages.prompted((OPEN + 2,), "prompt")
    journal.sent_pages.intend(OPEN + 2, 0, "page")
    journal.sent_pages.posted(OPEN + 2, 0, 7)
    journal.trailers.keep(OPEN + 2, {FIRST_TRAILER: Trailer("done")})
    journal.messages.finish((OPEN + 2,), "end_turn", ["page"])
    journal.messages.settle((OPEN + 2,), confirmed=True)
    journal.marks.advance(1, OPEN + 2)


def prune(journal: Journal) -> None:
    """Delete one batch of old rows."""
    assert journal.messages.prune() > 1


WORK: dict[str, Callable[[Journal], object]] = {
    "what is open": lambda journal: journal.messages.open_rows(),
    "an exchange by a request": lambda journal: journal.messages.exchange(OPEN),
    "an exchange by a page": lambda journal: journal.messages.exchange(1_000_001),
    "the asker of a long thread": lambda journal: journal.threads.asker(1),
    "the opener of a long thread": lambda journal: journal.threads.opener(1),
    "what is past in a long thread": lambda journal: journal.messages.earlier(1, OPEN, most=3),
    "the threads of a quiet channel": lambda journal: journal.threads.in_channel(2),
    "the threads of a quiet server": lambda journal: journal.threads.in_guild(3),
    "direct messages": lambda journal: journal.threads.direct(),
    "notices": lambda journal: journal.notices.all(),
    "signs and questions": lambda journal: (journal.reactions.all(), journal.questions.all()),
    "a session's thread": lambda journal: journal.threads.session_thread("session-1"),
    "whether a thread is known": lambda journal: (journal.threads.knows(1), journal.marks.seen(1)),
    "a whole exchange": exchange,
    "what ended long ago": prune,
}


@pytest.mark.parametrize("work", WORK.values(), ids=WORK)
def test_no_statement_costs_more_with_twice_as_many_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, work: Callable[[Journal], object]
) -> None:
    """A step of the event loop costs the same at a million rows as at a hundred."""
    monkeypatch.setattr("pool.journal.messages.PRUNE_BATCH", 5)
    if work is prune:
        monkeypatch.setattr("pool.journal.messages.KEPT_SECONDS", -1.0)
    with filled(tmp_path / "few.db", 20) as few, filled(tmp_path / "many.db", 40) as many:
        assert steps(few, work) == steps(many, work) > 0


def nothing_to_prune(journal: Journal) -> None:
    """Look for old rows where all are recent."""
    assert journal.messages.prune() == 0


def test_a_prune_without_old_rows_looks_at_no_recent_ones(tmp_path: Path) -> None:
    """Most prunes find no old row."""
    with filled(tmp_path / "few.db", 20) as few, filled(tmp_path / "many.db", 40) as many:
        assert steps(few, nothing_to_prune) == steps(many, nothing_to_prune)
        assert few.messages.state(1) is MessageState.ANSWERED


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
def test_the_plan_of_a_statement_shows_that_it_reads_all_of_a_growing_table(
    journal: Journal, statement: str, found: list[str]
) -> None:
    """Every test is checked for such statements; see `tests.support.query_plans`."""
    assert scans(journal._db, statement)[: len(found) or None] == found
