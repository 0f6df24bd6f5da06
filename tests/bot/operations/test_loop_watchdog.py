"""A loop that hangs ends the process, with every stack in the log; passing time alone does not."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import structlog
from structlog.testing import capture_logs

from bot.operations import loop_watchdog as watchdog
from bot.operations.loop_watchdog import LAST_ROUNDS, WARNING_ROUNDS, LoopWatchdog
from tests.support.virtual_time import step

BOUND = 60.0
"""A bound that only catches hangs."""

CHILD = '''
import asyncio, os, re, signal, sys
from bot.operations import logs
from bot.operations import loop_watchdog as watchdog
logs.configure()
watchdog.ROUND_SECONDS = 0.05

def hold_the_loop():
    while True:
        pass

def hold_the_interpreter():
    re.match("(a|a)*$", "a" * 60 + "b")

def stop_this_process():
    """While the watchdog waits for the loop; go on when it has looked once more."""
    while watching._answered:
        pass
    os.kill(os.getpid(), signal.SIGSTOP)
    rounds = watching._silent_rounds
    while watching._silent_rounds == rounds:
        pass
    print("still here", flush=True)

async def work():
    global watching
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    with watchdog.LoopWatchdog() as watching:
        async for line in reader:
            word = line.decode().strip()
            if word == "end":
                return
            globals().get(word, lambda: print(word, flush=True))()

asyncio.run(work())
'''


@contextmanager
def child() -> Iterator[subprocess.Popen[str]]:
    """Start a process that obeys its stdin, under a watchdog with short rounds."""
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", CHILD], stdin=pipe, stdout=pipe, stderr=pipe, text=True) as process:
        try:
            assert say(process, "hello") == "hello"
            yield process
        finally:
            process.kill()


def say(process: subprocess.Popen[str], word: str) -> str:
    """Send a line; return the line that comes back."""
    assert process.stdin is not None
    assert process.stdout is not None
    print(word, file=process.stdin, flush=True)
    return process.stdout.readline().strip()


def test_a_held_loop_ends_the_process_with_every_stack_in_the_log() -> None:
    """Exit code 1 lets a supervisor start it again; the line names the function."""
    with child() as process:
        _, stderr = process.communicate("hold_the_loop\n", timeout=BOUND)
        assert process.returncode == 1
        assert "the event loop is stuck, so the process ends" in stderr
        assert "in hold_the_loop" in stderr
        assert "thread MainThread" in stderr
        assert "thread watchdog" in stderr


def test_a_held_interpreter_ends_the_process_with_every_stack_on_stderr() -> None:
    """Python threads cannot run then."""
    with child() as process:
        _, stderr = process.communicate("hold_the_interpreter\n", timeout=BOUND)
        assert process.returncode == -signal.SIGPROF
        assert "in hold_the_interpreter" in stderr


def test_a_process_that_was_stopped_for_longer_than_the_bound_continues() -> None:
    """Another process, held since the stop, has ended in that time: so the stop was longer than the bound."""
    with child() as stopped, child() as held:
        assert stopped.stdin is not None
        print("stop_this_process", file=stopped.stdin, flush=True)
        os.waitpid(stopped.pid, os.WUNTRACED)
        held.communicate("hold_the_loop\n", timeout=BOUND)
        assert held.returncode == 1
        stopped.send_signal(signal.SIGCONT)
        stdout, stderr = stopped.communicate("end\n", timeout=BOUND)
        assert (stopped.returncode, stdout, stderr) == (0, "still here\n", "")


async def test_rounds_without_a_sign_are_counted_from_the_last_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """One warning, one end; an answer in time resets the count."""
    monkeypatch.setattr(watchdog, "ROUND_SECONDS", BOUND)
    ends: list[int] = []
    with capture_logs() as lines, LoopWatchdog(ends.append) as watching:
        for _ in range(LAST_ROUNDS):
            watching.make_round()
        assert [line["event"] for line in lines] == ["the event loop is stuck"]
        await step()
        lines.clear()
        for _ in range(WARNING_ROUNDS + 1):
            watching.make_round()
        assert ends == []
        (line,) = lines
        assert "test_rounds_without_a_sign" in line["stack"]
        for _ in range(LAST_ROUNDS - WARNING_ROUNDS):
            watching.make_round()
        assert ends == [1]


async def test_a_blocked_log_does_not_keep_the_process_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    """The log itself may hold the loop, such as a pipe without a reader."""
    never, ends = threading.Event(), list[int]()

    def block(*_: Any) -> Any:
        never.wait()
        raise structlog.DropEvent

    monkeypatch.setattr(watchdog, "ROUND_SECONDS", BOUND)
    monkeypatch.setattr(watchdog, "WRITE_SECONDS", 0.01)
    monkeypatch.setattr(watchdog, "log", structlog.wrap_logger(None, processors=[block]))
    with LoopWatchdog(ends.append) as watching:
        for _ in range(LAST_ROUNDS + 1):
            watching.make_round()
        assert ends == [1]
    never.set()
