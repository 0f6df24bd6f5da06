"""A server program that tests start, wait for, freeze, kill and end."""

import os
import signal
import socket
import subprocess
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import psutil

BOUND: Final = 60.0
"""Bound of a server's start and of its end in seconds, which only catches hangs."""

TICK: Final = 0.1
"""How often a server's readiness is looked at, in seconds."""

SHOWN: Final = 2000
"""How many of the log's last characters a failure shows."""


class Daemon:
    """A server in the foreground of a session of its own. What it writes goes into `<folder>/<name>.log`."""

    def __init__(self, name: str, argv: Sequence[str], folder: Path, env: Mapping[str, str] | None = None) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(env or {})},
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """Its process id, also after its end."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._process.poll() is None

    def says(self, words: str) -> bool:
        """Whether its log has these words."""
        return words in self.log.read_text("utf-8", "replace")

    def until(self, ready: Callable[[], bool]) -> None:
        """Wait until it is ready. Raises AssertionError with the log's end when it ends first or takes too long."""
        for _ in range(int(BOUND / TICK)):
            if ready():
                return
            with suppress(subprocess.TimeoutExpired):
                status = self._process.wait(TICK)
                raise AssertionError(f"{self.name} ended with {status}:\n{self.log.read_text()[-SHOWN:]}")
        raise AssertionError(f"{self.name} was not ready within {BOUND:g} s:\n{self.log.read_text()[-SHOWN:]}")

    def below(self) -> list[psutil.Process]:
        """Return the processes that it started, and those which these started."""
        try:
            return psutil.Process(self.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return []

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal, if it runs."""
        self._process.send_signal(number)

    def kill(self) -> None:
        """Kill it alone: what it started stays."""
        self._process.kill()
        self._process.wait(BOUND)

    def stop(self) -> None:
        """End it as an administrator would; kill it if that takes too long."""
        self._process.send_signal(signal.SIGCONT)
        self._process.terminate()
        try:
            self._process.wait(BOUND)
        except subprocess.TimeoutExpired:
            self.kill()


def runs(process: psutil.Process) -> bool:
    """Whether a process runs. One that has ended stays in the table until its parent, or process 1, asks for it."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def end(processes: Iterable[psutil.Process]) -> None:
    """Kill processes at one moment, so that none learns of another's end, and wait for theirs."""
    left = list(processes)
    for number in (signal.SIGSTOP, signal.SIGKILL):
        for process in left:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(number)
    for _ in range(int(BOUND / TICK)):
        left = [process for process in left if runs(process)]
        if not left:
            return
        psutil.wait_procs(left, TICK)
    raise AssertionError(f"these did not end within {BOUND:g} s: {left}")


def with_ids(pids: Iterable[int]) -> list[psutil.Process]:
    """Return the processes with these ids that exist."""
    found = []
    for pid in pids:
        with suppress(psutil.NoSuchProcess):
            found.append(psutil.Process(pid))
    return found


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 that was free a moment ago: these servers cannot choose one themselves."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
