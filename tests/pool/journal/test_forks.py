"""The rows of forks: those in progress, and where each comes from."""

from dataclasses import replace
from pathlib import Path

import pytest

from pool.journal.errors import JournalError
from pool.journal.forks import ForkKind, ForkPoint, ForkRow
from pool.journal.journal import Journal
from pool.journal.messages import GENERATIONS, KEPT_SECONDS
from pool.journal.threads import Assignment

FORK = ForkRow(
    100, parent_id=1, channel_id=2, guild_id=3, author_id=42, about=9, upto=10, source_session="s", source_message="m",
    request="{}",
)  # fmt: skip


def converse(journal: Journal, thread_id: int, message_id: int) -> None:
    """Write down an answered exchange; its request is its number, and its answer the same with a mark."""
    journal.messages.receive(
        message_id, thread_id=thread_id, channel_id=2, guild_id=3, author_id=42, request=str(message_id),
        assignment=Assignment("other", "/srv"),
    )  # fmt: skip
    journal.messages.prompted([message_id], "[]")
    journal.messages.finish([message_id], "end_turn", [f"{message_id}!"])
    journal.messages.answer([message_id])


def test_a_fork_in_progress_is_found_again_in_the_state_that_it_had(tmp_path: Path) -> None:
    """After each step, until its end."""
    path = tmp_path / "journal.db"
    with Journal.open(path) as journal:
        converse(journal, 1, 10)
        journal.forks.begin(FORK)
        journal.forks.begin(replace(FORK, fork_id=99))
        journal.forks.end(99)
    told = replace(FORK, line_id=101)
    with Journal.open(path) as journal:
        assert journal.forks.all() == [FORK]
        journal.forks.told(100, 101)
        assert journal.forks.all() == [told]
        journal.forks.taken(100, ForkKind.LATEST, "fork")
    taken = replace(told, kind=ForkKind.LATEST, session_id="fork")
    with Journal.open(path) as journal:
        assert journal.forks.all() == [taken]
        journal.forks.posted(100, 200)
    with Journal.open(path) as journal:
        assert journal.forks.all() == [replace(taken, thread_id=200)]
        journal.forks.end(100)
        assert journal.forks.all() == []


def test_a_forked_thread_begins_like_its_parent(tmp_path: Path) -> None:
    """With the agent, directory, place and choices of the parent, and the fork's session. Its opener forked it."""
    with Journal.open(tmp_path / "journal.db") as journal:
        converse(journal, 1, 10)
        journal.threads.choose(1, "model", "large")
        journal.threads.set_agent_place(1, "worker1")
        journal.command_rules.of(1)
        journal.forks.begin(replace(FORK, author_id=43))
        journal.forks.taken(100, ForkKind.MESSAGE, "fork")
        journal.forks.posted(100, 200)
        journal.forks.posted(100, 200)
        threads = journal.threads
        assert threads.session_id(200) == "fork"
        assert threads.has_session(200, "fork")
        assert not threads.has_session(1, "fork")
        assert threads.knows_session(1, "fork")
        assert not threads.knows_session(1, "another")
        assert threads.assignment(200) == (2, Assignment("other", "/srv"))
        assert (threads.agent_place(200), threads.session_place(200)) == ("worker1", "worker1")
        assert (threads.place(200), threads.opener(200), threads.choices(200)) == ((3, 2), 43, {"model": "large"})
        assert journal.forks.parent(200) == 1
        assert journal.forks.parent(1) is None


@pytest.mark.parametrize(("fork", "place"), [("fork", "worker1"), (None, "worker2")])
def test_a_forked_thread_begins_where_its_session_is(tmp_path: Path, fork: str | None, place: str) -> None:
    """Also if its parent moved elsewhere in the meantime; without a session it begins where the parent is."""
    with Journal.open(tmp_path / "journal.db") as journal:
        converse(journal, 1, 10)
        journal.threads.set_agent_place(1, "worker1")
        journal.threads.set_session(1, FORK.source_session)
        journal.forks.begin(FORK)
        journal.forks.taken(100, ForkKind.LATEST if fork else ForkKind.HISTORY, fork)
        journal.threads.set_agent_place(1, "worker2")
        journal.forks.posted(100, 200)
        assert (journal.threads.agent_place(200), journal.threads.session_place(200)) == (place, place)


@pytest.mark.parametrize("how", ["reset", "another agent"])
def test_a_new_session_of_a_fork_is_told_what_its_parent_said(tmp_path: Path, how: str) -> None:
    """Up to the message of the fork, before its own exchanges; but not after a person began a new session."""
    with Journal.open(tmp_path / "journal.db") as journal:
        for message_id in (8, 10, 12):
            converse(journal, 1, message_id)
        assert journal.messages.last_finished(1) == 12
        assert journal.messages.last_finished(200) is None
        journal.forks.begin(FORK)
        journal.forks.taken(100, ForkKind.HISTORY, None)
        journal.forks.posted(100, 200)
        assert journal.threads.session_id(200) is None
        assert journal.messages.earlier(200, 300, most=10) == [("8", "8!"), ("10", "10!")]
        converse(journal, 200, 210)
        assert journal.messages.earlier(200, 300, most=10) == [("8", "8!"), ("10", "10!"), ("210", "210!")]
        assert journal.messages.earlier(200, 300, most=2) == [("10", "10!"), ("210", "210!")]
        assert journal.messages.earlier(200, 300, most=1) == [("210", "210!")]
        if how == "reset":
            journal.threads.set_session(200, None)
        else:
            journal.threads.assign(200, Assignment())
        assert journal.messages.earlier(200, 300, most=10) == [("210", "210!")]


def test_forks_of_forks_are_read_so_far(tmp_path: Path) -> None:
    """Each generation is a look into the journal."""
    with Journal.open(tmp_path / "journal.db") as journal:
        converse(journal, 1, 1)
        for thread_id in range(1, GENERATIONS + 2):
            fork = replace(FORK, fork_id=thread_id, parent_id=thread_id, upto=10**6)
            journal.forks.begin(fork)
            journal.forks.taken(thread_id, ForkKind.HISTORY, None)
            journal.forks.posted(thread_id, thread_id + 1)
        assert journal.messages.earlier(GENERATIONS, 10**6, most=10) == [("1", "1!")]
        assert journal.messages.earlier(GENERATIONS + 1, 10**6, most=10) == []


def test_the_point_of_an_exchange_goes_with_its_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A repeated turn replaces it."""
    with Journal.open(tmp_path / "journal.db") as journal:
        converse(journal, 1, 10)
        journal.forks.note_point(10, ForkPoint("s", "m"))
        journal.forks.note_point(10, ForkPoint("s", "n"))
        assert journal.forks.point(10) == ForkPoint("s", "n")
        assert journal.forks.point(11) is None
        monkeypatch.setattr("pool.journal.messages.KEPT_SECONDS", -KEPT_SECONDS)
        assert journal.messages.prune() == 1
        assert journal.forks.point(10) is None


def test_a_fork_is_written_down_once(tmp_path: Path) -> None:
    """Two commands have two ids."""
    with Journal.open(tmp_path / "journal.db") as journal:
        journal.forks.begin(FORK)
        with pytest.raises(Exception, match="UNIQUE"):
            journal.forks.begin(FORK)
        assert not isinstance(FORK, JournalError)
