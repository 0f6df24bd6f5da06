"""The rows of messages: each transition, a crash at each moment, and pruning."""

import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path

import pytest

from pool.journal.errors import JournalError
from pool.journal.journal import Journal
from pool.journal.message_states import MessageRow, MessageState
from pool.journal.questions import OpenQuestion
from pool.journal.sent_pages import SentPage
from pool.journal.threads import Assignment
from pool.journal.trailers import FIRST_TRAILER, Trailer
from tests.pool.journals import WAYS, as_kill_leaves_it, move, receive

ROOT = Path(__file__).parents[3]

# All transitions, listed once more: every other one must be refused.
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

# A writer that says which message is safe, only once it is.
WRITER = """
import sys
from itertools import count
from pathlib import Path
from pool.journal.journal import Journal

journal = Journal.open(Path(sys.argv[1]))
for message_id in count(1):
    journal.messages.receive(message_id, thread_id=1, channel_id=2, guild_id=3, author_id=4)
    journal.messages.prompted((message_id,), "")
    journal.messages.finish((message_id,), "end_turn", ["page one", "page two"])
    print(message_id, flush=True)
"""


def reason_of(path: Path, message_id: int) -> str | None:
    """Return the reason of a message's row from the file."""
    connection = sqlite3.connect(path)
    query = "SELECT reason FROM messages WHERE message_id = ?"
    (reason,) = connection.execute(query, (message_id,)).fetchone()
    connection.close()
    return None if reason is None else str(reason)


# ---- the row of a message


@pytest.mark.parametrize(("before", "after"), sorted(product(MessageState, MessageState)))
def test_a_row_makes_the_listed_transitions_only(journal: Journal, before: MessageState, after: MessageState) -> None:
    """Every other transition is refused and changes no row."""
    receive(journal, 10)
    for state in WAYS[before]:
        move(journal, (10,), state)
    if (before, after) in TRANSITIONS:
        move(journal, (10,), after)
        assert journal.messages.state(10) is after
    else:
        with pytest.raises(JournalError, match=f"message 10 is {before} and cannot become {after}"):
            move(journal, (10,), after)
        assert journal.messages.state(10) is before


MOVES: dict[str, Callable[[Journal, tuple[int, ...]], None]] = {
    "requeue": lambda journal, ids: journal.messages.requeue(ids),
    "close": lambda journal, ids: journal.messages.close(ids, "dropped"),
    "finish": lambda journal, ids: journal.messages.finish(ids, "end_turn", ["page"]),
    "answer": lambda journal, ids: journal.messages.answer(ids),
}


@pytest.mark.parametrize("move", MOVES)
def test_the_messages_of_an_exchange_change_together_or_not_at_all(journal: Journal, move: str) -> None:
    """One row that cannot move keeps the others from moving, and no page is stored."""
    receive(journal, 10, 11, 12)
    journal.messages.prompted((10, 11), "")
    if move == "answer":
        journal.messages.finish((10, 11), "end_turn", ["page"])
    else:
        journal.messages.close((12,), "dropped")
    before = [journal.messages.state(message_id) for message_id in (10, 11, 12)]
    pages = journal.messages.pages(11)
    with pytest.raises(JournalError, match="message 12 is"):
        MOVES[move](journal, (10, 11, 12))
    assert [journal.messages.state(message_id) for message_id in (10, 11, 12)] == before
    assert journal.messages.pages(11) == pages
    assert journal.messages.pages(12) == []


def test_a_message_that_was_never_accepted_cannot_move(journal: Journal) -> None:
    """It has no state, and a transition raises instead of adding a row."""
    assert journal.messages.state(10) is None
    with pytest.raises(JournalError, match="message 10 is None and cannot become prompted"):
        journal.messages.prompted((10,), "")
    assert journal.messages.state(10) is None


def test_an_exchange_is_found_by_each_of_its_requests_and_by_a_page_of_its_reply(journal: Journal) -> None:
    """All its requests are found, in order; an unknown message belongs to no exchange."""
    receive(journal, 10, 11, 12, request="{}")
    journal.messages.prompted((10, 11), "[]")
    journal.sent_pages.intend(11, 0, "page")
    journal.sent_pages.posted(11, 0, 77)
    found = {each: [row.request for row in journal.messages.exchange(each)] for each in (10, 11, 77, 12, 13)}
    assert found == {10: ["10", "11"], 11: ["10", "11"], 77: ["10", "11"], 12: ["12"], 13: []}


def test_a_replayed_message_is_stored_once(journal: Journal) -> None:
    """The second event is refused, and the row keeps its state."""
    receive(journal, 10)
    journal.messages.prompted((10,), "")
    assert not journal.messages.receive(10, thread_id=1, channel_id=2, guild_id=3, author_id=4)
    assert journal.messages.state(10) is MessageState.PROMPTED


def test_a_row_that_ended_has_its_reason(tmp_path: Path) -> None:
    """The file has the reason of a close and the stop reason of a turn."""
    path = tmp_path / "journal.db"
    with Journal.open(path) as journal:
        receive(journal, 10, 11)
        journal.messages.close((10,), "dropped")
        journal.messages.prompted((11,), "")
        journal.messages.finish((11,), "max_tokens", [])
    assert reason_of(path, 10) == "dropped"
    assert reason_of(path, 11) == "max_tokens"


def test_pages_are_kept_in_order_after_the_answer_is_confirmed(journal: Journal) -> None:
    """They belong to the last message of the exchange, for a later session that must learn them."""
    receive(journal, 10, 11)
    journal.messages.prompted((10, 11), "")
    pages = [f"page {number}" for number in range(12)]
    journal.messages.finish((10, 11), "end_turn", pages)
    assert journal.messages.pages(11) == pages
    assert journal.messages.pages(10) == []
    journal.messages.answer((10, 11))
    assert journal.messages.pages(11) == pages
    assert journal.messages.state(10) is MessageState.ANSWERED


def test_a_settled_reply_ends_its_row(tmp_path: Path) -> None:
    """A confirmed reply is answered, one that was given up is closed, and a closed row owes no more pages."""
    with Journal.open(tmp_path / "journal.db") as journal:
        receive(journal, 10, 11, 12, 13)
        for message_id in (10, 11):
            journal.messages.prompted((message_id,), "")
            journal.messages.finish((message_id,), "end_turn", ["page"])
        journal.messages.close((12,), "failed", ["sorry"])
        for message_id in (10, 12, 13):
            journal.messages.settle((message_id,), confirmed=True)
        journal.messages.settle((11,), confirmed=False)
        states = [journal.messages.state(message_id) for message_id in (10, 11, 12, 13)]
        assert states == [MessageState.ANSWERED, MessageState.CLOSED, MessageState.CLOSED, MessageState.RECEIVED]
        assert journal.messages.pages(12) == []
    assert reason_of(tmp_path / "journal.db", 11) == "undeliverable"


def test_pages_that_will_never_be_posted_are_not_kept(journal: Journal) -> None:
    """A finished exchange that is closed keeps only its row."""
    receive(journal, 10, 11)
    journal.messages.prompted((10, 11), "")
    journal.messages.finish((10, 11), "end_turn", ["page"])
    journal.messages.close((10, 11), "the thread was deleted")
    assert journal.messages.pages(11) == []
    assert journal.messages.state(11) is MessageState.CLOSED


def test_the_request_of_a_message_that_waits_can_be_replaced(journal: Journal) -> None:
    """It is replaced while the row is received or held, and not later."""
    receive(journal, 10, 11, 12, request="before")
    journal.messages.hold((11,), held=True)
    journal.messages.prompted((12,), "the prompt")
    for message_id in (10, 11, 12, 13):
        journal.messages.amend(message_id, "after")
    requests = [row.request for message_id in (10, 11, 12) if (row := journal.messages.row(message_id)) is not None]
    assert requests == ["after", "after", "before"]
    assert journal.messages.row(13) is None


def test_a_message_that_waits_can_move_to_the_conversation_of_its_channel(journal: Journal) -> None:
    """A new conversation gets the message's agent, a known one keeps its own; a prompted message stays."""
    for message_id, agent in ((10, "one"), (11, "two"), (12, "two")):
        where = {"thread_id": message_id, "channel_id": 5, "guild_id": 1, "author_id": 42}
        journal.messages.receive(message_id, **where, request="before", assignment=Assignment(agent, "/srv"))
    journal.messages.prompted((12,), "sent")
    assert not journal.threads.knows(5)
    for message_id in (10, 11, 12):
        journal.messages.move(message_id, 5, "after")
    assert journal.threads.knows(5)
    assert journal.threads.place(5) == (1, 5)
    assert journal.threads.assignment(5) == (5, ("one", "/srv"))
    rows = [(row.thread_id, row.request) for row in journal.messages.open_rows()]
    assert rows == [(5, "after"), (5, "after"), (12, "before")]


def test_a_prompt_that_was_not_sent_leaves_the_row_as_it_was(journal: Journal) -> None:
    """The prompt of an earlier try stays: only that one may have been interrupted."""
    receive(journal, 10)
    assert journal.messages.prompted((10,), "first") is None
    journal.messages.unsent((10,), None)
    assert [(row.state, row.prompt) for row in journal.messages.open_rows()] == [(MessageState.RECEIVED, None)]
    journal.messages.prompted((10,), "first")
    journal.messages.requeue((10,))
    assert journal.messages.prompted((10,), "second") == "first"
    journal.messages.unsent((10,), "first")
    assert [(row.state, row.prompt) for row in journal.messages.open_rows()] == [(MessageState.RECEIVED, "first")]


# ---- a crash at any moment


@contextmanager
def crashes(journal: Journal, path: Path) -> Iterator[list[Path]]:
    """Collect what a kill before each statement of the block leaves, and at last what a kill after it leaves."""
    found: list[Path] = []

    def crash(_statement: str = "") -> None:
        found.append(as_kill_leaves_it(path, path.with_name(f"crash-{len(found)}")))

    journal._db.set_trace_callback(crash)
    yield found
    journal._db.set_trace_callback(None)
    crash()


STEPS: dict[MessageState, Callable[[Journal, tuple[int, ...]], object]] = {
    MessageState.RECEIVED: lambda journal, ids: journal.messages.requeue(ids),
    MessageState.HELD: lambda journal, ids: journal.messages.hold(ids, held=True),
    MessageState.PROMPTED: lambda journal, ids: journal.messages.prompted(ids, "the prompt"),
    MessageState.FINISHED: lambda journal, ids: journal.messages.finish(ids, "end_turn", ["one", "two"]),
    MessageState.ANSWERED: lambda journal, ids: journal.messages.answer(ids),
    MessageState.CLOSED: lambda journal, ids: journal.messages.close(ids, "failed", ["sorry"]),
}
"""How each state is reached."""


@pytest.mark.parametrize(("before", "after"), sorted(TRANSITIONS))
def test_a_crash_finds_the_state_before_a_transition_or_the_one_after_it(
    tmp_path: Path, before: MessageState, after: MessageState
) -> None:
    """A kill at any statement leaves all rows of the exchange, its prompt and its pages, or none of them."""
    path = tmp_path / "journal.db"
    with Journal.open(path) as journal:
        receive(journal, 10, 11)
        for state in WAYS[before]:
            STEPS[state](journal, (10, 11))
        pages, rows = journal.messages.pages(11), journal.messages.open_rows()
        with crashes(journal, path) as found:
            STEPS[after](journal, (10, 11))
        pages_after, rows_after = journal.messages.pages(11), journal.messages.open_rows()
    *early, late = found
    assert len(early) >= 4  # begin, a row, the other row, commit
    for crash in early:
        with Journal.open(crash) as journal:
            assert [journal.messages.state(10), journal.messages.state(11)] == [before, before]
            assert (journal.messages.pages(11), journal.messages.open_rows()) == (pages, rows)
    with Journal.open(late) as journal:
        assert [journal.messages.state(10), journal.messages.state(11)] == [after, after]
        assert (journal.messages.pages(11), journal.messages.open_rows()) == (pages_after, rows_after)


INTO_A_TURN: dict[str, tuple[Callable[[Journal], None], ...]] = {
    "join": (lambda journal: journal.messages.join((11, 12), 10, "both"),),
    "leave": (
        lambda journal: journal.messages.join((11, 12), 10, "both"),
        lambda journal: journal.messages.leave((11, 12), 10, "one"),
    ),
    "part": (
        lambda journal: journal.messages.join((11, 12), 10, "both"),
        lambda journal: journal.messages.part((11, 12), 10, "one", "two"),
    ),
}
"""The writes about messages that are sent into the turn of message 10, each after what must come before it."""


def turn(journal: Journal) -> list[tuple[int, MessageState, int, str | None]]:
    """Return the rows of a turn and of what was sent into it: their states, their exchanges and the prompts."""
    return [(row.message_id, row.state, row.exchange_id, row.prompt) for row in journal.messages.open_rows()]


@pytest.mark.parametrize("write", INTO_A_TURN)
def test_a_crash_leaves_a_message_in_the_turn_or_out_of_it(tmp_path: Path, write: str) -> None:
    """Its state, its exchange and both prompts change together."""
    path = tmp_path / "journal.db"
    with Journal.open(path) as journal:
        receive(journal, 10, 11, 12)
        journal.messages.prompted((10,), "one")
        *earlier, last = INTO_A_TURN[write]
        for step in earlier:
            step(journal)
        before = turn(journal)
        with crashes(journal, path) as found:
            last(journal)
        after = turn(journal)
    *early, late = found
    assert len(early) >= 4
    for crash in early:
        with Journal.open(crash) as journal:
            assert turn(journal) == before
    with Journal.open(late) as journal:
        assert turn(journal) == after
    prompted, received = MessageState.PROMPTED, MessageState.RECEIVED
    assert (
        after
        == {
            "join": [(10, prompted, 10, "both"), (11, prompted, 10, None), (12, prompted, 10, None)],
            "leave": [(10, prompted, 10, "one"), (11, received, 12, None), (12, received, 12, None)],
            "part": [(10, prompted, 10, "one"), (11, prompted, 12, None), (12, prompted, 12, "two")],
        }[write]
    )


def test_the_message_that_names_an_exchange_is_its_last_one(journal: Journal) -> None:
    """Also where older or newer ones were sent into its turn, whose authors do not become the asker."""
    for message_id, author_id in ((9, 8), (10, 7), (11, 8)):
        journal.messages.receive(message_id, thread_id=1, channel_id=2, guild_id=3, author_id=author_id)
    journal.messages.prompted((10,), "one")
    assert journal.threads.asker(1) == 8
    for message_id in (11, 9):
        journal.messages.join((message_id,), 10, "more")
    assert journal.threads.asker(1) == 7
    for message_id in (9, 10, 11):
        assert [row.message_id for row in journal.messages.exchange(message_id)] == [9, 11, 10]
    journal.messages.finish((9, 11, 10), "end_turn", ["the answer"])
    assert [row.state for row in journal.messages.open_rows()] == [MessageState.FINISHED] * 3
    assert journal.messages.pages(10) == ["the answer"]


def test_a_crash_while_a_message_is_received_leaves_all_of_it_or_none(tmp_path: Path) -> None:
    """Its row, conversation and mark are lost together, and it is accepted when it is found again."""
    path = tmp_path / "journal.db"
    with Journal.open(path) as journal, crashes(journal, path) as found:
        receive(journal, 10)
    *early, late = found
    assert len(early) == 5
    for crash in early:
        with Journal.open(crash) as journal:
            assert journal.messages.state(10) is None
            assert not journal.threads.knows(1)
            assert journal.marks.seen(1) is None
            receive(journal, 10)
    with Journal.open(late) as journal:
        assert journal.messages.state(10) is MessageState.RECEIVED
        assert journal.threads.knows(1)
        assert journal.marks.seen(1) == 10
        assert not journal.messages.receive(10, thread_id=1, channel_id=2, guild_id=3, author_id=4)


NOTES: dict[str, Callable[[Journal], None]] = {
    "session": lambda journal: journal.threads.set_session(1, "new"),
    "choice": lambda journal: journal.threads.choose(1, "mode", "plan"),
    "mark": lambda journal: journal.marks.advance(2, 99),
    "intent": lambda journal: journal.sent_pages.intend(10, 1, "page"),
    "page": lambda journal: journal.sent_pages.posted(10, 0, 500),
    "left": lambda journal: journal.sent_pages.left(10, 0, "page"),
    "question": lambda journal: journal.questions.asked(question("new")),
    "card": lambda journal: journal.questions.posted("old", 600),
    "settled": lambda journal: journal.questions.settled("old"),
    "told": lambda journal: journal.messages.clear_owed((12,)),
}


def question(token: str) -> OpenQuestion:
    """Return a question about message 10."""
    return OpenQuestion(token, 1, 10, "May I?", None, "ls", components_v2=False)


def everything(journal: Journal) -> tuple[object, ...]:
    """Return all that is remembered about thread 1 and its messages, except their states."""
    return (
        *(journal.threads.session_id(1), journal.threads.choices(1), journal.marks.seen(2), journal.sent_pages.of(10)),
        *(journal.questions.all(), journal.messages.pages(12)),
    )


@pytest.mark.parametrize("note", NOTES)
def test_a_crash_leaves_a_single_write_whole_or_not_at_all(tmp_path: Path, note: str) -> None:
    """Each other write is there after its commit, and changes only its own row."""
    path = tmp_path / "journal.db"
    with Journal.open(path) as journal:
        receive(journal, 10, 12)
        journal.threads.set_session(1, "old")
        journal.threads.choose(1, "mode", "default")
        journal.marks.advance(2, 9)
        journal.sent_pages.intend(10, 0, "page")
        journal.questions.asked(question("old"))
        journal.messages.close((12,), "failed", ["sorry"])
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
    """Everything that a writer reported is complete after SIGKILL, and the file opens immediately."""
    path = tmp_path / "journal.db"
    command = [sys.executable, "-c", WRITER, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as writer:
        assert writer.stdout is not None
        safe = [int(writer.stdout.readline()) for _ in range(200)]
        writer.send_signal(signal.SIGKILL)
        safe += [int(line) for line in writer.stdout if line.endswith("\n")]
    assert writer.returncode == -signal.SIGKILL
    with Journal.open(path) as journal:
        assert {journal.messages.state(message_id) for message_id in safe} == {MessageState.FINISHED}
        assert all(journal.messages.pages(message_id) == ["page one", "page two"] for message_id in safe)
        assert journal.messages.receive(10**6, thread_id=1, channel_id=2, guild_id=3, author_id=4)
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()


# ---- what is open


def test_open_rows_have_what_is_needed_to_continue_them(journal: Journal) -> None:
    """They come in the order of the messages, with the request and the sent prompt."""
    receive(journal, 13, 10, 11, 12, 14, 15, request="request {}")
    journal.messages.prompted((10, 11), "the prompt")
    journal.messages.hold((12,), held=True)
    journal.messages.close((14,), "dropped")
    journal.messages.prompted((15,), "another")
    journal.messages.finish((15,), "end_turn", [])
    assert journal.messages.open_rows() == [
        MessageRow(10, 1, 4, MessageState.PROMPTED, "request 10", None, None, 11),
        MessageRow(11, 1, 4, MessageState.PROMPTED, "request 11", "the prompt", None, 11),
        MessageRow(12, 1, 4, MessageState.HELD, "request 12", None, None, 12),
        MessageRow(13, 1, 4, MessageState.RECEIVED, "request 13", None, None, 13),
        MessageRow(15, 1, 4, MessageState.FINISHED, "request 15", "another", "end_turn", 15),
    ]
    journal.messages.answer((15,))
    assert [row.message_id for row in journal.messages.open_rows()] == [10, 11, 12, 13]


def test_a_closed_row_is_open_while_its_page_is_owed(journal: Journal) -> None:
    """The person reads it after a crash too, and once."""
    receive(journal, 10, 11)
    journal.messages.close((10, 11), "failed", ["sorry"])
    assert [(row.message_id, row.state) for row in journal.messages.open_rows()] == [(11, MessageState.CLOSED)]
    assert journal.messages.pages(11) == ["sorry"]
    journal.messages.clear_owed((10, 11))
    assert journal.messages.open_rows() == []
    assert journal.messages.pages(11) == []
    assert journal.messages.state(11) is MessageState.CLOSED


# ---- what is past


def test_a_new_session_can_be_told_the_last_exchanges(journal: Journal) -> None:
    """The thread's exchanges with complete replies before the message, oldest first, with all their pages."""
    receive(journal, 10, 11, 12, 13, 14, 15, request="request {}")
    for message_id in (10, 11, 12, 14, 15):
        journal.messages.prompted((message_id,), "")
    receive(journal, 9, thread_id=2)
    journal.messages.prompted((9,), "")
    for message_id, pages in ((9, ["other"]), (10, ["a"]), (11, ["one", "two"]), (12, []), (14, ["later"])):
        journal.messages.finish((message_id,), "end_turn", pages)
        journal.messages.answer((message_id,))
    journal.messages.finish((15,), "end_turn", ["not delivered yet"])
    told = [("request 10", "a"), ("request 11", "one\ntwo"), ("request 12", "")]
    assert journal.messages.earlier(1, 14, most=10) == told
    assert journal.messages.earlier(1, 14, most=2) == told[1:]
    assert journal.messages.earlier(1, 15, most=1) == [("request 14", "later")]
    assert journal.messages.earlier(1, 16, most=1) == [("request 15", "not delivered yet")]
    assert journal.messages.last_finished(1) == 15
    assert journal.messages.earlier(1, 10, most=10) == []
    assert journal.messages.earlier(3, 14, most=10) == []


def test_rows_that_ended_long_ago_are_dropped_in_small_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their pages go with them; open rows and the thread's session stay at any age."""
    monkeypatch.setattr("pool.journal.messages.PRUNE_BATCH", 3)
    path = tmp_path / "journal.db"
    with Journal.open(path) as journal:
        receive(journal, *range(10, 18))
        journal.threads.set_session(1, "session")
        for message_id in range(10, 15):
            journal.messages.prompted((message_id,), "")
            journal.sent_pages.intend(message_id, 0, "page")
            journal.messages.finish((message_id,), "end_turn", ["page"])
        for message_id in range(10, 14):
            journal.messages.answer((message_id,))
        journal.messages.close((15,), "dropped")
        journal.messages.hold((16,), held=True)
        for message_id in (10, 14):
            journal.reactions.put(1, message_id, "⏳")
        assert journal.messages.prune() == 0
        monkeypatch.setattr("pool.journal.messages.KEPT_SECONDS", -1.0)
        assert [journal.messages.prune() for _ in range(3)] == [3, 2, 0]
        gone, kept = (10, 11, 12, 13, 15), (14, 16, 17)
        assert [journal.messages.state(message_id) for message_id in gone] == [None] * 5
        assert [journal.messages.state(message_id) for message_id in kept] == [
            MessageState.FINISHED,
            MessageState.HELD,
            MessageState.RECEIVED,
        ]
        assert [journal.messages.pages(message_id) for message_id in (10, 14)] == [[], ["page"]]
        assert journal.reactions.all() == {14: (1, ["⏳"])}
        assert [journal.sent_pages.of(message_id) for message_id in (10, 14)] == [[], [SentPage(0, "page", None)]]
        assert journal.threads.session_id(1) == "session"
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    connection.close()


def test_open_rows_come_in_the_order_of_the_messages(journal: Journal) -> None:
    """The order in which they were recorded, and their states, do not matter."""
    receive(journal, 40, 20, 10, 30)
    journal.messages.hold((20,), held=True)
    journal.messages.close((10,), "failed", ["a word"])
    assert [row.message_id for row in journal.messages.open_rows()] == [10, 20, 30, 40]


def test_the_pages_of_an_interrupted_turn_are_owed_until_they_settle_or_it_is_requeued(
    journal: Journal,
) -> None:
    """Its rows stay prompted together; another try begins without the pages of the first one."""
    receive(journal, 10, 11, 12)
    for message_ids in ((10, 11), (12,)):
        journal.messages.prompted(message_ids, "prompt")
        journal.sent_pages.intend(message_ids[-1], 0, "page")
        journal.trailers.keep(message_ids[-1], {FIRST_TRAILER: Trailer("cut off")})
        journal.messages.interrupt(message_ids, ["one", "two"])
        assert journal.messages.pages(message_ids[-1]) == ["one", "two"]
    journal.messages.settle((10, 11), confirmed=True)
    journal.messages.requeue((12,))
    journal.sent_pages.drop(12)
    assert (journal.messages.pages(11), journal.messages.pages(12), journal.sent_pages.of(12)) == ([], [], [])
    assert (journal.trailers.of(11), journal.trailers.of(12)) == ({}, {})
    rows = [(row.message_id, row.exchange_id, row.state) for row in journal.messages.open_rows()]
    assert rows == [
        (10, 11, MessageState.PROMPTED),
        (11, 11, MessageState.PROMPTED),
        (12, 12, MessageState.RECEIVED),
    ]
    assert len(journal.sent_pages.of(11)) == 1
    with pytest.raises(JournalError):
        journal.messages.requeue((12,))
