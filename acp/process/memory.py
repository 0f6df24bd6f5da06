"""Measures the memory of agents: the resident pages of each agent's whole process tree."""

import os
from collections.abc import Iterable
from contextlib import suppress

import psutil


def resident(leaders: Iterable[int]) -> dict[int, int]:
    """Return the resident bytes of the sessions that these processes lead, by leader.

    Shared pages count for each process. Children that have left the session do not count. Blocks for milliseconds on a
    scan of all processes, so call it in a thread.
    """
    sums = dict.fromkeys(leaders, 0)
    try:
        pids = psutil.pids() if sums else []
    except OSError:  # A Linux without /proc.
        pids = []
    for pid in pids:
        with suppress(OSError, psutil.Error):  # It ended during the scan, or belongs to another user.
            if (leader := os.getsid(pid)) in sums:
                sums[leader] += psutil.Process(pid).memory_info().rss
    return sums
