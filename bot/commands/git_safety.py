"""Decides whether git may follow the files that name a directory's repository: an agent may have written them.

A `.git` file, a link, `commondir` and `alternates` can each name another repository of this machine, whose content
would then be shown. A path from an agent's directory may therefore lead out only to a git directory that names this
working tree itself, as those of linked worktrees and submodules do (gitrepository-layout(5)).
"""

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from bot.user_messages import git_errors as texts

MOST_OBJECTS: Final = 500_000
"""Files below `objects` that are checked; git packs them long before this number."""

SMALL: Final = 64 * 1024
"""Bytes of a file that contains paths."""


class GitFailed(Exception):
    """The changes cannot be read; the text says why."""


def check_repository(here: Path, roots: Sequence[Path], own: Path, common: Path, worktree: Path | None) -> None:
    """Refuse a path that leads out of the `roots`, where an agent writes, and not back. Raises `GitFailed`.

    `own` is the git directory of the working directory `here`, `common` the git directory that linked worktrees share,
    `worktree` the working tree that its configuration names. All are absolute and without links.
    """
    entry = next((each / ".git" for each in (here, *here.parents) if os.path.lexists(each / ".git")), own)
    if _within(own, roots):
        if not _within(common, roots):
            raise GitFailed(texts.FOREIGN)
    elif _within(entry, roots):
        linked = own.parent == common / "worktrees" and _named_git_file(own / "gitdir") == entry
        if not linked and not (own == common and worktree == entry.parent):
            raise GitFailed(texts.FOREIGN)
    else:
        return  # All of it is outside the agent's directories.
    _check_objects(common / "objects", [*roots, common])


def _within(path: Path, roots: Sequence[Path]) -> bool:
    return any(path.is_relative_to(root) for root in roots)


def _named_git_file(file: Path) -> Path | None:
    """Return the `.git` path that a linked worktree's git directory names, without following a link at its end."""
    name = os.fsdecode((read_regular(file, SMALL, "gitdir") or b"").strip())
    path = file.parent / name
    return path.parent.resolve() / path.name if name else None


def _check_objects(objects: Path, roots: Sequence[Path]) -> None:
    """Refuse objects that are stored or borrowed elsewhere. Git itself creates no links among them."""
    waiting, seen, left = [objects], set[Path](), MOST_OBJECTS
    while waiting:
        directory = waiting.pop()
        if directory in seen:
            continue
        seen.add(directory)
        if directory.is_symlink() or not _within(directory, roots):
            raise GitFailed(texts.BORROWED)
        for entry in _entries(directory):
            left -= 1
            if entry.is_symlink():
                raise GitFailed(texts.BORROWED)
            if left < 0:
                raise GitFailed(texts.TOO_LARGE)
            if entry.is_dir(follow_symlinks=False):
                waiting.append(Path(entry.path))
        waiting += _alternates(directory / "info" / "alternates")


def _entries(directory: Path) -> Iterator[os.DirEntry[str]]:
    with suppress(FileNotFoundError, NotADirectoryError), os.scandir(directory) as entries:
        yield from entries


def _alternates(file: Path) -> Iterator[Path]:
    for line in os.fsdecode(read_regular(file, SMALL, "alternates") or b"").splitlines():
        if line.startswith('"'):
            raise GitFailed(texts.BORROWED)  # A quoted path may contain escapes.
        if line and not line.startswith("#"):
            yield (file.parent.parent / line).resolve()


def read_regular(path: Path, most: int, name: str) -> bytes | None:
    """Read a file that an agent may have placed: only a regular one, at most `most` bytes. None: no such file.

    `name` is its name for people. Raises `GitFailed`.
    """
    try:
        if not stat.S_ISREG(path.lstat().st_mode):
            raise GitFailed(texts.not_regular(name))
        flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC | os.O_NOFOLLOW
        with os.fdopen(os.open(path, flags), "rb") as file:
            data = file.read(most + 1)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise GitFailed(texts.unreadable(name, error.strerror)) from None
    if len(data) > most:
        raise GitFailed(texts.TOO_LARGE)
    return data
