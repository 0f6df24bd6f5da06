"""A local agent process: it starts in a session of its own, is read within bounds, and is always stopped."""

import asyncio
import os
import signal
import stat
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self, cast
from weakref import WeakKeyDictionary

import structlog

from acp.agent_transport import Receiver
from acp.errors import AgentClosed, CloseReason, SpawnFailed, StartProblem
from acp.paths import look

from .child import Child
from .orphans import MARKER, end_survivors
from .pipes import Pipe
from .repository_watch import RepositoryWatch
from .sandbox import Sandbox, enter, exit_status
from .sandbox import look as look_inside
from .sandbox_refusal import refusal_in

STDERR_LINES = 20
STDERR_WIDTH = 500
"""Lines, and characters of each, kept of the end of the agent's stderr, to say why it ended."""

EOF_SECONDS = 3.0
"""First step of the stop ladder: an agent's time to end by itself after the close of its stdin."""

TERM_SECONDS = 2.0
"""Second step: its group's time after SIGTERM."""

KILL_SECONDS = 1.0
"""Third step: how long the kernel may take after SIGKILL."""

LINGER_SECONDS = 0.5
"""How long to wait for the exit status and the last stderr lines, once the process has exited or closed its stdout. A
grandchild may hold the pipes open for ever."""

# Held during a process's creation, which blocks the loop for a moment, so that other work runs between two of them.
_starting: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = WeakKeyDictionary()

log = structlog.stdlib.get_logger("acp")


@dataclass(frozen=True, slots=True)
class Launch:
    """How to start an agent. `env` is the whole environment except the marker.

    Without `log_stderr` the lines of its stderr are not logged: some agents print the address and code of a login.
    Another place reserves `memory` bytes for it, has values of its own for the variables `local_env`, and makes missing
    directories `made` (mode 0700).
    With a `sandbox` it runs in that one, or not at all.
    """

    command: str
    args: tuple[str, ...]
    cwd: Path
    env: Mapping[str, str]
    log_stderr: bool = True
    memory: int = 0
    local_env: frozenset[str] = frozenset()
    made: tuple[Path, ...] = ()
    sandbox: Sandbox | None = None


def is_directory(path: Path) -> bool:
    """Whether `path` is a directory. Raises OSError where a directory above it may not be entered.

    `Path.is_dir` raises or returns False then, depending on the version of Python.
    """
    try:
        return stat.S_ISDIR(path.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return False


async def require_directory(path: Path) -> None:
    """Raise `SpawnFailed` unless `path` is a directory that answers: a process that starts elsewhere blocks us."""
    try:
        found = await look(is_directory, path)
    except OSError as error:
        raise SpawnFailed(StartProblem.DIRECTORY_CLOSED, str(path), error.strerror or "") from None
    if not found:
        raise SpawnFailed(StartProblem.DIRECTORY_MISSING, str(path))


class AgentProcess(Child):
    """The process and its three pipes; the transport of a `Connection`. Start with `spawn`, end with `stop`."""

    def __init__(self, marker: str, *, log_stderr: bool = True, sandboxed: bool = False) -> None:
        """Use `spawn`."""
        super().__init__()
        self._marker = marker
        self._log_stderr = log_stderr
        self._sandboxed = sandboxed
        self._connection: Receiver | None = None
        self._early = bytearray()
        self._stderr_lines: deque[str] = deque(maxlen=STDERR_LINES)
        self._stderr_rest = b""
        self._stdout = Pipe(self._keep_early, self._check_ended)
        self._stderr = Pipe(self._take_stderr, self._check_ended)
        self._linger: asyncio.TimerHandle | None = None
        self._repositories: tuple[Path, ...] = ()
        self._watch: RepositoryWatch | None = None

    @classmethod
    async def spawn(cls, launch: Launch, marker: str) -> Self:
        """Start the process as leader of a new session. Raises `SpawnFailed`."""
        await require_directory(launch.cwd)
        process = cls(marker, log_stderr=launch.log_stderr, sandboxed=launch.sandbox is not None)
        try:
            await process._start(launch)
        except BaseException:
            process._close_pipes()
            await process._discard(marker)
            raise
        return process

    async def _start(self, launch: Launch) -> None:
        line, env, cwd = (launch.command, *launch.args), launch.env, launch.cwd
        if launch.sandbox is not None:
            facts = await look_inside(launch.sandbox, cwd=cwd, env=env, command=launch.command)
            self._repositories = facts.repositories
            entered = enter(launch.sandbox, facts, line, env)
            line, env, cwd = entered.argv, entered.env, entered.cwd
        ends: list[int] = []
        loop = asyncio.get_running_loop()
        try:
            ends.append(self._stdout.open())
            ends.append(self._stderr.open())
            async with _starting.setdefault(loop, asyncio.Lock()):
                variables = {**env, MARKER: self._marker}
                await self._create(*line, stdout=ends[0], stderr=ends[1], cwd=cwd, env=variables)
        except FileNotFoundError:
            raise SpawnFailed(StartProblem.COMMAND_MISSING, launch.command) from None
        except (OSError, ValueError) as error:
            detail = getattr(error, "strerror", None) or str(error)
            raise SpawnFailed(StartProblem.COMMAND_UNUSABLE, launch.command, detail) from None
        finally:
            for end in ends:
                os.close(end)
        if self._repositories:
            self._watch = RepositoryWatch(self._repositories, self._stop_redirecting)

    def __repr__(self) -> str:
        """Read like a status line."""
        state = "running" if self.exit_status is None else f"ended with {self.exit_status}"
        return f"<AgentProcess {self.pid} {state}>"

    @property
    def exit_status(self) -> int | None:
        """The exit code, or the negative number of the signal that ended it; None while it runs."""
        status = self._process.get_returncode()
        return status if status is None or not self._sandboxed else exit_status(status)

    @property
    def stderr(self) -> tuple[str, ...]:
        """The last lines written to stderr."""
        rest = (self._stderr_rest,) if self._stderr_rest else ()
        return (*self._stderr_lines, *map(_readable, rest))

    def attach(self, connection: Receiver) -> None:
        """Feed `connection` with what the process writes, from its first byte on."""
        self._connection = connection
        self._stdout.on_data = connection.feed
        if self._early:
            connection.feed(bytes(self._early))
            self._early.clear()
        self._check_ended()

    # ---- the transport

    def write(self, data: bytes) -> bool:
        """Hand `data` to the pipe. Returns False if the process has closed it and got no byte of this."""
        stdin = self._stdin
        if stdin.is_closing():
            return False
        self._stdout.hurry()
        had_to_wait = stdin.get_write_buffer_size() > 0
        stdin.write(data)
        # write() notices a broken pipe and closes the transport, unless older bytes are ahead of these.
        return had_to_wait or not stdin.is_closing()

    def pause_reading(self) -> None:
        """Leave the output in the pipe, so that the process has to wait."""
        self._stdout.pause()

    def resume_reading(self) -> None:
        """Read again."""
        self._stdout.resume()
        self._check_ended()

    def abort(self) -> None:
        """Close stdin and read no more output. The process itself is ended by `stop`."""
        self.abort_input()
        self._stdout.close()

    def abort_input(self) -> None:
        """Close stdin; what waits there is lost."""
        if not self._stdin.is_closing():  # asyncio fails on a second abort.
            self._stdin.abort()

    def close_input(self) -> None:
        """Close stdin, once what waits there is written."""
        self._stdin.close()

    @property
    def unwritten(self) -> int:
        """Bytes that the process has not taken yet."""
        return self._stdin.get_write_buffer_size()

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
                if self._log_stderr:
                    log.debug("agent stderr", line=self._stderr_lines[-1])

    # ---- asyncio's callbacks

    def process_exited(self) -> None:
        """Note the end of the process."""
        super().process_exited()
        self._check_ended()

    def pause_writing(self) -> None:
        """Tell the connection that the process does not read."""
        if self._connection is not None:
            self._connection.pause_writing()

    def resume_writing(self) -> None:
        """Tell the connection that the process reads again."""
        if self._connection is not None:
            self._connection.resume_writing()

    def _check_ended(self) -> None:
        """Close the connection once the exit status and the last lines have arrived or are overdue."""
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
        # Else reading is paused and the pipe still holds output: `resume_reading` checks again.

    def _report_ended(self) -> None:
        if self._linger is not None:
            self._linger.cancel()
        if self._connection is not None:
            self._connection.closed(self.describe(CloseReason.ENDED))

    def describe(self, reason: CloseReason) -> AgentClosed:
        """Build the error with `reason`, the exit status and the last stderr lines."""
        if self._sandboxed and reason is CloseReason.ENDED and self.exit_status == 1 and self._engine_failed:
            reason = CloseReason.SANDBOX_FAILED
        return AgentClosed(reason, self.exit_status, self.stderr)

    @property
    def _engine_failed(self) -> bool:
        return refusal_in(self.stderr[-2:]) is not None

    def _stop_redirecting(self, undone: list[Path]) -> None:
        """Stop the agent, which has tried to have git run its code outside the sandbox."""
        log.warning("agent redirected a repository of git; that is undone", files=list(map(str, undone)))
        self.kill()
        if self._connection is not None:
            self.abort()
            self._connection.closed(self.describe(CloseReason.GIT_REDIRECTED))

    # ---- the stop ladder

    async def stop(self) -> None:
        """End the process and all that it started. Each step is bounded; the whole takes 7 s at worst.

        Close stdin, wait, SIGTERM to the group, wait, SIGKILL to the group. Then the same for all other processes with
        the marker or of the session. An agent that ends when its stdin closes costs no wait. Takes up to 13 s where
        the kernel is slow after SIGKILL.
        """
        try:
            self.close_input()
            if not await self._exits_within(EOF_SECONDS):
                self._signal_group(signal.SIGTERM)
                if not await self._exits_within(TERM_SECONDS):
                    self.kill()
                    await self._exits_within(KILL_SECONDS)
            await end_survivors(self._marker, leader=self._own_session())
            if self._watch is not None:
                await self._watch.end()
        finally:
            if self._watch is not None:
                self._watch.cancel()
            self._let_go()
            self._close_pipes()

    def _close_pipes(self) -> None:
        self._stdout.close()
        self._stderr.close()

    def kill(self) -> None:
        """Send SIGKILL to the group."""
        self._signal_group(signal.SIGKILL)


def _readable(line: bytes) -> str:
    return line[-STDERR_WIDTH:].decode("utf-8", errors="replace").rstrip()
