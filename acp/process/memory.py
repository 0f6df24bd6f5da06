"""How much memory agents use: the resident pages of each agent's whole process tree. Linux only; elsewhere nothing."""

import os
from collections.abc import Iterable
from pathlib import Path

from .orphans import stat_fields

__all__ = ["resident"]

_PROC = Path("/proc")


def resident(leaders: Iterable[int]) -> dict[int, int]:
    """Return the resident bytes of the sessions that these processes lead, by leader.

    Pages that processes share are counted for each. Reads /proc once, which blocks for milliseconds: call it in a
    thread. A child that has left the session is not counted.
    """
    sums = dict.fromkeys(leaders, 0)
    page = os.sysconf("SC_PAGE_SIZE")
    if not sums or not _PROC.is_dir():
        return sums
    for entry in os.scandir(_PROC):
        if not entry.name.isdecimal():
            continue
        try:
            fields = stat_fields(entry.path)
        except OSError:
            continue  # It ended while we looked.
        leader = int(fields[3])  # Its session; the resident pages are the 22nd field.
        if leader in sums:
            sums[leader] += int(fields[21]) * page
    return sums
