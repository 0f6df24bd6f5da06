"""A local agent process: it starts in a session of its own, is read within bounds, and is always stopped."""

import asyncio
import os
import signal
import stat
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self, cast
from weakref import WeakKeyDictionary

import structlog

from acp.connection import Connection
from acp.errors import AcpError, AgentClosed, SpawnFailed
from acp.paths import look

from .child import Child
from .orphans import MARKER, end_survivors, start_time
from .pipes import Pipe

__all__ = ["BASE_NAMES", "AgentProcess", "Launch", "environment", "is_directory"]

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

# Held while a process is created, which blocks the loop for a moment: between two of them it does what else waits.
_starting: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = WeakKeyDictionary()

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


def is_directory(path: Path) -> bool:
    """Whether there is a directory. Raises OSError where that cannot be told: one above it may not be entered.

    `Path.is_dir` raises or says no, as the version of Python has it.
    """
    try:
        return stat.S_ISDIR(path.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return False


class AgentProcess(Child):
    """The process and its three pipes; the wire under a `Connection`. Start with `spawn`, end with `stop`."""

    def __init__(self, marker: str) -> None:
        """Use `spawn`."""
        super().__init__()
        self._marker = marker
        self._connection: Connection | None = None
        self._early = bytearray()
        self._stderr_lines: deque[str] = deque(maxlen=STDERR_LINES)
        self._stderr_rest = b""
        self._stdout = Pipe(self._keep_early, self._check_ended)
        self._stderr = Pipe(self._take_stderr, self._check_ended)
        self._linger: asyncio.TimerHandle | None = None
        self._started: int | None = None

    @classmethod
    async def spawn(cls, launch: Launch, marker: str) -> Self:
        """Start the process, leader of a new session. Raises `SpawnFailed`, saying what to correct."""
        try:
            found = await look(is_directory, launch.cwd)
        except OSError as error:
            raise SpawnFailed(f"the working directory {launch.cwd} cannot be entered: {error.strerror}") from None
        if not found:
            raise SpawnFailed(f"the working directory {launch.cwd} does not exist or is not a directory")
        process = cls(marker)
        try:
            await process._start(launch)
        except BaseException:
            process._close_pipes()
            raise
        return process

    async def _start(self, launch: Launch) -> None:
        ends: list[int] = []
        loop = asyncio.get_running_loop()
        try:
            ends.append(self._stdout.open())
            ends.append(self._stderr.open())
            async with _starting.setdefault(loop, asyncio.Lock()):
                await loop.subprocess_exec(
                    lambda: self,
                    launch.command,
                    *launch.args,
                    stdout=ends[0],
                    stderr=ends[1],
                    cwd=launch.cwd,
                    env={**launch.env, MARKER: self._marker},
                    start_new_session=True,
                )
        except FileNotFoundError:
            raise SpawnFailed(f"the command {launch.command!r} was not found; is it installed and on PATH?") from None
        except (OSError, ValueError) as error:
            raise SpawnFailed(f"the command {launch.command!r} could not be started: {error}") from None
        finally:
            for end in ends:
                os.close(end)

    def __repr__(self) -> str:
        """Read like a status line."""
        state = "running" if self.exit_status is None else f"ended with {self.exit_status}"
        return f"<AgentProcess {self.pid} {state}>"

    @property
    def exit_status(self) -> int | None:
        """The exit code, or the negative number of the signal that ended it; None while it runs."""
        return self._process.get_returncode()

    @property
    def stderr(self) -> tuple[str, ...]:
        """The last lines written to stderr."""
        rest = (self._stderr_rest,) if self._stderr_rest else ()
        return (*self._stderr_lines, *map(_readable, rest))

    def attach(self, connection: Connection) -> None:
        """Give what the process writes to `connection`, from its first byte on."""
        self._connection = connection
        self._stdout.on_data = connection.feed
        if self._early:
            connection.feed(bytes(self._early))
            self._early.clear()
        self._check_ended()

    # ---- the wire

    def write(self, data: bytes) -> bool:
        """Hand `data` to the pipe. False: the process has closed it, and got nothing of this."""
        stdin = self._stdin
        if stdin.is_closing():
            return False
        self._stdout.hurry()
        had_to_wait = stdin.get_write_buffer_size() > 0
        stdin.write(data)
        # A broken pipe is noticed inside write(), which then closes the transport; unless older bytes were in front.
        return had_to_wait or not stdin.is_closing()

    def pause_reading(self) -> None:
        """Leave the output in the pipe, so that the process has to wait."""
        self._stdout.pause()

    def resume_reading(self) -> None:
        """Read on."""
        self._stdout.resume()
        self._check_ended()

    def abort(self) -> None:
        """Close stdin and read no more output. The process itself is ended by `stop`."""
        if not self._stdin.is_closing():  # asyncio fails on a second end.
            self._stdin.abort()
        self._stdout.close()

    @property
    def _stdin(self) -> asyncio.WriteTransport:
        return cast("asyncio.WriteTransport", self._process.get_pipe_transport(0))

    # ---- what the process writes

    def _keep_early(self, data: bytes) -> None:
        self._early += data

    def _take_stderr(self, data: bytes) -> None:
        *lines, rest = (self._stderr_rest + data).split(b"\n")
        self._stderr_rest = rest[-STDERR_WIDTH:]
        for line in lines[-STDERR_LINES:]:
            if line.strip():
                self._stderr_lines.append(_readable(line))
                log.debug("agent stderr", line=self._stderr_lines[-1])

    # ---- what asyncio tells

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The process runs."""
        super().connection_made(transport)
        self._started = start_time(self.pid)

    def process_exited(self) -> None:
        """Take note that the process has ended."""
        super().process_exited()
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
        if self._connection is None or not (self._stdout.closed or self._exited.is_set()):
            return
        if self._exited.is_set() and self._stdout.closed and self._stderr.closed:
            self._report_ended()
        elif self._linger is None:
            self._linger = asyncio.get_running_loop().call_later(LINGER_SECONDS, self._stop_lingering)

    def _stop_lingering(self) -> None:
        self._linger = None
        if self._stdout.closed or self._stdout.reading:
            self._report_ended()
        # Else somebody cannot keep up, and the pipe still holds what the process said: when reading goes on.

    def _report_ended(self) -> None:
        if self._linger is not None:
            self._linger.cancel()
        if self._connection is not None:
            self._connection.closed(self.describe("the agent's process has ended"))

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
        try:
            self._stdin.close()
            if not await self._exits_within(EOF_SECONDS):
                self._signal_group(signal.SIGTERM)
                if not await self._exits_within(TERM_SECONDS):
                    self.kill()
                    await self._exits_within(KILL_SECONDS)
            await end_survivors(self._marker, leader=self._own_session())
        finally:
            self._let_go()
            self._close_pipes()

    def _own_session(self) -> int | None:
        # A session keeps its number as long as it has members: a stranger with our pid means that none is left.
        return self.pid if start_time(self.pid) in {None, self._started} else None

    def _close_pipes(self) -> None:
        self._stdout.close()
        self._stderr.close()

    def kill(self) -> None:
        """Send SIGKILL to the group, now."""
        self._signal_group(signal.SIGKILL)


def _readable(line: bytes) -> str:
    return line[-STDERR_WIDTH:].decode("utf-8", errors="replace").rstrip()
