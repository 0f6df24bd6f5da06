"""What the journal remembers of threads, besides their messages and sessions."""

from pathlib import Path

from pool.journal import Journal


def begun(journal: Journal, thread_id: int, *, channel_id: int = 5, guild_id: int | None = 9) -> None:
    """Let a conversation begin."""
    place = {"thread_id": thread_id, "channel_id": channel_id, "guild_id": guild_id, "author_id": 7}
    assert journal.receive(thread_id, **place, assignment=("a", "/srv"))  # type: ignore[arg-type]


def test_a_thread_keeps_its_agent_and_directory_until_it_is_given_others(tmp_path: Path) -> None:
    """Then what belonged to the former agent is forgotten: its session, what was chosen, what it offered."""
    with Journal.open(tmp_path / "journal.db") as journal:
        assert journal.threads.assignment(1) == (1, "", "")
        begun(journal, 1)
        assert journal.threads.assignment(1) == (5, "a", "/srv")
        journal.set_session(1, "session")
        journal.choose(1, "mode", "plan")
        journal.threads.set_offers(1, "a list")
        journal.threads.assign(1, "b", "/home")
        assert journal.threads.assignment(1) == (5, "b", "/home")
        assert journal.session_id(1) is None
        assert journal.choices(1) == {}
        assert journal.threads.offers(1) == ""


def test_what_an_agent_offers_and_what_a_thread_is_called_are_remembered(tmp_path: Path) -> None:
    """Over a restart; nothing is known of a thread that never was."""
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


def test_the_threads_of_a_place_are_found(tmp_path: Path) -> None:
    """Of a channel, which may be a conversation itself; of a guild; not those of other places."""
    with Journal.open(tmp_path / "journal.db") as journal:
        for thread_id, channel_id, guild_id in ((1, 5, 9), (2, 5, 9), (3, 6, 9), (4, 4, None)):
            begun(journal, thread_id, channel_id=channel_id, guild_id=guild_id)
        assert journal.threads.in_channel(5) == [1, 2]
        assert journal.threads.in_channel(3) == [3]
        assert journal.threads.in_channel(4) == [4]
        assert journal.threads.in_channel(8) == []
        assert journal.threads.in_guild(9) == [1, 2, 3]
        assert journal.threads.in_guild(8) == []


def test_a_fact_is_what_was_noted_last(tmp_path: Path) -> None:
    """And nothing before."""
    with Journal.open(tmp_path / "journal.db") as journal:
        assert journal.fact("commands") == ""
        for value in ("one", "two"):
            journal.note("commands", value)
        assert journal.fact("commands") == "two"


def test_a_threads_notice_is_remembered_until_it_is_gone(tmp_path: Path) -> None:
    """Whoever starts anew finds all that stand."""
    with Journal.open(tmp_path / "journal.db") as journal:
        for thread_id in (1, 2):
            begun(journal, thread_id)
            journal.threads.set_notice(thread_id, 10 + thread_id)
        journal.threads.set_notice(2, 22)
    with Journal.open(tmp_path / "journal.db") as journal:
        assert journal.threads.notices() == {1: 11, 2: 22}
        journal.threads.set_notice(1, None)
        assert journal.threads.notices() == {2: 22}
