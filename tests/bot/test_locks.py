"""One bot to a journal, one to a Discord user."""

import os
from pathlib import Path

import pytest

from bot.locks import LockHeld, journal_lock, user_lock
from pool.database import JournalError

CONFIGURATION = Path("/etc/threadline.toml")


def test_a_second_process_learns_who_holds_the_journal(tmp_path: Path) -> None:
    """P66: the line names the file, the process and its configuration; afterwards the lock is free."""
    journal = tmp_path / "state" / "threadline.db"
    words = rf"threadline\.db is in use by another process \(pid {os.getpid()}, configuration {CONFIGURATION}\)"
    with journal_lock(journal, CONFIGURATION), pytest.raises(LockHeld, match=words):
        journal_lock(journal, Path("/etc/other.toml")).__enter__()
    with journal_lock(journal, CONFIGURATION):
        assert journal.with_name("threadline.db.lock").stat().st_mode & 0o777 == 0o600


def test_a_bot_user_is_locked_whatever_the_journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two configurations with one token meet here; another bot does not."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    with (
        user_lock(1, CONFIGURATION),
        user_lock(2, CONFIGURATION),
        pytest.raises(LockHeld, match="the bot with user id 1 is in use"),
    ):
        user_lock(1, CONFIGURATION).__enter__()


def test_a_runtime_directory_that_others_can_write_to_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody else could hold the lock, or put a link there."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    (tmp_path / "threadline").mkdir()
    (tmp_path / "threadline").chmod(0o777)
    with pytest.raises(LockHeld, match="must be this user's alone"):
        user_lock(1, CONFIGURATION).__enter__()


def test_a_link_in_place_of_the_lock_file_is_not_followed(tmp_path: Path) -> None:
    """What it points to stays as it is."""
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (tmp_path / "threadline.db.lock").symlink_to(victim)
    with pytest.raises(JournalError, match="cannot be locked"):
        journal_lock(tmp_path / "threadline.db", CONFIGURATION).__enter__()
    assert victim.read_text() == "precious"
