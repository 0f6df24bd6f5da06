"""Measures the memory of agents: the resident pages of each agent's whole process tree."""

import os
from collections.abc import Iterable, Mapping
from contextlib import suppress

from .orphans import stat_fields


def resident(leaders: Iterable[int]) -> dict[int, int]:
    """Return the resident bytes of the sessions that these processes lead, by leader.

    Shared pages count for each process. On Linux a child that has left the session counts as long as its parents live;
    in a sandbox they live as long as the agent. Blocks for milliseconds on a scan of all processes, so call it in a
    thread.
    """
    import psutil  # noqa: PLC0415 - 0.9 MB, and only a limit of memory or the metrics need it; a thread loads it

    sums = dict.fromkeys(leaders, 0)
    try:
        pids = psutil.pids() if sums else []
    except OSError:  # A Linux without /proc.
        pids = []
    sessions: dict[int, int] = {}
    parents: dict[int, int] = {}
    for pid in pids:
        with suppress(OSError):  # It ended during the scan, or belongs to another user.
            sessions[pid] = os.getsid(pid)
            if sessions[pid] not in sums:
                parents[pid] = int(stat_fields(f"/proc/{pid}")[1])
    for pid in sessions:
        with suppress(psutil.Error):
            if (leader := sessions.get(_ancestor(pid, parents), 0)) in sums:
                sums[leader] += psutil.Process(pid).memory_info().rss
    return sums


def _ancestor(pid: int, parents: Mapping[int, int]) -> int:
    """Return the closest process above, or this one, that has no entry among the parents."""
    for _ in parents:  # A number that was used again during the scan could lead into a circle.
        if pid not in parents:
            break
        pid = parents[pid]
    return pid
