"""This machine as a place."""

import asyncio
import errno
import os
import secrets
import stat
from collections.abc import Callable, Hashable, Sequence
from contextlib import suppress
from pathlib import Path, PurePath
from typing import Final, TypeVar

from acp import paths
from acp.agent_transport import AgentTransport
from acp.errors import FileProblem, FileRefused, RequestTimeout
from acp.process.agent_process import AgentProcess, Launch, require_directory
from acp.process.environment import environment
from acp.process.orphans import end_survivors
from acp.process.short_command import ShortCommand

from .place import MAX_OUTPUT, RUN_SECONDS, Ran
from .readable_files import ReadableFiles

HERE: Final = "here"
"""The name of this machine among the places."""

_T = TypeVar("_T")


class Here:
    """This machine; see `Place`."""

    name = HERE
    near = True

    def __init__(self, withheld: Sequence[Path] = ()) -> None:
        """`withheld` are the embedding program's own files and directories, which `get` refuses."""
        self._withheld = withheld
        self._lanes = paths.Lanes("files")

    async def start(
        self,
        launch: Launch,
        marker: str,
        on_waiting: Callable[[str], None] = lambda _reason: None,  # noqa: ARG002 - no start waits here
    ) -> AgentTransport:
        """See `Place.start`."""
        return await AgentProcess.spawn(launch, marker)

    async def run(
        self,
        argv: Sequence[str],
        *,
        cwd: PurePath,
        stdin: bytes = b"",
        max_output: int = MAX_OUTPUT,
        seconds: float = RUN_SECONDS,
    ) -> Ran:
        """See `Place.run`. The command gets the variables that every agent gets, none of the embedding program's."""
        await require_directory(Path(cwd))
        env = environment(os.environ, inherit=(), env={})
        command = await ShortCommand.spawn(argv, cwd=Path(cwd), env=env, stdin=stdin, max_output=max_output)
        try:
            async with asyncio.timeout(seconds):
                await command.wait()
        except TimeoutError:
            raise RequestTimeout(argv[0], seconds) from None
        finally:
            status = command.exit_status  # Before its end, which may be our doing.
            await command.end()
        return Ran(status or 0, bytes(command.output[:max_output]), cut=command.is_cut)

    async def put(self, data: bytes, path: PurePath) -> None:
        """See `Place.put`."""
        await self._in_lane(path.parent, lambda: _put(data, Path(path)))

    async def get(self, path: PurePath, roots: Sequence[PurePath], *, max_size: int) -> bytes:
        """See `Place.get`."""
        directories = tuple(map(Path, roots))
        return await self._in_lane(
            directories, lambda: ReadableFiles(directories, self._withheld).read_now(str(path), max_size)
        )

    async def sweep(self) -> None:
        """See `Place.sweep`: here the program calls `reap` itself, before it opens anything that agents may hold."""

    async def close(self) -> None:
        """See `Place.close`: nothing is done here in the background."""

    async def reap(self, prefix: str) -> int:
        """See `Place.reap`."""
        return await end_survivors(prefix, gently=False)

    async def _in_lane(self, lane: Hashable, work: Callable[[], _T]) -> _T:
        """Run blocking work behind earlier work on the same directories. Raises `RequestTimeout`."""
        try:
            return await self._lanes.do(lane, work, paths.ANSWER_SECONDS)
        except TimeoutError:
            raise RequestTimeout("the file system", paths.ANSWER_SECONDS) from None


def _put(data: bytes, path: Path) -> None:
    draft = path.with_name(f".{secrets.token_hex(8)}")
    try:
        _make(path.parent)
        _require_own(path.parent)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
            draft.replace(path)
        except OSError:
            with suppress(OSError):
                draft.unlink()
            raise
    except OSError as error:
        raise FileRefused(FileProblem.UNWRITABLE, str(path), error.strerror or str(error)) from None


def _make(directory: Path) -> None:
    # `Path.mkdir` gives its mode only to the last directory.
    for each in (*reversed(directory.parents), directory):
        with suppress(FileExistsError):
            each.mkdir(mode=0o700)


def _require_own(directory: Path) -> None:
    """Refuse a way through what another account has put into a directory that is open to all, such as /tmp."""
    for entry in (directory, *directory.parents):
        mode = entry.parent.stat().st_mode
        if mode & stat.S_ISVTX and mode & stat.S_IWOTH and entry.lstat().st_uid != os.geteuid():
            raise PermissionError(errno.EPERM, f"{entry} belongs to another account")
