"""One command of an agent: its output, its exit, and its bounded end."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Self

from acp.jsonrpc import INVALID_PARAMS
from acp.process.child import Child
from acp.process.orphans import end_survivors, in_thread, stat_fields

from .output_tail import OutputTail
from .refusal import RequestRefused

TERMINAL = "THREADLINE_TERMINAL"
"""Environment variable with a terminal's id, by which its processes are found and ended. The agent's own marker, which
they carry too, would end the agent along with its terminal."""

READ_SIZE = 64 * 1024
"""Bytes of one read, so that a flood does not starve the loop's other work."""

LINGER_SECONDS = 0.5
"""How long to wait for the last output after the exit. A grandchild may hold the pipe open for ever."""

TERM_SECONDS = 1.0
"""Seconds of the command's group between SIGTERM and SIGKILL."""

KILL_SECONDS = 1.0
"""How long the kernel may take after SIGKILL."""

ROUNDS = 3
"""How often to look for remaining processes, since one may have started while we ended the rest."""

_PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class ExitStatus:
    """A command's exit code, or the signal that ended it, such as `SIGTERM`; neither for one that never ended."""

    exit_code: int | None = None
    signal: str | None = None


@dataclass(frozen=True, slots=True)
class Output:
    """The output so far, or its end where `truncated`. `exit_status` is None while the command runs."""

    text: str
    truncated: bool
    exit_status: ExitStatus | None


class Terminal(Child):
    """A process without input, whose output and errors are one stream. Start with `spawn`, end with `close`."""

    def __init__(self, terminal_id: str, limit: int) -> None:
        """Use `spawn`."""
        super().__init__()
        self.terminal_id = terminal_id
        self._tail = OutputTail(limit)
        self._finished = asyncio.Event()
        self._linger: asyncio.TimerHandle | None = None

    @classmethod
    async def spawn(
        cls, terminal_id: str, argv: Sequence[str], *, cwd: Path, env: Mapping[str, str], limit: int
    ) -> Self:
        """Start the process, leader of a new session, keeping the last `limit` bytes of output.

        Raises `RequestRefused`.
        """
        terminal = cls(terminal_id, limit)
        try:
            await terminal._create(
                *argv,
                stdin=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.STDOUT,
                cwd=cwd,
                env={**env, TERMINAL: terminal_id},
            )
        except asyncio.CancelledError:
            await terminal.close()
            raise
        except OSError as error:
            at_fault = f"the directory {cwd}" if str(error.filename) == str(cwd) else f"the command {argv[0]!r}"
            raise RequestRefused.by_system(f"{at_fault} cannot be used", error) from None
        except ValueError as error:  # A null character, or a name of a variable with `=` in it.
            raise RequestRefused(INVALID_PARAMS, f"the command {argv[0]!r} cannot be used: {error}") from None
        return terminal

    def __repr__(self) -> str:
        """Read like a status line."""
        return f"<Terminal {self.terminal_id} {self.pid} {self.exit_status or 'running'}>"

    @property
    def exit_status(self) -> ExitStatus | None:
        """How the process ended, once its last output has arrived or is overdue; None before that."""
        return _exit_status(self._process.get_returncode()) if self._finished.is_set() else None

    @property
    def output(self) -> Output:
        """The output so far."""
        ended = self._finished.is_set()
        return Output(self._tail.text(ended=ended), self._tail.truncated, self.exit_status)

    async def wait(self) -> ExitStatus:
        """Wait, without a bound, for the process itself to end, or for `close`."""
        await self._finished.wait()
        return _exit_status(self._process.get_returncode())

    # ---- asyncio's callbacks

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Bound the size of a read."""
        super().connection_made(transport)
        pipe: Any = self._process.get_pipe_transport(1)
        pipe.max_size = READ_SIZE  # The size of asyncio's reads; not in the type stubs.

    def pipe_data_received(self, fd: int, data: bytes) -> None:  # noqa: ARG002 - asyncio's signature
        """Keep output. Reading never pauses, so that the command never waits for us."""
        self._tail.add(data)

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """Note the end of the output."""
        if self._exited.is_set():
            self._finish()

    def process_exited(self) -> None:
        """Note the end of the process; its children may still write."""
        super().process_exited()
        if self._pipe_is_open:
            self._linger = asyncio.get_running_loop().call_later(LINGER_SECONDS, self._finish)
        else:
            self._finish()

    @property
    def _pipe_is_open(self) -> bool:
        pipe = self._process.get_pipe_transport(1)
        return pipe is not None and not pipe.is_closing()

    def _finish(self) -> None:
        if self._linger is not None:
            self._linger.cancel()
        self._finished.set()

    # ---- the end

    async def kill(self) -> None:
        """End the process and all that it started; the output stays.

        SIGTERM to the group, wait, SIGKILL to the group. Then the same for all other processes of the terminal's
        session or with its id, until none is found. Takes milliseconds where all obey SIGTERM, 4 s where they ignore
        it, and up to 10 s where the kernel is slow after SIGKILL.
        """
        for number, seconds in ((signal.SIGTERM, TERM_SECONDS), (signal.SIGKILL, KILL_SECONDS)):
            self._signal_group(number)
            if await self._exits_within(seconds):
                break
        for round_number in range(ROUNDS):
            if not await self._end_rest(gently=round_number == 0):
                break
        if self._exited.is_set():
            await self._finished.wait()

    async def close(self) -> None:
        """Kill, close the pipe, and release all waiters, even if the kernel could not end the process."""
        try:
            await self.kill()
        finally:
            self._let_go()
            self._finish()

    async def _end_rest(self, *, gently: bool) -> bool:
        """End the sessions in which a process of this terminal runs. Returns whether there was one."""
        reaped = self._process.get_returncode() is not None
        numbers = await in_thread(partial(_sessions, self.terminal_id, self.pid, reaped=reaped))
        async with asyncio.TaskGroup() as group:
            # No agent's marker equals a terminal's id, so only the session selects the processes.
            ends = [
                group.create_task(end_survivors(self.terminal_id, leader=number, gently=gently), name=repr(self))
                for number in numbers
            ]
        return any(end.result() for end in ends)


def _sessions(terminal_id: str, leader: int, *, reaped: bool) -> set[int]:
    """Return the sessions of live processes with the terminal's id, and the leader's own, which may lack it.

    All their members descend from the terminal, since a process enters a session only by birth.
    """
    # A session keeps its number while it has members, so another process with this pid is a stranger.
    found = set() if reaped and Path(_PROC, str(leader)).exists() else {leader}
    wanted = f"\0{TERMINAL}={terminal_id}\0".encode()
    for entry in os.scandir(_PROC) if _PROC.is_dir() else ():
        if entry.name.isdecimal():
            with contextlib.suppress(OSError):  # It ended while we looked at it, or is not ours.
                if wanted in b"\0" + Path(entry.path, "environ").read_bytes():
                    found.add(int(stat_fields(entry.path)[3]))
    return found


def _exit_status(returncode: int | None) -> ExitStatus:
    if returncode is None or returncode >= 0:
        return ExitStatus(returncode)
    try:
        return ExitStatus(signal=signal.Signals(-returncode).name)
    except ValueError:  # Most real-time signals have no name.
        return ExitStatus(signal=str(-returncode))
