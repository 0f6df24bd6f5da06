"""Reads a process's CPU time, memory, bytes written and children from the kernel. Linux only (proc(5))."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import psutil

_KIB: Final = 1024


def cpu_seconds(pid: int) -> float:
    """Return the user and system time of the process without its children, in steps of 10 ms."""
    times = psutil.Process(pid).cpu_times()
    return times.user + times.system


def rss(pid: int) -> int:
    """Return the resident bytes."""
    return psutil.Process(pid).memory_info().rss


def peak_rss(pid: int) -> int:
    """Return the peak of resident bytes, which psutil does not have on Linux."""
    found = re.search(r"^VmHWM:\s*(\d+)", Path(f"/proc/{pid}/status").read_text("utf-8", "replace"), re.MULTILINE)
    if found is None:
        raise LookupError(f"process {pid} has no VmHWM")
    return int(found[1]) * _KIB


def pss(pid: int) -> int:
    """Return the resident bytes, each shared page divided by the number of processes that share it."""
    return psutil.Process(pid).memory_full_info().pss


def written(pid: int) -> int:
    """Return the bytes that the process has passed to write() and the like."""
    return psutil.Process(pid).io_counters().write_chars


def children(pid: int) -> list[int]:
    """Return the pids of the process's living children."""
    return [each.pid for each in _living("ppid") if each.info["ppid"] == pid]


def descendants(pid: int) -> list[int]:
    """Return the pids of the process's living children, and of theirs."""
    return [each.pid for each in psutil.Process(pid).children(recursive=True)]


def having(variable: str) -> list[int]:
    """Return the pids of living processes with an environment variable that begins with `variable` (`A=b`)."""
    name, _, value = variable.partition("=")
    return [each.pid for each in _living("environ") if (each.info["environ"] or {}).get(name, "").startswith(value)]


def _living(attribute: str) -> Iterator[psutil.Process]:
    """Yield the living processes with this attribute in their `info`, None for other users' processes."""
    dead = {psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD}
    return (each for each in psutil.process_iter([attribute, "status"]) if each.info["status"] not in dead)
