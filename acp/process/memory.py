"""Measures the memory of agents: the resident pages of each agent's whole process tree."""

import os
from collections.abc import Iterable
from contextlib import suppress

import psutil

__all__ = ["resident"]


def resident(leaders: Iterable[int]) -> dict[int, int]:
    """Return the resident bytes of the sessions that these processes lead, by leader.

    Pages that processes share are counted for each. Looks at every process, which blocks for milliseconds: call it in a
    thread. A child that has left the session is not counted.
    """
    sums = dict.fromkeys(leaders, 0)
    try:
        pids = psutil.pids() if sums else []
    except OSError:  # A Linux without /proc.
        pids = []
    for pid in pids:
        with suppress(OSError, psutil.Error):  # It ended while we looked, or is not ours to look at.
            if (leader := os.getsid(pid)) in sums:
                sums[leader] += psutil.Process(pid).memory_info().rss
    return sums
