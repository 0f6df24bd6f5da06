"""Finds and stops the processes that an agent left behind, by its marker or its session.

Wrappers die before their children, and children leave the process group, so a signal to the group is not enough.
Every agent has `THREADLINE_AGENT=<journal id>/<n>` in its environment, which its descendants inherit. Linux only:
without /proc the signals to the group must do.
"""

import asyncio
import os
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TypeVar, TypeVarTuple, Unpack

import structlog

MARKER = "THREADLINE_AGENT"
"""Name of the environment variable that marks an agent and everything it starts."""

TERM_SECONDS = 1.0
"""Seconds between SIGTERM and SIGKILL."""

KILL_SECONDS = 0.5
"""How long the kernel may take after SIGKILL."""

ROUNDS = 4
"""How often to look for processes that were forked during the kills."""

LOOKS = 3
LOOK_SECONDS = 0.02
"""How often to look, and the pause, while none is found and some process shows no environment: one that is becoming
another program (execve(2)) shows none for a moment."""

_PROC = Path("/proc")

_PF_KTHREAD = 0x200000
"""The flag of the kernel's own threads, which never have an environment (include/linux/sched.h)."""

_threads = ThreadPoolExecutor(max_workers=4, thread_name_prefix="survivors")

_Args = TypeVarTuple("_Args")
_Result = TypeVar("_Result")

log = structlog.stdlib.get_logger("acp")


async def end_survivors(marker: str, *, leader: int | None = None, gently: bool = True) -> int:
    """End all processes of this user with this marker, and those of the session that `leader` led.

    A marker that ends in `/` matches all markers that begin with it. Sends SIGTERM first if `gently`, then SIGKILL
    until none is found. Returns how many it found at first. Bounded by `TERM_SECONDS + ROUNDS * KILL_SECONDS`.
    """
    found = await in_thread(_open_all, marker, leader)
    count = len(found)
    if found and gently:
        await _signal_and_wait(found, signal.SIGTERM, TERM_SECONDS)
        found = await in_thread(_open_all, marker, leader)
    for _ in range(ROUNDS):
        if not found:
            return count
        await _signal_and_wait(found, signal.SIGKILL, KILL_SECONDS)
        found = await in_thread(_open_all, marker, leader)
    for pidfd in found:
        os.close(pidfd)
    if found:
        log.error("processes of an agent survive SIGKILL", marker=marker, count=len(found))
    return count


async def in_thread(work: Callable[[Unpack[_Args]], _Result], *args: *_Args) -> _Result:
    """Run `work` in a thread of a pool of its own, which a hanging file system cannot fill."""
    return await asyncio.get_running_loop().run_in_executor(_threads, work, *args)


def start_time(pid: int) -> int | None:
    """Return the start of process `pid`, in ticks since boot, which tells it from a later one with the same pid.

    Returns None without the process, or without /proc.
    """
    try:
        return int(stat_fields(f"{_PROC}/{pid}")[19])
    except OSError:
        return None


def stat_fields(path: str) -> list[bytes]:
    """Read the fields after the command's closing bracket: state, parent, group, session ... (proc_pid_stat(5))."""
    return Path(path, "stat").read_bytes().rpartition(b")")[2].split()


async def _signal_and_wait(pidfds: list[int], number: signal.Signals, seconds: float) -> None:
    """Signal the processes and wait until they are dead. Closes the descriptors."""
    loop = asyncio.get_running_loop()
    dead = asyncio.Event()
    waiting = set(pidfds)

    def died(pidfd: int) -> None:
        loop.remove_reader(pidfd)
        waiting.discard(pidfd)
        if not waiting:
            dead.set()

    for pidfd in pidfds:
        loop.add_reader(pidfd, died, pidfd)
        try:
            signal.pidfd_send_signal(pidfd, number)
        except OSError:
            died(pidfd)  # It ended, or became another user's: the next scan will tell.
    try:
        async with asyncio.timeout(seconds):
            await dead.wait()
    except TimeoutError:
        pass
    finally:
        for pidfd in pidfds:
            loop.remove_reader(pidfd)
            os.close(pidfd)


def _open_all(marker: str, leader: int | None) -> list[int]:
    """Open a pidfd for each match. Matches again after opening, so that a reused pid is never taken for it."""
    found: list[int] = []
    if not _PROC.is_dir() or not hasattr(os, "pidfd_open"):
        return found
    matches = _matcher(marker, leader)
    for pause in (*[LOOK_SECONDS] * (LOOKS - 1), None):
        unclear = False
        for path in _own_processes():
            try:
                if not matches(path):
                    continue
                pidfd = os.pidfd_open(int(Path(path).name))
            except _ShowsNone:
                unclear = True
                continue
            except OSError:
                continue  # It ended during the scan.
            if _still(matches, path):
                found.append(pidfd)
            else:
                os.close(pidfd)
        if found or not unclear or pause is None:
            break
        time.sleep(pause)
    return found


def _own_processes() -> Iterator[str]:
    own = os.getuid()
    for entry in os.scandir(_PROC):
        with suppress(OSError):  # It ended during the scan.
            if entry.name.isdecimal() and entry.stat().st_uid == own:
                yield entry.path


def _still(matches: Callable[[str], bool], path: str) -> bool:
    try:
        return matches(path)
    except OSError:
        return False


class _ShowsNone(OSError):
    """A process shows no environment."""


def _matcher(marker: str, leader: int | None) -> Callable[[str], bool]:
    """Build the test of one process, which raises OSError when it is gone. Never matches our own or a dead one."""
    wanted = f"\0{MARKER}={marker}".encode()
    if not marker.endswith("/"):
        wanted += b"\0"
    own = f"{_PROC}/{os.getpid()}"

    def matches(path: str) -> bool:
        if path == own:
            return False
        fields = stat_fields(path)
        if fields[0] in b"ZX":
            return False
        if leader is not None and int(fields[3]) == leader:
            return True
        environ = Path(path, "environ").read_bytes()
        if not environ and not int(fields[6]) & _PF_KTHREAD:
            raise _ShowsNone
        return wanted in b"\0" + environ

    return matches
