"""A local agent process: started in a session of its own, read within bounds, and ended for certain."""

import asyncio
import contextlib
import os
import signal
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, cast

import structlog

from .connection import Connection
from .errors import AcpError, AgentClosed, SpawnFailed
from .survivors import MARKER, end_survivors

__all__ = ["BASE_NAMES", "AgentProcess", "Launch", "environment"]

READ_SIZE = 64 * 1024
"""Bytes taken a read: asyncio's default allocates 256 KiB each time; small reads keep one from starving others."""

STDERR_LINES = 20
STDERR_WIDTH = 500
"""What is kept of the agent's stderr, to say why it ended: its last lines, each cut to this many characters."""

EOF_SECONDS = 3.0
"""First step of the stop ladder: what an agent gets to end by itself after its stdin was closed."""

TERM_SECONDS = 2.0
"""Second step: what its group gets after SIGTERM."""

KILL_SECONDS = 1.0
"""Third step: how long the kernel may take after SIGKILL."""

LINGER_SECONDS = 0.5
"""How long to wait for the rest, once the process has exited or closed its stdout: the exit status, the last stderr
lines. A grandchild may hold the pipes open for ever."""

BASE_NAMES = ("PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LC_ALL", "TZ", "TMPDIR")
"""What every agent inherits from us. Everything else must be named in the configuration."""

log = structlog.stdlib.get_logger("acp")


@dataclass(frozen=True, slots=True)
class Launch:
    """How to start an agent. `env` is the whole environment but for the marker."""

    command: str
    args: tuple[str, ...]
    cwd: Path
    env: Mapping[str, str]


def environment(source: Mapping[str, str], *, inherit: Iterable[str], env: Mapping[str, str]) -> dict[str, str]:
    """Compose an agent's environment from `source` (ours): the base names, the names in `inherit`, then `env`."""
    names = [*BASE_NAMES, *inherit]
    return {**{name: source[name] for name in names if name in source}, **env}


class AgentProcess(asyncio.SubprocessProtocol):
    """The process and its three pipes; the wire under a `Connection`. Start with `spawn`, end with `stop`."""

    def __init__(self, marker: str) -> None:
        """Use `spawn`."""
        self._marker = marker
        self._connection: Connection | None = None
        self._early = bytearray()
        self._stderr: deque[str] = deque(maxlen=STDERR_LINES)
        self._stderr_rest = b""
        self._open_pipes = {1, 2}
        self._exited = asyncio.Event()
        self._linger: asyncio.TimerHandle | None = None
        self._transport: asyncio.SubprocessTransport | None = None

    @classmethod
    async def spawn(cls, launch: Launch, marker: str) -> Self:
        """Start the process, leader of a new session. Raises `SpawnFailed`, saying what to correct."""
        if not launch.cwd.is_dir():
            raise SpawnFailed(f"the working directory {launch.cwd} does not exist or is not a directory")
        try:
            _, process = await asyncio.get_running_loop().subprocess_exec(
                lambda: cls(marker),
                launch.command,
                *launch.args,
                cwd=launch.cwd,
                env={**launch.env, MARKER: marker},
                start_new_session=True,
            )
        except FileNotFoundError:
            raise SpawnFailed(f"the command {launch.command!r} was not found; is it installed and on PATH?") from None
        except (OSError, ValueError) as error:
            raise SpawnFailed(f"the command {launch.command!r} could not be started: {error}") from None
        return process

    def __repr__(self) -> str:
        """Read like a status line."""
        state = "running" if self.exit_status is None else f"ended with {self.exit_status}"
        return f"<AgentProcess {self.pid} {state}>"

    @property
    def pid(self) -> int:
        """The process id, which is also its group's and its session's."""
        return self._process.get_pid()

    @property
    def exit_status(self) -> int | None:
        """The exit code, or the negative number of the signal that ended it; None while it runs."""
        return self._process.get_returncode()

    @property
    def stderr(self) -> tuple[str, ...]:
        """The last lines written to stderr."""
        rest = (self._stderr_rest,) if self._stderr_rest else ()
        return (*self._stderr, *map(_readable, rest))

    def attach(self, connection: Connection) -> None:
        """Give what the process writes to `connection`, from its first byte on."""
        self._connection = connection
        if self._early:
            connection.feed(bytes(self._early))
            self._early.clear()
        self._check_ended()

    @property
    def _process(self) -> asyncio.SubprocessTransport:
        if self._transport is None:
            raise RuntimeError("the process was not started by spawn()")
        return self._transport

    # ---- the wire

    def write(self, data: bytes) -> bool:
        """Hand `data` to the pipe. False: the process has closed it, and got nothing of this."""
        stdin = self._stdin
        if stdin.is_closing():
            return False
        had_to_wait = stdin.get_write_buffer_size() > 0
        stdin.write(data)
        # A broken pipe is noticed inside write(), which then closes the transport; unless older bytes were in front.
        return had_to_wait or not stdin.is_closing()

    def pause_reading(self) -> None:
        """Leave the output in the pipe, so that the process has to wait."""
        if 1 in self._open_pipes:
            self._stdout.pause_reading()

    def resume_reading(self) -> None:
        """Read on."""
        if 1 in self._open_pipes:
            self._stdout.resume_reading()

    def abort(self) -> None:
        """Close stdin and read no more output. The process itself is ended by `stop`."""
        if not self._stdin.is_closing():  # asyncio fails on a second end.
            self._stdin.abort()
        self._stdout.close()

    @property
    def _stdin(self) -> asyncio.WriteTransport:
        return cast("asyncio.WriteTransport", self._process.get_pipe_transport(0))

    @property
    def _stdout(self) -> asyncio.ReadTransport:
        return cast("asyncio.ReadTransport", self._process.get_pipe_transport(1))

    # ---- what asyncio tells

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Pipes are connected."""
        self._transport = cast("asyncio.SubprocessTransport", transport)
        for number in (1, 2):
            pipe: Any = self._transport.get_pipe_transport(number)
            pipe.max_size = READ_SIZE  # What asyncio asks for at each read; not in the type stubs.

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        """Take output."""
        if fd == 2:
            self._take_stderr(data)
        elif self._connection is None:
            self._early += data
        else:
            self._connection.feed(data)

    def _take_stderr(self, data: bytes) -> None:
        *lines, rest = (self._stderr_rest + data).split(b"\n")
        self._stderr_rest = rest[-STDERR_WIDTH:]
        for line in lines[-STDERR_LINES:]:
            if line.strip():
                self._stderr.append(_readable(line))
                log.debug("agent stderr", line=self._stderr[-1])

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """Take note that a pipe has ended."""
        self._open_pipes.discard(fd)
        self._check_ended()

    def process_exited(self) -> None:
        """Take note that the process has ended."""
        self._exited.set()
        self._check_ended()

    def pause_writing(self) -> None:
        """Pass on that the process does not read."""
        if self._connection is not None:
            self._connection.pause_writing()

    def resume_writing(self) -> None:
        """Pass on that the process reads again."""
        if self._connection is not None:
            self._connection.resume_writing()

    def _check_ended(self) -> None:
        """Tell the connection that it is over, when the exit status and the last words are in, or late."""
        if self._connection is None or (1 in self._open_pipes and not self._exited.is_set()):
            return
        if self._exited.is_set() and not self._open_pipes:
            self._report_ended(self._connection)
        elif self._linger is None:
            loop = asyncio.get_running_loop()
            self._linger = loop.call_later(LINGER_SECONDS, self._report_ended, self._connection)

    def _report_ended(self, connection: Connection) -> None:
        if self._linger is not None:
            self._linger.cancel()
        connection.closed(self.describe("the agent's process has ended"))

    def describe(self, reason: str) -> AcpError:
        """Make the error that tells how this process stands: `reason`, exit status, last stderr lines."""
        return AgentClosed(reason, self.exit_status, self.stderr)

    # ---- the stop ladder

    async def stop(self) -> None:
        """End the process and all that it started. Each step is bounded; the whole takes 7 s at the worst.

        Close stdin, wait; SIGTERM to the group, wait; SIGKILL to the group; then whatever still carries the marker or
        belongs to the session is ended the same way. An agent that ends when its stdin closes costs no wait. Only
        where the kernel does not end at once what got SIGKILL does it take longer, up to 13 s.
        """
        self._stdin.close()
        if not await self._exits_within(EOF_SECONDS):
            self._signal_group(signal.SIGTERM)
            if not await self._exits_within(TERM_SECONDS):
                self.kill()
                await self._exits_within(KILL_SECONDS)
        await end_survivors(self._marker, leader=self.pid)
        self._process.close()

    def kill(self) -> None:
        """Send SIGKILL to the group, now."""
        self._signal_group(signal.SIGKILL)

    async def _exits_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self._exited.wait()
        except TimeoutError:
            return False
        return True

    def _signal_group(self, number: signal.Signals) -> None:
        # The group's id is the leader's pid: safe only while the leader has not been reaped.
        if self.exit_status is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, number)


def _readable(line: bytes) -> str:
    return line[-STDERR_WIDTH:].decode("utf-8", errors="replace").rstrip()
