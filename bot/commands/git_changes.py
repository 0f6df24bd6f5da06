"""Reads the changes in a working directory with git, although an agent may have written git's configuration.

Git runs programs that a repository's configuration names: filters, hooks, pagers, external diffs. So the comparison
never reads that configuration: git gets a directory of its own with a copy of the index, and shares only the objects.
"""

import asyncio
import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TypeVar

import structlog

from acp import SpawnFailed
from acp.paths import Lanes, look
from acp.process import sandbox as boxes
from acp.process.program_files import trusted_path
from bot.user_messages import agent_errors
from bot.user_messages import git_errors as texts

from .git_safety import GitFailed, check_repository, read_regular

GIT_SECONDS = 15.0
"""Bound of one git call."""

LOOK_SECONDS = 15.0
"""Bound of one look at the repository's own files, up to `MOST_OBJECTS`."""

KILL_SECONDS = 5.0
"""How long a killed git may take to end; it never ends while it waits for an unreachable file system."""

LARGEST = 8 * 1024 * 1024
"""Bytes of output that are read, within Discord's smallest bound on attachments."""

LISTED = 64 * 1024
"""Bytes of the file list that are formatted; people see its first lines."""

LARGEST_INDEX = 64 * 1024 * 1024
"""Bytes of the index that are copied, including the shared indexes that it refers to."""

LARGEST_EXCLUDES = 1024 * 1024
"""Bytes of the repository's own exclude list."""

_SETTINGS = ("core.fsmonitor=", "core.hooksPath=/dev/null", "core.untrackedCache=false", "core.quotePath=false")


_lanes = Lanes("repositories")

_T = TypeVar("_T")

log = structlog.stdlib.get_logger("bot")


class Unsuccessful(GitFailed):
    """A git call ended with an error."""


@dataclass(frozen=True, slots=True)
class Changes:
    """`patch` is the whole diff to the last commit; `status` has a line for each of the first changed files.

    `cut`: the patch was longer than `LARGEST` and ends early. `unread`: git could not read something new, such as an
    unreadable file or a repository without a commit. `nested`: the directory contains repositories, such as submodules.
    Only their commits are compared, since each has a configuration of its own.
    """

    status: str
    patch: bytes
    cut: bool
    unread: bool = False
    nested: bool = False


async def read_changes(directory: Path, roots: Sequence[Path], sandbox: boxes.Sandbox | None = None) -> Changes:
    """Compare `directory` with the last commit, new files included. Raises `GitFailed`.

    `roots` are the directories where an agent may have written, `directory` among them. If the agent sees no more than
    they contain, git compares in a `sandbox` that shows no more either: while it reads, the agent can put links in the
    place of directories.
    """
    paths = [word for name in ("index", "info/exclude") for word in ("--git-path", name)]
    asked = ("--path-format=absolute", "--absolute-git-dir", "--git-common-dir", "--show-toplevel", *paths)
    try:
        written = [await look(Path.resolve, root) for root in roots]
    except SpawnFailed as error:  # Starting a process in that directory would block too.
        raise GitFailed(texts.no_answer(error.path)) from None
    git = _Git(written)
    try:
        told = await git(directory, "rev-parse", *asked)
    except Unsuccessful:
        raise GitFailed(texts.NO_REPOSITORY) from None
    git_directory, common, top, index, exclude = (Path(line) for line in os.fsdecode(told).splitlines())
    worktree = await _worktree(git, git_directory)
    objects = await _run_blocking(
        directory, partial(_object_directory, directory, roots, git_directory, common, top, worktree)
    )
    commit = await _commit(git, directory)
    with tempfile.TemporaryDirectory(prefix="threadline-diff-") as folder:
        own = Path(folder) / "git"
        await git(Path(folder), "init", "--quiet", "--bare", "--template=", str(own))
        (own / "objects" / "info").mkdir(parents=True, exist_ok=True)
        (own / "objects" / "info" / "alternates").write_bytes(os.fsencode(objects) + b"\n")
        await _run_blocking(directory, partial(_copy_indexes, index, git_directory, own))
        await _run_blocking(directory, partial(_copy_excludes, exclude, own))
        where = (f"--git-dir={own}", f"--work-tree={top}")
        if sandbox is not None:
            outer = [objects, *_attributes(directory, top)]
            visible = (*sandbox.readable, *(each for each in outer if not any(map(each.is_relative_to, written))))
            await git.confine(replace(sandbox, readable=visible, writable=(Path(folder),)), Path(folder))
        head = await _head(git, directory, where, commit)
        unread = not await _succeeds(git, directory, *where, "add", "--intent-to-add", "--ignore-errors", "--", ".")
        nested = b"\n160000 " in b"\n" + await git(directory, *where, "ls-files", "--stage", "--", ".")
        plain = ("--no-ext-diff", "--no-textconv", "--no-color")
        compared = ("diff", *plain, "--ignore-submodules=dirty", "--submodule=short", "--find-renames")
        status = await git(directory, *where, *compared, "--relative", "--name-status", head, "--", ".")
        patch = await git(directory, *where, *compared, "--relative", "--binary", head, "--", ".")
    return Changes(format_status(status), patch[:LARGEST], cut=len(patch) > LARGEST, unread=unread, nested=nested)


def _attributes(directory: Path, top: Path) -> list[Path]:
    """Return the files above a directory, up to the top of its working tree, that say how git treats what is in it."""
    above = [each for each in directory.parents if each.is_relative_to(top)]
    files = (each / name for each in above for name in (".gitignore", ".gitattributes"))
    return [each for each in files if each.is_file() and not each.is_symlink()]


async def _run_blocking(directory: Path, work: Callable[[], _T]) -> _T:
    """Run blocking work on a repository's files; one thread serves each directory. Raises `GitFailed`."""
    try:
        return await _lanes.do(directory, work, LOOK_SECONDS)
    except TimeoutError:
        raise GitFailed(texts.no_answer(directory)) from None


async def _succeeds(git: "_Git", directory: Path, *args: str) -> bool:
    try:
        await git(directory, *args)
    except Unsuccessful:
        return False
    return True


def _object_directory(
    directory: Path, roots: Sequence[Path], git_directory: Path, common: Path, top: Path, worktree: str
) -> Path:
    """Return the object directory, after checking every step that leads there. Raises `GitFailed`."""
    here, own, common = directory.resolve(), git_directory.resolve(), common.resolve()
    if not here.is_relative_to(top.resolve()):
        raise GitFailed(texts.OTHER_FOLDER)
    check_repository(
        here, [root.resolve() for root in roots], own, common, (own / worktree).resolve() if worktree else None
    )
    return common / "objects"


async def _worktree(git: "_Git", git_directory: Path) -> str:
    """Return the working tree that a git directory's own configuration names; included files are ignored."""
    try:
        told = await git(git_directory, "config", "--no-includes", "--file", "config", "core.worktree")
    except Unsuccessful:
        return ""
    return os.fsdecode(told).strip()


def format_status(status: bytes) -> str:
    """Format the beginning of git's `--name-status` output for people."""
    lines = (line.split("\t") for line in status[:LISTED].decode(errors="replace").splitlines())
    return "\n".join(f"{state[:1]} {' → '.join(names)}" for state, *names in lines)


async def _commit(git: "_Git", directory: Path) -> str:
    """Return the name of the last commit; empty before the first.

    The repository's own configuration may only resolve that name. Reading an object under it can contact a promisor
    remote, which runs a program that the configuration names (gitrepository-layout(5), partial clones).
    """
    try:
        return (await git(directory, "rev-parse", "--verify", "--quiet", "HEAD")).decode().strip()
    except Unsuccessful:
        return ""


async def _head(git: "_Git", directory: Path, where: Sequence[str], commit: str) -> str:
    """Return the tree of a commit, or the empty tree if it has no name."""
    if not commit:
        return (await git(directory, *where, "hash-object", "-t", "tree", "/dev/null")).decode().strip()
    return (await git(directory, *where, "rev-parse", "--verify", "--quiet", f"{commit}^{{tree}}")).decode().strip()


def _copy_indexes(index: Path, git_directory: Path, own: Path) -> None:
    """Copy the index, and the shared index that a split one refers to. Raises `GitFailed`."""
    left = LARGEST_INDEX
    for source in (index, *git_directory.glob("sharedindex.*")):
        data = read_regular(source, left, "index")
        if data is not None:
            left -= len(data)
            copy = own / ("index" if source is index else source.name)
            copy.write_bytes(data)
            # Git compares the content of files that are not older than the index ("racily clean").
            written = source.lstat().st_mtime
            os.utime(copy, (written, written))


def _copy_excludes(exclude: Path, own: Path) -> None:
    """Copy the exclude patterns, which name files and run no program. Raises `GitFailed`."""
    data = read_regular(exclude, LARGEST_EXCLUDES, "info/exclude")
    if data is not None:
        (own / "info").mkdir(exist_ok=True)
        (own / "info" / "exclude").write_bytes(data)


class _Git:
    """Runs the git that is installed outside the agents' directories, in an environment of its own."""

    def __init__(self, roots: Sequence[Path]) -> None:
        """Agents write in the `roots`, which contain no links."""
        self._environment = _environment(roots)
        self._inside: tuple[boxes.Sandbox, boxes.Facts] | None = None

    async def confine(self, sandbox: boxes.Sandbox, cwd: Path) -> None:
        """Run git in a sandbox from now on. Raises `GitFailed`."""
        try:
            facts = await boxes.look(sandbox, cwd=cwd, env=self._environment, command="git")
        except SpawnFailed as error:
            raise GitFailed(agent_errors.start_problem(error)) from None
        self._inside = sandbox, facts

    def _line(self, directory: Path, args: Sequence[str]) -> tuple[Sequence[str], dict[str, str], Path]:
        settings = [part for setting in _SETTINGS for part in ("-c", setting)]
        options = ("--no-pager", "--no-optional-locks", *settings)
        if self._inside is None:
            return ("git", *options, *args), self._environment, directory
        entered = boxes.enter(*self._inside, ("git", "-C", str(directory), *options, *args), self._environment)
        return entered.argv, entered.env, entered.cwd

    async def __call__(self, directory: Path, *args: str) -> bytes:
        """Run git without a shell, for a bounded time; return at most `LARGEST` + 1 bytes. Raises `GitFailed`."""
        line, env, cwd = self._line(directory, args)
        try:
            process = await asyncio.create_subprocess_exec(
                *line,
                cwd=cwd,
                env=env,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
            )
        except OSError as error:
            raise GitFailed(texts.not_run(error.strerror)) from None
        try:
            async with asyncio.timeout(GIT_SECONDS):
                output = await _read_output(process)
                if len(output) <= LARGEST and await process.wait() != 0:
                    raise Unsuccessful(texts.failed(next(each for each in args if not each.startswith("-"))))
                return output
        except TimeoutError:
            raise GitFailed(texts.too_slow(GIT_SECONDS)) from None
        finally:
            if process.returncode is None:
                process.kill()
                await _wait_for_end(process)


async def _wait_for_end(process: asyncio.subprocess.Process) -> None:
    """Wait for a killed process, for a bounded time."""
    try:
        async with asyncio.timeout(KILL_SECONDS):
            await process.wait()
    except TimeoutError:
        log.warning("git was killed and does not end", pid=process.pid)


async def _read_output(process: asyncio.subprocess.Process) -> bytes:
    output = bytearray()
    while process.stdout is not None and len(output) <= LARGEST and (piece := await process.stdout.read(65536)):
        output += piece
    return bytes(output[: LARGEST + 1])


def _environment(roots: Sequence[Path]) -> dict[str, str]:
    """Return git's environment: its only variables, and no configuration except the repository's.

    It allows no protocol, so a git before 2.45, which ignores GIT_NO_LAZY_FETCH, fetches no objects either.
    """
    return {
        "PATH": trusted_path(roots) or os.defpath,
        "LC_ALL": "C",
        "HOME": "/nonexistent",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_ALLOW_PROTOCOL": "none",
    }
