"""Reads figures of a process from the kernel: CPU time, memory, bytes written, children. Linux only (proc(5))."""

import os
from pathlib import Path
from typing import Final

__all__ = ["children", "cpu_seconds", "having", "peak_rss", "rss", "written"]

_PARENT, _USER, _SYSTEM = 1, 11, 12
"""Places in /proc/PID/stat behind the name, counted from 0."""

_KIB: Final = 1024


def _stat(pid: int | str) -> list[str]:
    text = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace")
    return text.rpartition(")")[2].split()  # The name may hold anything, a parenthesis included.


def cpu_seconds(pid: int) -> float:
    """User and system time of the process so far, its children's excluded; in steps of 10 ms."""
    fields = _stat(pid)
    return (int(fields[_USER]) + int(fields[_SYSTEM])) / os.sysconf("SC_CLK_TCK")


def rss(pid: int) -> int:
    """Resident bytes now."""
    return _status(pid, "VmRSS")


def peak_rss(pid: int) -> int:
    """The most resident bytes so far."""
    return _status(pid, "VmHWM")


def _status(pid: int, name: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text("utf-8", "replace").splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * _KIB
    raise LookupError(f"process {pid} has no {name}")


def written(pid: int) -> int:
    """Bytes that the process has handed to write() and its like."""
    for line in Path(f"/proc/{pid}/io").read_text("utf-8").splitlines():
        if line.startswith("wchar:"):
            return int(line.split()[1])
    raise LookupError(f"process {pid} has no wchar")


def children(pid: int) -> list[int]:
    """The pids of the process's living children."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = _stat(folder.name)
        except OSError:  # It ended meanwhile.
            continue
        if int(fields[_PARENT]) == pid and fields[0] != "Z":
            found.append(int(folder.name))
    return sorted(found)


def having(variable: str) -> list[int]:
    """The pids of the living processes in whose environment stands something that begins with `variable` (`A=b`)."""
    found, wanted = [], b"\0" + variable.encode()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if wanted in b"\0" + (folder / "environ").read_bytes() and _stat(folder.name)[0] not in "ZX":
                found.append(int(folder.name))
        except OSError:  # It ended meanwhile, or is another user's.
            continue
    return sorted(found)
