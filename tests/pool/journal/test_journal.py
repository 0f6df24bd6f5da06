"""The journal: every transition of a message's row, and what is still there after the end."""

import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path

import pytest

from pool.journal.journal import Journal, JournalError, MessageRow, MessageState, SentPage
from pool.journal.trailers import FIRST_TRAILER, Trailer
from tests.pool.journals import as_kill_leaves_it, receive

ROOT = Path(__file__).parents[3]

# The whole life of a row, drawn once more: what is not here must be refused.
TRANSITIONS = {
    (MessageState.RECEIVED, MessageState.HELD),
    (MessageState.RECEIVED, MessageState.PROMPTED),
    (MessageState.RECEIVED, MessageState.CLOSED),
    (MessageState.HELD, MessageState.RECEIVED),
    (MessageState.HELD, MessageState.CLOSED),
    (MessageState.PROMPTED, MessageState.RECEIVED),
    (MessageState.PROMPTED, MessageState.FINISHED),
    (MessageState.PROMPTED, MessageState.CLOSED),
    (MessageState.FINISHED, MessageState.ANSWERED),
    (MessageState.FINISHED, MessageState.CLOSED),
}

WAY_TO: dict[MessageState, tuple[MessageState, ...]] = {
    MessageState.RECEIVED: (),
    MessageState.HELD: (MessageState.HELD,),
    MessageState.PROMPTED: (MessageState.PROMPTED,),
    MessageState.FINISHED: (MessageState.PROMPTED, MessageState.FINISHED),
    MessageState.ANSWERED: (MessageState.PROMPTED, MessageState.FINISHED, MessageState.ANSWERED),
    MessageState.CLOSED: (MessageState.CLOSED,),
}

# A writer that says which message is safe, only once it is.
WRITER = """
import sys
from itertools import count
from pathlib import Path
from pool.journal.journal import Journal, MessageState

journal = Journal.open(Path(sys.argv[1]))
for message_id in count(1):
    journal.receive(message_id, thread_id=1, channel_id=2, guild_id=3, author_id=4)
    journal.mark((message_id,), MessageState.PROMPTED)
    journal.finish((message_id,), "end_turn", ["page one", "page two"])
    print(message_id, flush=True)
"""


def reason_of(path: Path, message_id: int) -> str | None:
    """Why a message's row ended, as the file has it."""
    connection = sqlite3.connect(path)
    query = "SELECT reason FROM messages WHERE message_id = ?"
    (reason,) = connection.execute(query, (message_id,)).fetchone()
    connection.close()
    return None if reason is None else str(reason)


# ---- the row of a message


@pytest.mark.parametrize(("before", "after"), sorted(product(MessageState, MessageState)))
def test_a_row_moves_along_the_drawn_lines_only(tmp_path: Path, before: MessageState, after: MessageState) -> None:
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
    "mark": lambda journal, ids: journal.mark(ids, MessageState.FINISHED),
    "close": lambda journal, ids: journal.close_rows(ids, "dropped"),
    "finish": lambda journal, ids: journal.finish(ids, "end_turn", ["page"]),
    "answer": lambda journal, ids: journal.answer(ids),
}


@pytest.mark.parametrize("move", MOVES)
def test_the_messages_of_an_exchange_change_together_or_not_at_all(tmp_path: Path, move: str) -> None:
    """One row that cannot move keeps those before it from moving, and no page is stored."""
    with Journal.open(tmp_path / "journal.db") as journal:
        receive(journal, 10, 11, 12)
        journal.mark((10, 11), MessageState.PROMPTED)
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
            journal.mark((10,), MessageState.PROMPTED)
        assert journal.state(10) is None


def test_an_exchange_is_found_by_each_of_its_requests_and_by_a_page_of_its_reply(tmp_path: Path) -> None:
    """All that was sent together, in order; what was never accepted, or posted, belongs to none."""
    with Journal.open(tmp_path / "journal.db") as journal:
        for message_id in (10, 11, 12):
            journal.receive(message_id, thread_id=1, channel_id=2, guild_id=3, author_id=4, request=str(message_id))
        journal.prompted((10, 11), "[]")
        journal.posts.intend(11, 0, "page")
        journal.posts.posted(11, 0, 77)
        found = {each: [row.request for row in journal.exchange(each)] for each in (10, 11, 77, 12, 13)}
        assert found == {10: ["10", "11"], 11: ["10", "11"], 77: ["10", "11"], 12: ["12"], 13: []}


def test_a_replayed_message_is_stored_once(tmp_path: Path) -> None:
    """The second event of the same message is refused and leaves its row as far as it had come (P2, P3)."""
    with Journal.open(tmp_path / "journal.db") as journal:
        receive(journal, 10)
        journal.mark((10,), MessageState.PROMPTED)
        assert not journal.receive(10, thread_id=1, channel_id=2, guild_id=3, author_id=4)
        assert journal.state(10) is MessageState.PROMPTED


def test_a_row_that_ended_tells_why(tmp_path: Path) -> None:
    """The reason of a close and the stop reason of a turn are in the file."""
    path = tmp_path / "journal.db"
    with Journal.open(path) as journal:
        receive(journal, 10, 11)
        journal.close_rows((10,), "dropped")
        journal.mark((11,), MessageState.PROMPTED)
        journal.finish((11,), "max_tokens", [])
    assert reason_of(path, 10) == "dropped"
    assert reason_of(path, 11) == "max_tokens"


def test_pages_are_kept_in_order_also_when_the_answer_is_confirmed(tmp_path: Path) -> None:
    """They belong to the last message of the exchange; a session that is lost is told them later."""
    with Journal.open(tmp_path / "journal.db") as journal:
        receive(journal, 10, 11)
        journal.mark((10, 11), MessageState.PROMPTED)
        pages = [f"page {number}" for number in range(12)]
        journal.finish((10, 11), "end_turn", pages)
        assert journal.pages(11) == pages
        assert journal.pages(10) == []
        journal.answer((10, 11))
        assert journal.pages(11) == pages
        assert journal.state(10) is MessageState.ANSWERED


def test_a_reply_that_has_come_to_its_end_ends_its_row(tmp_path: Path) -> None:
    """Confirmed or given up; of a closed one nothing is owed any more, and one that runs again stays as it is."""
    with Journal.open(tmp_path / "journal.db") as journal:
        receive(journal, 10, 11, 12, 13)
        for message_id in (10, 11):
            journal.prompted((message_id,), "")
            journal.finish((message_id,), "end_turn", ["page"])
        journal.close_rows((12,), "failed", ["sorry"])
        for message_id in (10, 12, 13):
            journal.settle((message_id,), confirmed=True)
        journal.settle((11,), confirmed=False)
        states = [journal.state(message_id) for message_id in (10, 11, 12, 13)]
        assert states == [MessageState.ANSWERED, MessageState.CLOSED, MessageState.CLOSED, MessageState.RECEIVED]
        assert journal.pages(12) == []
    assert reason_of(tmp_path / "journal.db", 11) == "undeliverable"


def test_pages_that_will_never_be_posted_are_not_kept(tmp_path: Path) -> None:
    """A finished exchange that is closed instead of answered leaves nothing behind but its row."""
    with Journal.open(tmp_path / "journal.db") as journal:
        receive(journal, 10, 11)
        journal.mark((10, 11), MessageState.PROMPTED)
        journal.finish((10, 11), "end_turn", ["page"])
        journal.close_rows((10, 11), "the thread was deleted")
        assert journal.pages(11) == []
        assert journal.state(11) is MessageState.CLOSED


def test_the_request_of_a_message_that_waits_can_be_replaced(tmp_path: Path) -> None:
    """Received or held; what the agent has, and what never was, stays as it is."""
    with Journal.open(tmp_path / "journal.db") as journal:
        for message_id in (10, 11, 12):
            journal.receive(message_id, thread_id=1, channel_id=2, guild_id=3, author_id=4, request="before")
        journal.mark((11,), MessageState.HELD)
        journal.prompted((12,), "the prompt")
        for message_id in (10, 11, 12, 13):
            journal.amend(message_id, "after")
        requests = [row.request for message_id in (10, 11, 12) if (row := journal.row(message_id)) is not None]
        assert requests == ["after", "after", "before"]
        assert journal.row(13) is None


def test_a_message_that_waits_can_go_to_the_conversation_of_its_channel(tmp_path: Path) -> None:
    """Which begins with the agent that the message was to have, or keeps its own; what was prompted does not move."""
    with Journal.open(tmp_path / "journal.db") as journal:
        for message_id, agent in ((10, "one"), (11, "two"), (12, "two")):
            where = {"thread_id": message_id, "channel_id": 5, "guild_id": 1, "author_id": 42}
            journal.receive(message_id, **where, request="before", assignment=(agent, "/srv"))
        journal.prompted((12,), "sent")
        assert not journal.knows(5)
        for message_id in (10, 11, 12):
            journal.move(message_id, 5, "after")
        assert journal.knows(5)
        assert journal.threads.place(5) == (1, 5)
        assert journal.threads.assignment(5) == (5, "one", "/srv")
        rows = [(row.thread_id, row.request) for row in journal.open_rows()]
        assert rows == [(5, "after"), (5, "after"), (12, "before")]


def test_a_prompt_that_was_not_sent_leaves_the_row_as_it_was(tmp_path: Path) -> None:
    """With what an earlier try had sent, if there was one: only that one may have been interrupted."""
    with Journal.open(tmp_path / "journal.db") as journal:
        receive(journal, 10)
        assert journal.prompted((10,), "first") is None
        journal.unsent((10,), None)
        assert [(row.state, row.prompt) for row in journal.open_rows()] == [(MessageState.RECEIVED, None)]
        journal.prompted((10,), "first")
        journal.mark((10,), MessageState.RECEIVED)
        assert journal.prompted((10,), "second") == "first"
        journal.unsent((10,), "first")
        assert [(row.state, row.prompt) for row in journal.open_rows()] == [(MessageState.RECEIVED, "first")]


# ---- a crash at any moment


@contextmanager
def crashes(journal: Journal, path: Path) -> Iterator[list[Path]]:
    """Collect what a kill before each statement of the block would leave, the commit included, and at last after it."""
    found: list[Path] = []

    def crash(_statement: str = "") -> None:
        found.append(as_kill_leaves_it(path, path.with_name(f"crash-{len(found)}")))

    journal._db.set_trace_callback(crash)
    yield found
    journal._db.set_trace_callback(None)
    crash()


STEPS: dict[MessageState, Callable[[Journal, tuple[int, ...]], object]] = {
    MessageState.RECEIVED: lambda journal, ids: journal.mark(ids, MessageState.RECEIVED),
    MessageState.HELD: lambda journal, ids: journal.mark(ids, MessageState.HELD),
    MessageState.PROMPTED: lambda journal, ids: journal.prompted(ids, "the prompt"),
    MessageState.FINISHED: lambda journal, ids: journal.finish(ids, "end_turn", ["one", "two"]),
    MessageState.ANSWERED: lambda journal, ids: journal.answer(ids),
    MessageState.CLOSED: lambda journal, ids: journal.close_rows(ids, "failed", ["sorry"]),
}
"""How each state is reached."""


@pytest.mark.parametrize(("before", "after"), sorted(TRANSITIONS))
def test_a_crash_finds_the_state_before_a_transition_or_the_one_after_it(
    tmp_path: Path, before: MessageState, after: MessageState
) -> None:
    """Killed at any statement of it: all rows of the exchange, its prompt and its pages, or none (invariant 7)."""
    path = tmp_path / "journal.db"
    with Journal.open(path) as journal:
        receive(journal, 10, 11)
        for state in WAY_TO[before]:
            STEPS[state](journal, (10, 11))
        pages, rows = journal.pages(11), journal.open_rows()
        with crashes(journal, path) as found:
            STEPS[after](journal, (10, 11))
        pages_after, rows_after = journal.pages(11), journal.open_rows()
    *early, late = found
    assert len(early) >= 4  # begin, a row, the other row, commit
    for crash in early:
        with Journal.open(crash) as journal:
            assert [journal.state(10), journal.state(11)] == [before, before]
            assert (journal.pages(11), journal.open_rows()) == (pages, rows)
    with Journal.open(late) as journal:
        assert [journal.state(10), journal.state(11)] == [after, after]
        assert (journal.pages(11), journal.open_rows()) == (pages_after, rows_after)


def test_a_crash_while_a_message_is_received_finds_all_of_it_or_nothing(tmp_path: Path) -> None:
    """Its row, its conversation and its mark; what was lost is accepted when it is found again (P1)."""
    path = tmp_path / "journal.db"
    with Journal.open(path) as journal, crashes(journal, path) as found:
        receive(journal, 10)
    *early, late = found
    assert len(early) == 5
    for crash in early:
        with Journal.open(crash) as journal:
            assert journal.state(10) is None
            assert not journal.knows(1)
            assert journal.seen(1) is None
            receive(journal, 10)
    with Journal.open(late) as journal:
        assert journal.state(10) is MessageState.RECEIVED
        assert journal.knows(1)
        assert journal.seen(1) == 10
        assert not journal.receive(10, thread_id=1, channel_id=2, guild_id=3, author_id=4)


NOTES: dict[str, Callable[[Journal], None]] = {
    "session": lambda journal: journal.threads.set_session(1, "new"),
    "choice": lambda journal: journal.threads.choose(1, "mode", "plan"),
    "mark": lambda journal: journal.mark_seen(2, 99),
    "intent": lambda journal: journal.posts.intend(10, 1, "page"),
    "page": lambda journal: journal.posts.posted(10, 0, 500),
    "left": lambda journal: journal.posts.left(10, 0, "page"),
    "question": lambda journal: journal.questions.asked("new", thread_id=1, exchange_id=10, content="May I?"),
    "card": lambda journal: journal.questions.posted("old", 600),
    "settled": lambda journal: journal.questions.settled("old"),
    "told": lambda journal: journal.told((12,)),
}


def everything(journal: Journal) -> tuple[object, ...]:
    """All that is remembered about thread 1 and its messages but for their states."""
    return (
        *(journal.threads.session_id(1), journal.threads.choices(1), journal.seen(2), journal.posts.of(10)),
        *(journal.questions.standing(), journal.pages(12)),
    )


@pytest.mark.parametrize("note", NOTES)
def test_a_crash_finds_a_note_whole_or_not_at_all(tmp_path: Path, note: str) -> None:
    """Whatever else is written down is there from its commit on, and nothing else changes with it."""
    path = tmp_path / "journal.db"
    with Journal.open(path) as journal:
        receive(journal, 10, 12)
        journal.threads.set_session(1, "old")
        journal.threads.choose(1, "mode", "default")
        journal.mark_seen(2, 9)
        journal.posts.intend(10, 0, "page")
        journal.questions.asked("old", thread_id=1, exchange_id=10, content="May I?")
        journal.close_rows((12,), "failed", ["sorry"])
        before = everything(journal)
        with crashes(journal, path) as found:
            NOTES[note](journal)
        after = everything(journal)
    assert sum(one != other for one, other in zip(before, after, strict=True)) == 1
    *early, late = found
    for crash in early:
        with Journal.open(crash) as journal:
            assert everything(journal) == before
    with Journal.open(late) as journal:
        assert everything(journal) == after


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
        assert {journal.state(message_id) for message_id in safe} == {MessageState.FINISHED}
        assert all(journal.pages(message_id) == ["page one", "page two"] for message_id in safe)
        assert journal.receive(10**6, thread_id=1, channel_id=2, guild_id=3, author_id=4)
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()


# ---- what is open


def test_open_rows_have_what_is_needed_to_take_them_up_again(tmp_path: Path) -> None:
    """Oldest message first, whatever order they came in: the request, and what was sent once it was."""
    with Journal.open(tmp_path / "journal.db") as journal:
        for message_id in (13, 10, 11, 12, 14, 15):
            request = f"request {message_id}"
            journal.receive(message_id, thread_id=1, channel_id=2, guild_id=3, author_id=4, request=request)
        journal.prompted((10, 11), "the prompt")
        journal.mark((12,), MessageState.HELD)
        journal.close_rows((14,), "dropped")
        journal.prompted((15,), "another")
        journal.finish((15,), "end_turn", [])
        assert journal.open_rows() == [
            MessageRow(10, 1, 4, MessageState.PROMPTED, "request 10", None, None, 11),
            MessageRow(11, 1, 4, MessageState.PROMPTED, "request 11", "the prompt", None, 11),
            MessageRow(12, 1, 4, MessageState.HELD, "request 12", None, None, 12),
            MessageRow(13, 1, 4, MessageState.RECEIVED, "request 13", None, None, 13),
            MessageRow(15, 1, 4, MessageState.FINISHED, "request 15", "another", "end_turn", 15),
        ]
        journal.answer((15,))
        assert [row.message_id for row in journal.open_rows()] == [10, 11, 12, 13]


def test_a_closed_row_is_open_as_long_as_a_word_about_it_is_owed(tmp_path: Path) -> None:
    """The person learns of it also after a crash, and once."""
    with Journal.open(tmp_path / "journal.db") as journal:
        receive(journal, 10, 11)
        journal.close_rows((10, 11), "failed", ["sorry"])
        assert [(row.message_id, row.state) for row in journal.open_rows()] == [(11, MessageState.CLOSED)]
        assert journal.pages(11) == ["sorry"]
        journal.told((10, 11))
        assert journal.open_rows() == []
        assert journal.state(11) is MessageState.CLOSED


# ---- marks


def test_a_mark_never_goes_back(tmp_path: Path) -> None:
    """An older message that comes late moves nothing, here or in the file; channels have marks of their own (P2)."""
    path = tmp_path / "journal.db"
    with Journal.open(path) as journal:
        assert journal.seen(2) is None
        for message_id, mark in ((0, 0), (50, 50), (49, 50), (50, 50), (51, 51), (0, 51)):
            journal.mark_seen(2, message_id)
            assert journal.seen(2) == mark
        assert journal.seen(3) is None
        journal.mark_seen(3, 7)
    with Journal.open(path) as journal:
        assert (journal.seen(2), journal.seen(3), journal.seen(4)) == (51, 7, None)
        journal.mark_seen(2, 50)
        assert journal.seen(2) == 51
    with Journal.open(path) as journal:
        assert journal.seen(2) == 51


def test_a_mark_that_does_not_move_is_not_written(tmp_path: Path) -> None:
    """Every message moves one; most of what else is seen must cost nothing."""
    path = tmp_path / "journal.db"
    with Journal.open(path) as journal:
        journal.mark_seen(2, 50)
        written = journal._db.total_changes
        journal.mark_seen(2, 50)
        assert journal._db.total_changes == written


# ---- what is past


def test_a_new_session_can_be_told_the_last_exchanges(tmp_path: Path) -> None:
    """Those of the thread that were answered before the message, oldest first, with all their pages (P43)."""
    with Journal.open(tmp_path / "journal.db") as journal:
        for message_id in (10, 11, 12, 13, 14, 15):
            request = f"request {message_id}"
            journal.receive(message_id, thread_id=1, channel_id=2, guild_id=3, author_id=4, request=request)
            journal.prompted((message_id,), "")
        receive(journal, 9, thread_id=2)
        journal.prompted((9,), "")
        for message_id, pages in ((9, ["other"]), (10, ["a"]), (11, ["one", "two"]), (12, []), (14, ["later"])):
            journal.finish((message_id,), "end_turn", pages)
            journal.answer((message_id,))
        journal.finish((13,), "end_turn", ["not confirmed"])
        told = [("request 10", "a"), ("request 11", "one\ntwo"), ("request 12", "")]
        assert journal.earlier(1, 14, most=10) == told
        assert journal.earlier(1, 14, most=2) == told[1:]
        assert journal.earlier(1, 15, most=1) == [("request 14", "later")]
        assert journal.earlier(1, 10, most=10) == []
        assert journal.earlier(3, 14, most=10) == []


def test_rows_that_ended_long_ago_are_dropped_in_small_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With their pages and posts; what is open stays however old it is, and so does the thread's session."""
    monkeypatch.setattr("pool.journal.journal.PRUNE_BATCH", 3)
    path = tmp_path / "journal.db"
    with Journal.open(path) as journal:
        receive(journal, *range(10, 18))
        journal.threads.set_session(1, "session")
        for message_id in range(10, 15):
            journal.prompted((message_id,), "")
            journal.posts.intend(message_id, 0, "page")
            journal.finish((message_id,), "end_turn", ["page"])
        for message_id in range(10, 14):
            journal.answer((message_id,))
        journal.close_rows((15,), "dropped")
        journal.mark((16,), MessageState.HELD)
        for message_id in (10, 14):
            journal.signs.put(1, message_id, "⏳")
        assert journal.prune() == 0
        monkeypatch.setattr("pool.journal.journal.KEPT_SECONDS", -1.0)
        assert [journal.prune() for _ in range(3)] == [3, 2, 0]
        gone, kept = (10, 11, 12, 13, 15), (14, 16, 17)
        assert [journal.state(message_id) for message_id in gone] == [None] * 5
        assert [journal.state(message_id) for message_id in kept] == [
            MessageState.FINISHED,
            MessageState.HELD,
            MessageState.RECEIVED,
        ]
        assert [journal.pages(message_id) for message_id in (10, 14)] == [[], ["page"]]
        assert journal.signs.standing() == {14: (1, ["⏳"])}
        assert [journal.posts.of(message_id) for message_id in (10, 14)] == [[], [SentPage(0, "page", None)]]
        assert journal.threads.session_id(1) == "session"
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    connection.close()


def test_what_is_open_is_taken_up_in_the_order_of_the_messages(tmp_path: Path) -> None:
    """Whenever each was recorded, and whatever has become of it."""
    with Journal.open(tmp_path / "journal.db") as journal:
        receive(journal, 40, 20, 10, 30)
        journal.mark((20,), MessageState.HELD)
        journal.close_rows((10,), "failed", ["a word"])
        assert [row.message_id for row in journal.open_rows()] == [10, 20, 30, 40]


def test_an_older_message_that_is_recorded_later_moves_no_mark_back(tmp_path: Path) -> None:
    """What lies between is read once."""
    with Journal.open(tmp_path / "journal.db") as journal:
        for message_id in (20, 10):
            journal.receive(message_id, thread_id=5, channel_id=1, guild_id=None, author_id=7)
            assert journal.seen(5) == 20


def test_what_a_turn_that_was_cut_off_says_is_owed_until_it_is_told_or_sent_again(tmp_path: Path) -> None:
    """Its rows stay prompted, together; another try begins with nothing of the first one."""
    with Journal.open(tmp_path / "journal.db") as journal:
        receive(journal, 10, 11, 12)
        for message_ids in ((10, 11), (12,)):
            journal.prompted(message_ids, "prompt")
            journal.posts.intend(message_ids[-1], 0, "page")
            journal.postscripts.keep(message_ids[-1], {FIRST_TRAILER: Trailer("cut off")})
            journal.interrupt(message_ids, ["one", "two"])
            assert journal.pages(message_ids[-1]) == ["one", "two"]
        journal.settle((10, 11), confirmed=True)
        journal.again((12,))
        journal.posts.drop(12)
        assert (journal.pages(11), journal.pages(12), journal.posts.of(12)) == ([], [], [])
        assert (journal.postscripts.of(11), journal.postscripts.of(12)) == ({}, {})
        rows = [(row.message_id, row.exchange_id, row.state) for row in journal.open_rows()]
        assert rows == [
            (10, 11, MessageState.PROMPTED),
            (11, 11, MessageState.PROMPTED),
            (12, 12, MessageState.RECEIVED),
        ]
        assert len(journal.posts.of(11)) == 1
        with pytest.raises(JournalError):
            journal.again((12,))
