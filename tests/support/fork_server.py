"""Threadline's commands as processes, without a new interpreter for each.

A new interpreter spends a second on imports, and the tests start hundreds of commands. Here one process imports all
modules once and waits. Each command is a fork of it, with its own arguments, directory, environment, output, exit code
and pid. A test of the start itself (which modules, from where, in which order) needs a new interpreter: run
`python -m bot` for that.
"""

import asyncio
import atexit
import gc
import json
import os
import runpy
import signal
import socket
import struct
import subprocess
import sys
import threading
import traceback
from collections.abc import Mapping
from contextlib import ExitStack, closing, suppress
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, NoReturn

ROOT = Path(__file__).parents[2]

COMMANDS = (
    *("app", "cli.group", "cli.agent_commands", "cli.check", "cli.demo", "cli.init.wizard", "cli.migrate"),
    *("cli.report", "cli.run", "cli.service_unit"),
)
"""The modules that bring in everything that any command needs."""

STOP_SECONDS = 10.0
"""For the server to notice that nothing more is wanted of it, which takes it a moment."""

_NUMBER = struct.Struct("!i")
_DESCRIPTORS = 4

_servers: list[tuple[subprocess.Popen[bytes], socket.socket]] = []


class Forked:
    """A running command, with the part of `asyncio.subprocess.Process` that the tests need.

    Its output goes into files, so it never waits for a reader.
    """

    def __init__(
        self, pid: int, told: socket.socket, stdout: IO[bytes], stderr: IO[bytes], resources: ExitStack
    ) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._files = stdout, stderr
        self._output = b"", b""
        self._ended = asyncio.Event()
        loop = asyncio.get_running_loop()
        resources.callback(loop.remove_reader, told)
        loop.add_reader(told, self._end, told, resources)

    def _end(self, told: socket.socket, resources: ExitStack) -> None:
        with resources:
            self.returncode = _number(told)
            stdout, stderr = map(_content, self._files)
            self._output = stdout, stderr
            self._ended.set()

    def send_signal(self, number: int) -> None:
        """Send a signal, unless the process has ended."""
        if self.returncode is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill(self) -> None:
        """Send SIGKILL."""
        self.send_signal(signal.SIGKILL)

    async def wait(self) -> int | None:
        """Wait for the end and return the exit code; a negative one is the signal that killed it."""
        await self._ended.wait()
        return self.returncode

    async def communicate(self) -> tuple[bytes, bytes]:
        """Wait for the end and return stdout and stderr."""
        await self._ended.wait()
        return self._output


async def start(*args: str | Path, cwd: str | Path = ".", env: Mapping[str, str] | None = None) -> Forked:
    """Start `threadline` with these arguments and an empty stdin."""
    with ExitStack() as resources:
        given, stdout, stderr = (resources.enter_context(TemporaryFile()) for _ in range(3))
        told = resources.enter_context(_ordered(args, cwd, env, given, stdout, stderr))
        told.setblocking(False)
        pid = _read(await asyncio.get_running_loop().sock_recv(told, _NUMBER.size))
        return Forked(pid, told, stdout, stderr, resources.pop_all())


def run(
    *args: str | Path,
    cwd: str | Path = ".",
    env: Mapping[str, str] | None = None,
    typed: str = "",
    timeout: float,
) -> subprocess.CompletedProcess[str]:
    """Run `threadline` with these arguments to its end, with `typed` on its stdin, as `subprocess.run` does.

    Raises:
        subprocess.TimeoutExpired: It has not ended within `timeout` seconds, and was killed.
    """
    with TemporaryFile() as given, TemporaryFile() as stdout, TemporaryFile() as stderr:
        given.write(typed.encode())
        given.seek(0)
        with _ordered(args, cwd, env, given, stdout, stderr) as told:
            pid = _number(told)
            told.settimeout(timeout)
            try:
                code = _number(told)
            except TimeoutError:
                os.kill(pid, signal.SIGKILL)
                raise subprocess.TimeoutExpired(["threadline", *args], timeout) from None
        return subprocess.CompletedProcess(
            ["threadline", *args], code, _content(stdout).decode(), _content(stderr).decode()
        )


def stop() -> None:
    """End the server, if there is one. Its commands continue."""
    while _servers:
        process, orders = _servers.pop()
        orders.close()
        process.wait(STOP_SECONDS)


def _ordered(
    args: tuple[str | Path, ...], cwd: str | Path, env: Mapping[str, str] | None, *files: IO[bytes]
) -> socket.socket:
    """Have the server start a command; return the socket that brings its pid, and later its exit code."""
    if not _servers:
        _servers.append(_server())
    _, orders = _servers[0]
    order = {
        "args": [*map(str, args)],
        "cwd": str(Path(cwd).absolute()),
        "env": dict(os.environ if env is None else env),
    }
    data = json.dumps(order).encode()
    ours, theirs = socket.socketpair()
    with theirs:
        descriptors = [*(file.fileno() for file in files), theirs.fileno()]
        socket.send_fds(orders, [_NUMBER.pack(len(data))], descriptors)
        orders.sendall(data)
    return ours


def _server() -> tuple[subprocess.Popen[bytes], socket.socket]:
    ours, theirs = socket.socketpair()
    with theirs:
        number = theirs.fileno()
        command = [sys.executable, "-m", "tests.support.fork_server", str(number)]
        process = subprocess.Popen(
            command, cwd=ROOT, pass_fds=[number], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        )
    return process, ours


def _number(told: socket.socket) -> int:
    return _read(told.recv(_NUMBER.size))


def _read(data: bytes) -> int:
    # Four bytes are written at once, and a socket does not part so few.
    assert data, "the command could not be started"
    number: int = _NUMBER.unpack(data)[0]
    return number


def _content(file: IO[bytes]) -> bytes:
    file.seek(0)
    return file.read()


# ---- the server, and the commands that are forks of it


def serve(orders: socket.socket) -> None:
    """Start commands until the other end is closed. Must not start a thread, since only the forking one survives."""
    for module in COMMANDS:
        import_module(f"bot.{module}")
    gc.collect()
    gc.freeze()  # So that no fork's collector writes to, and thereby copies, what all forks share.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        size, descriptors, _, _ = socket.recv_fds(orders, _NUMBER.size, _DESCRIPTORS)
        if not size:
            return
        order = json.loads(orders.recv(_NUMBER.unpack(size)[0], socket.MSG_WAITALL))
        if os.fork() == 0:
            orders.close()
            _attend(order, *descriptors)
        for each in descriptors:
            os.close(each)
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass  # Commands that have ended, and what they have cost, which is counted when they are waited for.


def _attend(order: dict[str, object], stdin: int, stdout: int, stderr: int, told: int) -> NoReturn:
    """Be the parent of one command: send its pid and its exit code."""
    pid = os.fork()
    if pid == 0:
        os.close(told)
        _become(order, stdin, stdout, stderr)
    for each in (stdin, stdout, stderr):
        os.close(each)
    with closing(socket.socket(fileno=told)) as channel, suppress(BrokenPipeError):
        channel.send(_NUMBER.pack(pid))
        _, status = os.waitpid(pid, 0)
        channel.send(_NUMBER.pack(os.waitstatus_to_exitcode(status)))
    os._exit(0)


def _become(order: dict[str, object], *streams: int) -> NoReturn:
    """Run the command as `python -m bot` does after all imports."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    match order:
        case {"args": list(args), "cwd": str(cwd), "env": dict(env)}:
            os.chdir(cwd)
            os.environ.clear()
            os.environ.update(env)
            sys.argv[1:] = args
            sys.path[0] = cwd
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    sys.stdin, sys.stdout = open(0, closefd=False), open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", errors="backslashreplace", closefd=False)  # noqa: SIM115
    code = _exit_code()
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for text in (sys.stdout, sys.stderr):
        text.flush()
    os._exit(code)  # Without taking all modules apart, which no command notices.


def _exit_code() -> int:
    try:
        runpy.run_module("bot", run_name="__main__", alter_sys=True)
    except SystemExit as error:
        if isinstance(error.code, str):
            print(error.code, file=sys.stderr)  # noqa: T201 - as Python does it
            return 1
        return error.code or 0
    except BaseException:  # noqa: BLE001 - as Python does it
        traceback.print_exc()
        return 1
    return 0


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
