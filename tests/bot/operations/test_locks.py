"""One bot for a journal, one for a Discord user."""

import os
import tempfile
from pathlib import Path

import pytest

from bot.operations.locks import LockHeld, journal_lock, user_lock
from bot.operations.start_failure import NeedsPerson

CONFIGURATION = Path("/etc/threadline.toml")


def test_a_second_process_learns_who_holds_the_journal(tmp_path: Path) -> None:
    """The line names the file, the process and its configuration; afterwards the lock is free."""
    journal = tmp_path / "state" / "threadline.db"
    words = rf"threadline\.db is in use by another process \(pid {os.getpid()}, configuration {CONFIGURATION}\)"
    with journal_lock(journal, CONFIGURATION), pytest.raises(LockHeld, match=words):
        journal_lock(journal, Path("/etc/other.toml")).__enter__()
    with journal_lock(journal, CONFIGURATION):
        assert journal.with_name("threadline.db.lock").stat().st_mode & 0o777 == 0o600


def test_a_bot_user_is_locked_whatever_the_journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two configurations with one token collide here; another bot does not."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    with (
        user_lock(1, CONFIGURATION),
        user_lock(2, CONFIGURATION),
        pytest.raises(LockHeld, match="the bot with the user ID 1 is in use"),
    ):
        user_lock(1, CONFIGURATION).__enter__()


def test_a_directory_of_locks_that_others_can_write_to_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another account could hold the lock, or place a link there."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    (tmp_path / "threadline" / "locks").mkdir(parents=True)
    (tmp_path / "threadline" / "locks").chmod(0o777)
    with pytest.raises(NeedsPerson, match="must belong to this account alone"):
        user_lock(1, CONFIGURATION).__enter__()


def test_no_lock_is_where_another_account_can_be_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A directory below /tmp that belongs to another account would block every start."""
    shared = tmp_path / "tmp"
    shared.mkdir()
    for name in ("XDG_STATE_HOME", "XDG_RUNTIME_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(shared))
    monkeypatch.setattr(tempfile, "tempdir", str(shared))
    with user_lock(1, CONFIGURATION):
        assert (tmp_path / ".local/state/threadline/locks/1.lock").exists()
        assert list(shared.iterdir()) == []


def test_a_link_in_place_of_the_lock_file_is_not_followed(tmp_path: Path) -> None:
    """Its target stays unchanged."""
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (tmp_path / "threadline.db.lock").symlink_to(victim)
    with pytest.raises(NeedsPerson, match="cannot be locked"):
        journal_lock(tmp_path / "threadline.db", CONFIGURATION).__enter__()
    assert victim.read_text() == "precious"
