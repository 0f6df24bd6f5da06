"""Reads the changes in a working directory with git, although an agent may have written git's configuration.

Git runs programs that a repository's configuration names: filters, hooks, pagers, external diffs. So git never sees
that configuration: it is given a directory of its own with a copy of the index, and only the objects are shared.
"""

import asyncio
import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

import structlog

from acp import SpawnFailed
from acp.paths import Lanes, look

from .git_safety import GitFailed, check_repository, read_regular

__all__ = ["Changes", "GitFailed", "read_changes"]

GIT_SECONDS = 15.0
"""Bound of one call."""

LOOK_SECONDS = 15.0
"""How long one look at the repository's own files may take: there may be `MOST_OBJECTS` of them."""

KILL_SECONDS = 5.0
"""How long a git that was killed may take to end; one that waits for a file system that is gone never does."""

LARGEST = 8 * 1024 * 1024
"""Bytes of output that are read; the smallest bound on attachments that Discord has is larger."""

LISTED = 64 * 1024
"""Bytes of the list of files that are written for people, who are shown its first lines."""

LARGEST_INDEX = 64 * 1024 * 1024
"""Bytes of the index, with those it refers to, that are copied."""

LARGEST_EXCLUDES = 1024 * 1024
"""Bytes of the repository's own list of what is never added."""

_SETTINGS = ("core.fsmonitor=", "core.hooksPath=/dev/null", "core.untrackedCache=false", "core.quotePath=false")


_lanes = Lanes("repositories")

_T = TypeVar("_T")

log = structlog.stdlib.get_logger("bot")


class Unsuccessful(GitFailed):
    """A call of git ended with an error."""


@dataclass(frozen=True, slots=True)
class Changes:
    """`patch` is the whole diff to the last commit; `status` has a line for each of the first files that it changes.

    `cut`: the patch is longer than `LARGEST`, and ends early. `unread`: something new could not be looked at, a file
    that may not be read or a repository without a commit. `nested`: there are repositories inside, submodules for one,
    of which only the commits are compared, for each has a configuration of its own.
    """

    status: str
    patch: bytes
    cut: bool
    unread: bool = False
    nested: bool = False


async def read_changes(directory: Path, roots: Sequence[Path]) -> Changes:
    """Look at what differs in `directory` from the last commit, new files included. Raises `GitFailed`.

    `roots` are the directories where an agent may have written, `directory` among them.
    """
    paths = [word for name in ("index", "info/exclude") for word in ("--git-path", name)]
    asked = ("--path-format=absolute", "--absolute-git-dir", "--git-common-dir", "--show-toplevel", *paths)
    try:
        written = [await look(Path.resolve, root) for root in roots]
    except SpawnFailed as error:  # Nothing may be started in a directory that does not answer: that waits for it.
        raise GitFailed(str(error)) from None
    git = _Git(written)
    try:
        told = await git(directory, "rev-parse", *asked)
    except Unsuccessful:
        raise GitFailed("the working directory is in no git repository") from None
    git_directory, common, top, index, exclude = (Path(line) for line in os.fsdecode(told).splitlines())
    worktree = await _worktree(git, git_directory)
    objects = await _blocking(directory, partial(_objects, directory, roots, git_directory, common, top, worktree))
    with tempfile.TemporaryDirectory(prefix="threadline-diff-") as folder:
        own = Path(folder) / "git"
        await git(Path(folder), "init", "--quiet", "--bare", "--template=", str(own))
        (own / "objects" / "info").mkdir(parents=True, exist_ok=True)
        (own / "objects" / "info" / "alternates").write_bytes(os.fsencode(objects) + b"\n")
        await _blocking(directory, partial(_copy_indexes, index, git_directory, own))
        await _blocking(directory, partial(_copy_excludes, exclude, own))
        where = (f"--git-dir={own}", f"--work-tree={top}")
        head = await _head(git, directory, where)
        unread = not await _succeeds(git, directory, *where, "add", "--intent-to-add", "--ignore-errors", "--", ".")
        nested = b"\n160000 " in b"\n" + await git(directory, *where, "ls-files", "--stage", "--", ".")
        plain = ("--no-ext-diff", "--no-textconv", "--no-color")
        compared = ("diff", *plain, "--ignore-submodules=dirty", "--submodule=short", "--find-renames")
        status = await git(directory, *where, *compared, "--relative", "--name-status", head, "--", ".")
        patch = await git(directory, *where, *compared, "--relative", "--binary", head, "--", ".")
    return Changes(_readable(status), patch[:LARGEST], cut=len(patch) > LARGEST, unread=unread, nested=nested)


async def _blocking(directory: Path, work: Callable[[], _T]) -> _T:
    """Do what blocks on a repository's files; one thread waits for each directory. Raises `GitFailed`."""
    try:
        return await _lanes.do(directory, work, LOOK_SECONDS)
    except TimeoutError:
        raise GitFailed(f"the directory {directory} does not answer") from None


async def _succeeds(git: "_Git", directory: Path, *args: str) -> bool:
    try:
        await git(directory, *args)
    except Unsuccessful:
        return False
    return True


def _objects(
    directory: Path, roots: Sequence[Path], git_directory: Path, common: Path, top: Path, worktree: str
) -> Path:
    """Return where the objects are, if all that leads there can be followed. Raises `GitFailed`."""
    here, own, common = directory.resolve(), git_directory.resolve(), common.resolve()
    if not here.is_relative_to(top.resolve()):
        raise GitFailed("the repository's working tree is elsewhere")
    check_repository(
        here, [root.resolve() for root in roots], own, common, (own / worktree).resolve() if worktree else None
    )
    return common / "objects"


async def _worktree(git: "_Git", git_directory: Path) -> str:
    """Return the working tree that a git directory's own configuration names, without what that includes."""
    try:
        told = await git(git_directory, "config", "--no-includes", "--file", "config", "core.worktree")
    except Unsuccessful:
        return ""
    return os.fsdecode(told).strip()


def _readable(status: bytes) -> str:
    """Write what git says for programs, a letter with a figure and one or two names, for people; its beginning."""
    lines = (line.split("\t") for line in status[:LISTED].decode(errors="replace").splitlines())
    return "\n".join(f"{state[:1]} {' → '.join(names)}" for state, *names in lines)


async def _head(git: "_Git", directory: Path, where: Sequence[str]) -> str:
    """Return the last commit's tree; before the first commit, the empty one.

    Under the repository's own configuration no object is looked at: of one that is missing a promisor remote is asked
    there (gitrepository-layout(5), partial clones), and what is run for that the configuration says.
    """
    try:
        commit = (await git(directory, "rev-parse", "--verify", "--quiet", "HEAD")).decode().strip()
    except Unsuccessful:
        return (await git(directory, *where, "hash-object", "-t", "tree", "/dev/null")).decode().strip()
    return (await git(directory, *where, "rev-parse", "--verify", "--quiet", f"{commit}^{{tree}}")).decode().strip()


def _copy_indexes(index: Path, git_directory: Path, own: Path) -> None:
    """Copy the index, and what a split one refers to. Raises `GitFailed`."""
    left = LARGEST_INDEX
    for source in (index, *git_directory.glob("sharedindex.*")):
        data = read_regular(source, left, "index")
        if data is not None:
            left -= len(data)
            copy = own / ("index" if source is index else source.name)
            copy.write_bytes(data)
            # Git looks into files that were changed no sooner than the index: their size and time may be the same.
            written = source.lstat().st_mtime
            os.utime(copy, (written, written))


def _copy_excludes(exclude: Path, own: Path) -> None:
    """Copy the patterns of what is never added: they name files, and run nothing. Raises `GitFailed`."""
    data = read_regular(exclude, LARGEST_EXCLUDES, "list of excludes")
    if data is not None:
        (own / "info").mkdir(exist_ok=True)
        (own / "info" / "exclude").write_bytes(data)


class _Git:
    """Runs git, which is looked for where no agent writes, in an environment of its own."""

    def __init__(self, roots: Sequence[Path]) -> None:
        """Agents write in the `roots`, which are without links."""
        self._environment = _environment(roots)

    async def __call__(self, directory: Path, *args: str) -> bytes:
        """Run it without a shell, for a bounded time; return at most a byte more than `LARGEST`. Raises `GitFailed`."""
        settings = [part for setting in _SETTINGS for part in ("-c", setting)]
        try:
            process = await asyncio.create_subprocess_exec(
                "git",
                "--no-pager",
                "--no-optional-locks",
                *settings,
                *args,
                cwd=directory,
                env=self._environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
            )
        except OSError as error:
            raise GitFailed(f"git cannot be run: {error.strerror}") from None
        try:
            async with asyncio.timeout(GIT_SECONDS):
                output = await _output(process)
                if len(output) <= LARGEST and await process.wait() != 0:
                    raise Unsuccessful(f"git {next(each for each in args if not each.startswith('-'))} failed")
                return output
        except TimeoutError:
            raise GitFailed(f"git took more than {GIT_SECONDS:.0f} s") from None
        finally:
            if process.returncode is None:
                process.kill()
                await _killed(process)


async def _killed(process: asyncio.subprocess.Process) -> None:
    """Wait for a process that was killed, for a while."""
    try:
        async with asyncio.timeout(KILL_SECONDS):
            await process.wait()
    except TimeoutError:
        log.warning("git was killed and does not end", pid=process.pid)


async def _output(process: asyncio.subprocess.Process) -> bytes:
    output = bytearray()
    while process.stdout is not None and len(output) <= LARGEST and (piece := await process.stdout.read(65536)):
        output += piece
    return bytes(output[: LARGEST + 1])


def _environment(roots: Sequence[Path]) -> dict[str, str]:
    """No variable of git's but these, and no configuration but the repository's, for the first look.

    No protocol is allowed: a git that does not know GIT_NO_LAZY_FETCH, which 2.45 brought, fetches nothing either.
    """
    places = [Path(place) for place in os.environ.get("PATH", os.defpath).split(os.pathsep)]
    kept = [each for each in places if each.is_absolute() and not any(map(each.resolve().is_relative_to, roots))]
    return {
        "PATH": os.pathsep.join(map(str, kept)) or os.defpath,
        "LC_ALL": "C",
        "HOME": "/nonexistent",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_ALLOW_PROTOCOL": "none",
    }
