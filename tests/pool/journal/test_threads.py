"""The rows of conversations."""

from pathlib import Path

import pytest

from pool.journal.journal import Journal
from pool.journal.threads import Assignment
from tests.pool.journals import LARGE, no_room, receive


def begun(journal: Journal, thread_id: int, *, channel_id: int = 5, guild_id: int | None = 9) -> None:
    """Begin a conversation."""
    place = {"thread_id": thread_id, "channel_id": channel_id, "guild_id": guild_id, "author_id": 7}
    assert journal.messages.receive(thread_id, **place, assignment=Assignment("a", "/srv"))  # type: ignore[arg-type]


def test_a_thread_keeps_its_agent_and_directory_until_it_is_given_others(journal: Journal) -> None:
    """The former agent's session, choices and options are then forgotten."""
    assert journal.threads.assignment(1) == (1, ("", ""))
    begun(journal, 1)
    assert journal.threads.assignment(1) == (5, ("a", "/srv"))
    journal.threads.set_session(1, "session")
    journal.threads.choose(1, "mode", "plan")
    journal.threads.set_offers(1, "a list")
    journal.threads.set_agent_place(1, "worker1")
    journal.threads.assign(1, Assignment("b", "/home"))
    assert journal.threads.agent_place(1) == ""
    assert journal.threads.assignment(1) == (5, ("b", "/home"))
    assert journal.threads.session_id(1) is None
    assert journal.threads.choices(1) == {}
    assert journal.threads.offers(1) == ""


def test_the_options_of_an_agent_and_the_name_of_a_thread_are_remembered(tmp_path: Path) -> None:
    """Over a restart; an unknown thread has neither."""
    with Journal.open(tmp_path / "journal.db") as journal:
        begun(journal, 1)
        assert (journal.threads.offers(1), journal.threads.name(1)) == ("", "")
        journal.threads.set_offers(1, "a list")
        journal.threads.set_name(1, "a name")
    with Journal.open(tmp_path / "journal.db") as journal:
        assert (journal.threads.offers(1), journal.threads.name(1)) == ("a list", "a name")
        assert (journal.threads.offers(2), journal.threads.name(2)) == ("", "")
        journal.threads.set_name(1, "")
        assert journal.threads.name(1) == ""


def test_the_threads_of_a_place_are_found(journal: Journal) -> None:
    """By channel, which may have a conversation itself, and by guild; other places' threads are not found."""
    for thread_id, channel_id, guild_id in ((1, 5, 9), (2, 5, 9), (3, 6, 9), (4, 4, None)):
        begun(journal, thread_id, channel_id=channel_id, guild_id=guild_id)
    assert journal.threads.in_channel(5) == [1, 2]
    assert journal.threads.in_channel(3) == [3]
    assert journal.threads.in_channel(4) == [4]
    assert journal.threads.in_channel(8) == []
    assert journal.threads.in_guild(9) == [1, 2, 3]
    assert journal.threads.in_guild(8) == []


def test_a_thread_is_known_from_its_first_message_on(journal: Journal) -> None:
    """Its place and session are found by its id; other threads have neither."""
    assert not journal.threads.knows(1)
    assert journal.threads.place(1) is None
    assert journal.threads.session_id(1) is None
    receive(journal, 10, thread_id=1)
    assert journal.threads.knows(1)
    assert journal.threads.place(1) == (3, 2)
    assert journal.threads.session_id(1) is None
    assert not journal.threads.knows(5)


def test_a_conversation_without_a_guild_has_a_place_too(journal: Journal) -> None:
    """The thread of a direct message is its channel."""
    journal.messages.receive(10, thread_id=2, channel_id=2, guild_id=None, author_id=4)
    journal.messages.receive(11, thread_id=3, channel_id=2, guild_id=1, author_id=4)
    assert journal.threads.place(2) == (None, 2)
    assert journal.threads.direct() == [2]


def test_the_asker_of_a_thread_is_the_author_who_waits_longest(journal: Journal) -> None:
    """Without an open message, it is the author of the first one."""
    assert journal.threads.asker(1) is None
    for message_id, author_id in ((10, 100), (12, 120), (11, 110)):
        journal.messages.receive(message_id, thread_id=1, channel_id=2, guild_id=3, author_id=author_id)
    journal.messages.receive(5, thread_id=2, channel_id=2, guild_id=3, author_id=50)
    assert journal.threads.asker(1) == 100
    journal.messages.close((10,), "dropped")
    assert journal.threads.asker(1) == 110
    journal.messages.prompted((11,), "")
    assert journal.threads.asker(1) == 110
    journal.messages.finish((11,), "end_turn", [])
    journal.messages.answer((11,))
    assert journal.threads.asker(1) == 120
    journal.messages.close((12,), "dropped")
    assert journal.threads.asker(1) == 100


def test_the_opener_of_a_thread_wrote_its_first_message(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    """That stays so when others write, and after the message's row is deleted."""
    assert journal.threads.opener(1) is None
    for message_id, author_id in ((10, 100), (12, 120)):
        journal.messages.receive(message_id, thread_id=1, channel_id=2, guild_id=3, author_id=author_id)
    journal.messages.close((10,), "dropped")
    assert journal.threads.opener(1) == 100
    monkeypatch.setattr("pool.journal.messages.KEPT_SECONDS", -1.0)
    assert journal.messages.prune() == 1
    assert journal.messages.row(10) is None
    assert journal.threads.opener(1) == 100


def test_the_sessions_that_a_thread_has_had_are_remembered(journal: Journal) -> None:
    """With their agent and directory; a session belongs to the last thread that loaded it."""
    for thread_id in (1, 2):
        journal.messages.receive(
            thread_id,
            thread_id=thread_id,
            channel_id=5,
            guild_id=None,
            author_id=7,
            assignment=Assignment("a", "/srv"),
        )
    assert journal.threads.past_sessions(1) == {}
    assert journal.threads.session_thread("first") is None
    for session_id in ("first", "second", "first", None):
        journal.threads.set_session(1, session_id)
    assert [*journal.threads.past_sessions(1)] == ["second", "first"]
    journal.threads.set_session(1, "second")
    assert [*journal.threads.past_sessions(1)] == ["first"]
    assert journal.threads.past_sessions(2) == {}
    assert journal.threads.session_thread("first") == 1
    journal.threads.set_session(2, "first")
    assert journal.threads.session_thread("first") == 2
    journal.threads.assign(1, Assignment("b", "/srv"))
    assert journal.threads.past_sessions(1) == {}
    journal.threads.assign(1, Assignment("a", "/srv"))
    assert [*journal.threads.past_sessions(1)] == ["second", "first"]


def test_a_thread_keeps_its_place_over_a_restart(tmp_path: Path) -> None:
    """It has none before its agent's first start; an unknown thread has none either."""
    with Journal.open(tmp_path / "journal.db") as journal:
        begun(journal, 1)
        assert (journal.threads.agent_place(1), journal.threads.session_place(1)) == ("", "")
        journal.threads.keep_agent_place(1, "worker1")
    with Journal.open(tmp_path / "journal.db") as journal:
        assert (journal.threads.agent_place(1), journal.threads.agent_place(2)) == ("worker1", "")
        assert journal.threads.session_place(2) == ""


def test_a_session_stays_at_its_place_when_its_thread_is_given_another(journal: Journal) -> None:
    """So that it is not loaded at a place that does not have it; a new session is at the new place."""
    begun(journal, 1)
    journal.threads.set_agent_place(1, "worker1")
    journal.threads.set_session(1, "first")
    assert journal.threads.has_session(1, "first")
    journal.threads.set_agent_place(1, "worker2")
    assert (journal.threads.session_id(1), journal.threads.session_place(1)) == ("first", "worker1")
    assert not journal.threads.has_session(1, "first")
    journal.threads.set_session(1, "second")
    assert journal.threads.session_place(1) == "worker2"


def test_a_resumed_session_takes_its_thread_back_to_the_place_where_it_is(journal: Journal) -> None:
    """One that no thread has had is where it was listed."""
    begun(journal, 1)
    journal.threads.set_agent_place(1, "worker1")
    journal.threads.set_session(1, "first")
    journal.threads.set_agent_place(1, "worker2")
    journal.threads.set_session(1, "second")
    journal.threads.resume_session(1, "first", "worker2")
    assert (journal.threads.session_id(1), journal.threads.agent_place(1)) == ("first", "worker1")
    assert [*journal.threads.past_sessions(1)] == ["second"]
    journal.threads.resume_session(1, "foreign", "worker2")
    assert (journal.threads.agent_place(1), journal.threads.session_place(1)) == ("worker2", "worker2")
    assert journal.threads.session_thread("foreign") == 1


def test_a_later_message_does_not_touch_the_session(journal: Journal) -> None:
    """The session is set, stays while messages come, is replaced, and is forgotten on request."""
    receive(journal, 10)
    journal.threads.set_session(1, "first")
    receive(journal, 11)
    assert journal.threads.session_id(1) == "first"
    journal.threads.set_session(1, "second")
    assert journal.threads.session_id(1) == "second"
    journal.threads.set_session(1, None)
    assert journal.threads.session_id(1) is None
    assert journal.threads.knows(1)


def test_choices_are_kept_by_thread(tmp_path: Path) -> None:
    """The last choice counts, and other threads' choices do not."""
    path = tmp_path / "journal.db"
    with Journal.open(path) as journal:
        receive(journal, 10)
        receive(journal, 20, thread_id=2)
        journal.threads.choose(1, "mode", "default")
        journal.threads.choose(1, "model", "large")
        journal.threads.choose(1, "mode", "plan")
        journal.threads.choose(2, "mode", "code")
    with Journal.open(path) as journal:
        assert journal.threads.choices(1) == {"mode": "plan", "model": "large"}
        assert journal.threads.choices(2) == {"mode": "code"}
        assert journal.threads.choices(3) == {}


def test_a_choice_that_is_in_effect_already_is_written_as_soon_as_there_is_room(tmp_path: Path) -> None:
    """The thread has its new name, whether that can be written down now or not."""
    with Journal.open(tmp_path / "journal.db") as journal:
        begun(journal, 1)
        with no_room(journal):
            journal.threads.keep(1, "title", LARGE)
            assert journal.threads.choices(1) == {}
        journal.threads.keep(1, "title", "short")
        assert journal.threads.choices(1) == {"title": "short"}


def test_the_known_ones_among_many_threads_are_found_together(journal: Journal) -> None:
    """The others, and those that were not asked for, are left out."""
    for thread_id in (5, 6):
        journal.messages.receive(thread_id, thread_id=thread_id, channel_id=1, guild_id=None, author_id=7)
    assert journal.threads.known([4, 5]) == {5}
    assert journal.threads.known([]) == set()
