"""A short command: its input is given, its output is bounded, and nothing that it started survives it."""

import asyncio
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self, cast
from uuid import uuid4

from acp.errors import SpawnFailed, StartProblem

from .child import Child
from .orphans import MARKER, end_survivors

READ_SIZE = 64 * 1024
"""Bytes of one read, so that a flood does not starve the loop's other work."""

LINGER_SECONDS = 5.0
"""How long the last output may take after the end: all writers are dead then, unless the kernel cannot end one."""


class ShortCommand(Child):
    """A running command. Start with `spawn`, and always call `end`."""

    def __init__(self, max_output: int) -> None:
        """Use `spawn`."""
        super().__init__()
        self.output = bytearray()
        """What it wrote to stdout, up to one byte more than `max_output`."""
        self._max_output = max_output
        self._marker = f"command-{uuid4().hex}/1"
        self._over = asyncio.Event()
        self._closed = asyncio.Event()

    @classmethod
    async def spawn(
        cls, argv: Sequence[str], *, cwd: Path, env: Mapping[str, str], stdin: bytes, max_output: int
    ) -> Self:
        """Start the command as leader of a new session, in a directory that answers. Raises `SpawnFailed`."""
        command = cls(max_output)
        variables = {**env, MARKER: command._marker}
        try:
            await command._create(*argv, stderr=asyncio.subprocess.DEVNULL, cwd=cwd, env=variables)
        except FileNotFoundError:
            raise SpawnFailed(StartProblem.COMMAND_MISSING, argv[0]) from None
        except (OSError, ValueError) as error:
            detail = getattr(error, "strerror", None) or str(error)
            raise SpawnFailed(StartProblem.COMMAND_UNUSABLE, argv[0], detail) from None
        except asyncio.CancelledError:
            await command._discard(command._marker)
            raise
        pipe = cast("asyncio.WriteTransport", command._process.get_pipe_transport(0))
        pipe.write(stdin)
        pipe.close()
        return command

    @property
    def exit_status(self) -> int | None:
        """The exit code, or the negative number of the signal that ended it; None while it runs."""
        return self._process.get_returncode()

    @property
    def is_cut(self) -> bool:
        """Whether it wrote more than was wanted."""
        return len(self.output) > self._max_output

    async def wait(self) -> None:
        """Wait, without a bound, until the command itself has ended, or has written more than was wanted."""
        await self._over.wait()

    async def end(self) -> None:
        """End it and all that it started, without mercy, and wait for what they wrote before; bounded."""
        try:
            self._signal_group(signal.SIGKILL)
            await end_survivors(self._marker, leader=self._own_session(), gently=False)
            async with asyncio.timeout(LINGER_SECONDS):
                await self._closed.wait()
        except TimeoutError:
            pass
        finally:
            self._let_go()

    # ---- asyncio's callbacks

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Bound the size of a read."""
        super().connection_made(transport)
        pipe: Any = self._process.get_pipe_transport(1)
        pipe.max_size = READ_SIZE  # The size of asyncio's reads; not in the type stubs.

    def pipe_data_received(self, fd: int, data: bytes) -> None:  # noqa: ARG002 - asyncio's signature
        """Keep the output that is wanted."""
        self.output += data[: self._max_output + 1 - len(self.output)]
        if self.is_cut:
            self._over.set()

    def process_exited(self) -> None:
        """Note the end of the process; its children may still write."""
        super().process_exited()
        self._over.set()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """Note that the process has ended and all its pipes are closed."""
        self._closed.set()
