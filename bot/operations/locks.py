"""Locks the journal and the Discord user: two bots with one token would both half work.

Locks are `flock`s on files: the kernel releases them when the process ends, in any way.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bot.config.values import state_directory
from bot.user_messages import start_errors as texts

from .start_failure import NeedsPerson, StartFailed

HOLDER_BYTES = 4096
"""Bytes that are read about the holder of a lock."""


class LockHeld(StartFailed):
    """Another process holds the lock; the text says which."""


@contextmanager
def journal_lock(journal: Path, configuration: Path) -> Iterator[None]:
    """Hold the lock file next to a journal; others who try learn of our `configuration`.

    Raises `LockHeld`, and `NeedsPerson` where the lock's file cannot be opened.
    """
    with _lock(journal.with_name(f"{journal.name}.lock"), texts.journal(journal), configuration):
        yield


@contextmanager
def user_lock(user_id: int, configuration: Path) -> Iterator[None]:
    """Hold the lock of a bot's Discord user, among all processes of this account.

    Raises `LockHeld`, and `NeedsPerson` where the lock's file cannot be opened.
    """
    with _lock(_lock_directory() / f"{user_id}.lock", texts.bot(user_id), configuration):
        yield


@contextmanager
def _lock(path: Path, what: str, configuration: Path) -> Iterator[None]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise NeedsPerson(texts.not_locked(what, path, error.strerror)) from None
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, HOLDER_BYTES, 0).decode(errors="replace").strip() or texts.PID_UNKNOWN
            raise LockHeld(texts.in_use(what, holder)) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{texts.holder(os.getpid(), configuration)}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)


def _lock_directory() -> Path:
    """Return a directory that belongs to this account alone. Raises `NeedsPerson`.

    It is outside the directories that accounts share: another account could create it first and block every start.
    """
    path = state_directory() / "locks"
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        status = path.lstat()
    except OSError as error:
        raise NeedsPerson(texts.not_created(path, error.strerror)) from None
    if path.is_symlink() or status.st_uid != os.getuid() or status.st_mode & 0o077:
        raise NeedsPerson(texts.not_private(path))
    return path
