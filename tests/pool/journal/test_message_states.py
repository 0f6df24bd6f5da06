"""Every row ends: each state has a way to an end, and a restart finds each row that has not ended."""

from pathlib import Path

import pytest

from pool.journal.journal import Journal
from pool.journal.message_states import BEFORE, MessageState
from tests.pool.journals import WAYS, move, receive

ENDS = {MessageState.ANSWERED, MessageState.CLOSED}


def test_every_state_can_be_reached() -> None:
    """A new state needs its way in `WAYS`."""
    assert set(BEFORE) == set(WAYS) == set(MessageState)


def test_no_transition_leads_out_of_an_end() -> None:
    """An ended message is neither run nor posted again."""
    assert all(ENDS.isdisjoint(before) for before in BEFORE.values())


@pytest.mark.parametrize("state", sorted(set(MessageState) - ENDS))
def test_every_open_state_can_be_closed(journal: Journal, state: MessageState) -> None:
    """Any failure on the way to an answer can end the row."""
    receive(journal, 10)
    for step in WAYS[state]:
        move(journal, (10,), step)
    journal.messages.close((10,), "failed")
    assert journal.messages.open_rows() == []


@pytest.mark.parametrize("state", sorted(MessageState))
def test_a_restart_finds_a_row_in_every_state_but_the_ends(tmp_path: Path, state: MessageState) -> None:
    """A row that it missed would stay forever."""
    path = tmp_path / "journal.db"
    with Journal.open(path) as journal:
        receive(journal, 10)
        for step in WAYS[state]:
            move(journal, (10,), step)
    with Journal.open(path) as journal:
        assert [row.state for row in journal.messages.open_rows()] == ([] if state in ENDS else [state])


def test_a_restart_finds_a_closed_row_until_its_pages_are_posted(tmp_path: Path) -> None:
    """After that, no restart finds it."""
    path = tmp_path / "journal.db"
    with Journal.open(path) as journal:
        receive(journal, 10, 11)
        journal.messages.close((10, 11), "failed", ["sorry"])
    with Journal.open(path) as journal:
        assert [row.message_id for row in journal.messages.open_rows()] == [11]
        journal.messages.clear_owed((10, 11))
    with Journal.open(path) as journal:
        assert journal.messages.open_rows() == []


def test_a_row_that_is_held_for_a_month_is_closed_by_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An abandoned thread would be recovered at every start. Other open rows stay."""
    path = tmp_path / "journal.db"
    with Journal.open(path) as journal:
        receive(journal, 10, 11, 12)
        journal.messages.hold((10,), held=True)
        journal.messages.prompted((12,), "")
    with Journal.open(path) as journal:
        assert journal.messages.state(10) is MessageState.HELD
    monkeypatch.setattr("pool.journal.messages.KEPT_SECONDS", -1.0)
    with Journal.open(path) as journal:
        row = journal.messages.row(10)
        assert row is not None
        assert (row.state, row.reason) == (MessageState.CLOSED, "dropped")
        assert [journal.messages.state(message_id) for message_id in (11, 12)] == [
            MessageState.RECEIVED,
            MessageState.PROMPTED,
        ]
