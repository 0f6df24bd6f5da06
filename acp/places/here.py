"""This machine as a place."""

import asyncio
import os
import secrets
import stat
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path, PurePath
from typing import Final

from acp.agent_transport import AgentTransport
from acp.client_side.refusal import RequestRefused
from acp.client_side.roots import Roots
from acp.errors import RequestTimeout, SpawnFailed, StartProblem
from acp.jsonrpc import INTERNAL_ERROR
from acp.process.agent_process import AgentProcess, Launch
from acp.process.orphans import end_survivors

from .place import MAX_OUTPUT, RUN_SECONDS, Ran

HERE: Final = "here"
"""The name of this machine among the places."""

KILL_SECONDS = 5.0
"""How long a killed command may take to end: it never does while it waits for a dead network file system."""

_PIECE = 64 * 1024

# Opening must not wait for the other end of a FIFO, acquire a terminal, or follow a link.
_CAREFULLY = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


class Here:
    """This machine; see `Place`."""

    name = HERE
    near = True

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
        """See `Place.run`."""
        try:
            process = await asyncio.create_subprocess_exec(
                *argv,
                cwd=cwd,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
            )
        except OSError as error:
            raise SpawnFailed(StartProblem.COMMAND_UNUSABLE, argv[0], error.strerror or "") from None
        try:
            async with asyncio.timeout(seconds):
                return await _exchange(process, stdin, max_output)
        except TimeoutError:
            raise RequestTimeout(argv[0], seconds) from None
        finally:
            if process.returncode is None:
                process.kill()
                with suppress(TimeoutError):
                    await asyncio.wait_for(process.wait(), KILL_SECONDS)

    async def put(self, data: bytes, path: PurePath) -> None:
        """See `Place.put`."""
        await asyncio.to_thread(_put, data, Path(path))

    async def get(self, path: PurePath, roots: Sequence[PurePath], *, max_size: int) -> bytes:
        """See `Place.get`."""
        return await asyncio.to_thread(partial(_get, str(path), [Path(root) for root in roots], max_size))

    async def reap(self, prefix: str) -> int:
        """See `Place.reap`."""
        return await end_survivors(prefix, gently=False)


async def _exchange(process: asyncio.subprocess.Process, stdin: bytes, max_output: int) -> Ran:
    if process.stdin is None or process.stdout is None:
        raise RuntimeError("the pipes were asked for")
    process.stdin.write(stdin)
    process.stdin.close()
    output = bytearray()
    while piece := await process.stdout.read(_PIECE):
        output += piece
        if len(output) > max_output:
            return Ran(0, bytes(output[:max_output]), cut=True)
    return Ran(await process.wait(), bytes(output))


def _put(data: bytes, path: Path) -> None:
    draft = path.with_name(f".{secrets.token_hex(8)}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        draft.replace(path)
    except OSError as error:
        with suppress(OSError):
            draft.unlink()
        raise RequestRefused.by_system(str(path), error) from None


def _get(path: str, roots: Sequence[Path], max_size: int) -> bytes:
    with Roots(roots).entry(path) as entry:
        # Checked before, since opening a device can have an effect, and after, since the entry may have been replaced.
        _require_regular(os.stat(entry.name, dir_fd=entry.directory, follow_symlinks=False), path)
        with os.fdopen(os.open(entry.name, _CAREFULLY, dir_fd=entry.directory), "rb") as file:
            _require_regular(os.fstat(file.fileno()), path)
            data = file.read(max_size + 1)
    if len(data) > max_size:
        raise RequestRefused(INTERNAL_ERROR, f"longer than {max_size:,} bytes", path)
    return data


def _require_regular(status: os.stat_result, path: str) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise RequestRefused(INTERNAL_ERROR, "not a regular file", path)
