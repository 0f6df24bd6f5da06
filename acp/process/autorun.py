"""What runs by itself in a project: files of git, editors and agents that other programs run without asking.

An agent that may write one of these has its code run later by a person's own git, editor or shell, outside of the
agent's sandbox. In a sandbox they are therefore read-only where they exist.
"""

import os
import re
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path, PurePath

from .links import entered

GIT = ".git"

NAMES = frozenset(
    {
        *(".husky", ".vscode", ".idea", ".zed", ".envrc", ".devcontainer", ".pre-commit-config.yaml"),
        *(".claude", ".codex", ".gemini", ".qwen", ".opencode", ".cursor", ".kiro", ".vibe", ".goose", ".windsurf"),
        *(".mcp.json", "opencode.json", "opencode.jsonc"),
    }
)
"""Names of files and directories that are found at the top of a project."""

DEPTH = 3
"""How many directories below the top repositories are searched, and as many below `.git/modules`."""

MAX_LOOKED_AT = 4000
"""Directory entries that are looked at in a search: a few milliseconds. Repositories beyond it are not found."""

MAX_REPOSITORIES = 64
"""Repositories that are protected, those closest to the top first."""

MAX_PROTECTED = 512
"""Files and directories that are protected, in the same order: the engine's work grows with the square."""

_CONFIG_SIZE = 64 * 1024
_MAX_CONFIGS = 16
_NAMED = re.compile(
    rb"^\s*(?:\[[^\]\n]*\]\s*)?(hooksPath|path|worktreeConfig)\s*=\s*\"?([^\"\n#;]+)", re.IGNORECASE | re.MULTILINE
)
_SKIPPED = frozenset({"node_modules", GIT})


def runs_by_itself(path: PurePath) -> bool:
    """Whether a path is, or is in, something that runs by itself, at any depth. All of `.git` counts."""
    return any(part in NAMES or part == GIT for part in path.parts)


@dataclass(slots=True)
class Found:
    """What was found: `protected` runs by itself, `repositories` are the git directories. No path has a link in it."""

    protected: list[Path] = field(default_factory=list)
    repositories: list[Path] = field(default_factory=list)


def search(directory: Path) -> Found:
    """Find what runs by itself at the top of a directory (a path without links), and all repositories below.

    Makes the missing `hooks` of a repository. Blocks. A link is not found, since it cannot be protected.
    """
    found = Found([*_present(*(directory / name for name in sorted(NAMES)))])
    gits = [directory] if _is_repository(directory) else []
    for git in islice((worktree / GIT for worktree in _worktrees(directory)), MAX_REPOSITORIES):
        if _is_directory(git):
            gits.append(git)
        else:  # It names the git directory of a linked worktree or a submodule.
            found.protected += _present(git)
    every = (each for git in gits for each in (git, *_submodules(git)))
    found.repositories += islice(every, MAX_REPOSITORIES)
    candidates = chain(found.protected, (each for git in found.repositories for each in _of_repository(git)))
    fit = (each for each in candidates if directory in each.parents and _is_real(each))
    found.protected = [*islice(fit, MAX_PROTECTED)]
    return found


def _is_real(path: Path) -> bool:
    """Whether a path has no links."""
    try:
        return os.path.realpath(path) == str(path)
    except OSError:  # An agent has just put something else in the place of a link.
        return False


def _worktrees(directory: Path) -> Iterator[Path]:
    """Yield the directories with a `.git`, `DEPTH` levels down."""
    level, left = [directory], MAX_LOOKED_AT
    for _ in range(DEPTH + 1):
        deeper: list[Path] = []
        for each in level:
            entries = _entries(each, left)
            left -= len(entries)
            if any(entry.name == GIT for entry in entries):
                yield each
            deeper += _subdirectories(entries)
        level = deeper


def _submodules(git: Path) -> Iterator[Path]:
    level = [git / "modules"]
    for _ in range(DEPTH):  # A submodule's name may contain slashes.
        found = [below for each in level for below in _subdirectories(_entries(each, MAX_LOOKED_AT))]
        level = [each for each in found if not _is_repository(each)]
        for module in found:
            if _is_repository(module):
                yield module
                yield from _submodules(module)


def _of_repository(git: Path) -> Iterator[Path]:
    """Yield the configuration and the hooks of a git directory, and the files that the configuration names."""
    if _is_repository(git):
        with suppress(OSError), entered(git) as directory:  # It exists, or the agent cannot make it either.
            os.mkdir("hooks", dir_fd=directory)
    if _named_in(git / "config").get("worktreeconfig") == ["true"]:
        # Git reads this file too, and a missing one cannot be protected. A link there would be the agent's.
        with suppress(OSError), entered(git) as directory:
            os.close(os.open("config.worktree", os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666, dir_fd=directory))
    linked = [git / "worktrees" / each.name for each in _entries(git / "worktrees", MAX_LOOKED_AT)][:MAX_REPOSITORIES]
    for each in (git, *linked):  # A linked worktree has a `commondir`, which says where its configuration is.
        yield from _present(each / "hooks", each / "config", each / "config.worktree", each / "commondir")
    yield from _present(*_named_by(git))


def _named_by(git: Path) -> Iterator[Path]:
    """Yield the hooks that a git directory's configuration names, and the files that it includes, with theirs."""
    waiting, seen = [git / "config", git / "config.worktree"], set[Path]()
    while waiting and len(seen) < _MAX_CONFIGS:
        config = waiting.pop(0)
        if config in seen:
            continue
        seen.add(config)
        named = _named_in(config)
        # A path is relative to the file that names it (git-config(1), Includes).
        included = [Path(os.path.normpath(config.parent / each)) for each in named.get("path", ())]
        yield from included
        yield from (Path(os.path.normpath(git.parent / each)) for each in named.get("hookspath", ()))
        waiting += included


def _named_in(config: Path) -> dict[str, list[str]]:
    """Return the values of some keys of a repository's configuration, whichever section they are in."""
    try:
        with os.fdopen(os.open(config, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            text = file.read(_CONFIG_SIZE)
    except OSError:
        return {}
    found: dict[str, list[str]] = {}
    for key, value in _NAMED.findall(text):
        found.setdefault(key.decode().lower(), []).append(os.fsdecode(value.strip()))
    return found


def _present(*paths: Path) -> Iterator[Path]:
    """Yield those that are files or directories, and no links."""
    return (path for path in paths if stat.S_ISREG(mode := _mode(path)) or stat.S_ISDIR(mode))


def _is_repository(directory: Path) -> bool:
    """Whether a directory is a git directory (gitrepository-layout(5)), or what is left of one that was protected."""
    whole = stat.S_ISREG(_mode(directory / "HEAD")) and _is_directory(directory / "objects")
    return whole or (stat.S_ISREG(_mode(directory / "config")) and _is_directory(directory / "hooks"))


def _is_directory(path: Path) -> bool:
    return stat.S_ISDIR(_mode(path))


def _mode(path: Path) -> int:
    """Return the mode of a path itself; 0 for what is missing or inaccessible."""
    try:
        return path.lstat().st_mode
    except (OSError, ValueError):  # The name may come from an agent, with a null character in it.
        return 0


def _entries(directory: Path, most: int) -> list[os.DirEntry[str]]:
    with suppress(OSError), os.scandir(directory) as entries:
        return list(islice(entries, max(0, most)))
    return []


def _subdirectories(entries: list[os.DirEntry[str]]) -> list[Path]:
    return [Path(entry.path) for entry in entries if entry.name not in _SKIPPED and entry.is_dir(follow_symlinks=False)]
