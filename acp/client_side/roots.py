"""Resolves paths within the directories of a session; a path cannot lead out of them.

A path is walked from `/` in our own steps. Each directory is opened through the one before it, and never through a
link (O_NOFOLLOW). A link is read, and its target walked from the start under the same rule. The kernel therefore
follows no unchecked link, even if something is swapped between two steps, and there is no gap between a check and the
use of what was checked. `openat2` does the same in one call, but refuses links with absolute targets and links between
two directories of a session, which people have.

Hard links look like other names of a file, and a process that may rename a directory in use can move what is written
along with it. Both need rights outside the session's directories that an agent does not get from us.
"""

import asyncio
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self, TypeVar, TypeVarTuple, Unpack

from acp.jsonrpc import INVALID_PARAMS
from acp.paths import look

from .refusal import RequestRefused

THREADS = 4
"""Threads for the files of one session. A file system that hangs delays neither another session nor the bot."""

MAX_PATH = 4096
"""Longest path, in characters; the kernel's own bound in bytes (PATH_MAX)."""

MAX_LINKS = 40
"""Links followed on the way to one file; the kernel's own bound (path_resolution(7))."""

# With O_PATH, Linux opens a directory without the right to read it.
_DIRECTORY = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_NOFOLLOW

Parts = tuple[str, ...]

_Args = TypeVarTuple("_Args")
_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class Entry:
    """A name in an open directory. Operations on it happen there, even if the path now leads elsewhere.

    `path` has no links. The entry need not exist, and was no link when last checked.
    """

    directory: int
    name: str
    path: Path


class Roots:
    """The directories within which an agent may use its client's files; at least one, all absolute.

    Links on the way to one of them are followed once, at the session's start. The directory of that moment stays the
    root, under both names.
    """

    def __init__(self, directories: Sequence[Path], real: Sequence[str] = ()) -> None:
        """`real` are the paths of the directories without links; if missing, this blocks to find them.

        Raises ValueError for no directory or a relative one.
        """
        if not directories or not all(directory.is_absolute() for directory in directories):
            raise ValueError("a session needs absolute directories, at least one")
        real = real or [_real(directory) for directory in directories]
        self.first = Path(real[0])
        """The session's working directory, without links."""
        self._roots = [(_split(str(one)), _split(other)) for one, other in zip(directories, real, strict=True)]
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="files")

    @classmethod
    async def find(cls, directories: Sequence[Path]) -> Self:
        """Build the roots of a session. Raises `SpawnFailed` where a directory does not answer, see `paths`."""
        return cls(directories, [await look(_real, directory) for directory in directories])

    async def in_thread(self, work: Callable[[Unpack[_Args]], _Result], *args: *_Args) -> _Result:
        """Run blocking `work` in one of the session's own threads. It may still run after a cancellation."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *args)

    @contextmanager
    def entry(self, path: str, *, create: bool = False) -> Iterator[Entry]:
        """Resolve `path` and keep the directory of its last part open for the block. Blocks on the file system.

        Follows links inside the roots, the last part's too. With `create`, makes missing directories. Raises
        `RequestRefused` for a path that is relative, has `..` in it or leads outside, and for each OSError, also of
        the block.
        """
        try:
            reached = self._resolve(_checked(path), path, create=create)
            try:
                yield reached
            finally:
                os.close(reached.directory)
        except OSError as error:
            raise RequestRefused.by_system(path, error) from None

    def directory(self, path: str) -> Path:
        """Return the path without links of an existing directory inside the roots. Blocks and raises as `entry`."""
        try:
            # With the dot as the last part, `_resolve` opens the directory itself.
            reached = self._resolve((*_checked(path), "."), path, create=False)
        except OSError as error:
            raise RequestRefused.by_system(path, error) from None
        os.close(reached.directory)
        return reached.path

    def _resolve(self, parts: Parts, path: str, *, create: bool) -> Entry:
        for _ in range(MAX_LINKS):
            parts = self._without_alias(parts)
            root = self._root_of(parts)
            if root is None:
                raise RequestRefused(INVALID_PARAMS, "not inside the session's directories", path)
            step = _walk(parts, create_from=root if create else len(parts))
            if isinstance(step, Entry):
                return step
            parts = step
        raise RequestRefused(INVALID_PARAMS, "too many links", path)

    def _without_alias(self, parts: Parts) -> Parts:
        for alias, real in self._roots:
            if parts[: len(alias)] == alias and self._root_of(parts) is None:
                return real + parts[len(alias) :]
        return parts

    def _root_of(self, parts: Parts) -> int | None:
        """Return how many parts lead to the root that contains `parts`; None if no root does."""
        depths = (len(real) for _, real in self._roots if parts[: len(real)] == real and len(parts) > len(real))
        return min(depths, default=None)


def _real(directory: Path) -> str:
    return os.path.realpath(directory)


def _walk(parts: Parts, *, create_from: int) -> Entry | Parts:
    """Walk `parts` from `/`. Returns their entry, or at the first link or `..` the parts to walk in their place.

    Makes missing directories from part number `create_from` on.
    """
    here = os.open("/", _DIRECTORY)
    index = 0
    try:
        while True:
            name = parts[index]
            way, rest = parts[:index], parts[index + 1 :]
            if name == "..":
                return _climb(way, parts[index:])
            if (target := _link_target(here, name)) is not None:
                return (() if target.startswith("/") else way) + _split(target) + rest
            if not rest:
                return Entry(os.dup(here), name, Path("/", *parts))
            deeper = _enter(here, name, create=index >= create_from)
            os.close(here)
            here, index = deeper, index + 1
    finally:
        os.close(here)


def _climb(way: Parts, rest: Parts) -> Parts:
    """Remove a part of `way`, which has no links, for each `..` at the start of `rest`."""
    while rest and rest[0] == "..":
        way, rest = way[:-1], rest[1:]
    return way + rest


def _link_target(directory: int, name: str) -> str | None:
    try:
        return os.readlink(name, dir_fd=directory)
    except OSError:
        return None  # No link, or missing: opening it will tell.


def _enter(directory: int, name: str, *, create: bool) -> int:
    try:
        return os.open(name, _DIRECTORY, dir_fd=directory)
    except FileNotFoundError:
        if not create:
            raise
    with suppress(FileExistsError):
        os.mkdir(name, dir_fd=directory)
    return os.open(name, _DIRECTORY, dir_fd=directory)


def _checked(path: str) -> Parts:
    if len(path) > MAX_PATH:
        raise RequestRefused(INVALID_PARAMS, f"a path of more than {MAX_PATH:,} characters")
    if not path.startswith("/"):
        raise RequestRefused(INVALID_PARAMS, "not an absolute path", repr(path))
    try:
        path.encode()
    except UnicodeEncodeError:
        raise RequestRefused(INVALID_PARAMS, "not a path", repr(path)) from None
    parts = _split(path)
    if ".." in parts or "\0" in path:
        raise RequestRefused(INVALID_PARAMS, "a path with '..' or a null character in it", repr(path))
    return parts


def _split(path: str) -> Parts:
    return tuple(part for part in path.split("/") if part not in {"", "."})
