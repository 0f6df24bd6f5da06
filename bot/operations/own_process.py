"""The bot's own process: its protection, its limits, its child processes, and its garbage collection."""

import asyncio
import ctypes
import gc
import os
import resource
import sys

PR_SET_DUMPABLE = 4

FULL = 2
"""The generation whose collection looks at all objects that are not spared."""

THRESHOLDS = (700, 10, 4)
"""Python's own but for the last: a full collection after some 30,000 new objects takes 20 ms at most."""

MOST_SPARED = 400_000
"""Objects spared since the last look at all: twice those of a thousand conversations, some 50 MB."""

UNCOUNTED = 8
"""Full collections between two counts of the spared objects; a count takes as long as a collection."""


def protect_process() -> None:
    """Hide our environment from processes of the same user, and allow for many agents' pipes."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def watch_children() -> None:
    """On Python 3.11, watch child processes without a thread for each; later versions do so by themselves."""
    if sys.version_info < (3, 12) and hasattr(os, "pidfd_open"):
        watcher = asyncio.PidfdChildWatcher()
        watcher.attach_loop(asyncio.get_running_loop())
        asyncio.set_child_watcher(watcher)


def spare_collector() -> None:
    """Keep the present objects, and the survivors of each full collection, out of later collections.

    A collection holds the event loop while it looks at every object: 100 ms with a thousand conversations. A spared
    object is freed as soon as its last reference goes; only a cycle stays until the next look at all objects.
    """
    gc.set_threshold(*THRESHOLDS)
    gc.collect()
    gc.freeze()
    gc.callbacks.append(_SparingCallback())


class _SparingCallback:
    """Spares the survivors of a full collection, and has all objects looked at when they have become many more."""

    def __init__(self) -> None:
        self._most = gc.get_freeze_count() + MOST_SPARED
        self._left = UNCOUNTED
        self._at_all = False

    def __call__(self, phase: str, info: dict[str, int]) -> None:
        """Handle the start or end of a collection (`gc.callbacks`)."""
        if phase != "stop" or info["generation"] != FULL:
            return
        gc.freeze()
        self._left -= 1
        if self._at_all:
            self._at_all, self._left, self._most = False, UNCOUNTED, gc.get_freeze_count() + MOST_SPARED
        elif self._left <= 0:
            self._left = UNCOUNTED
            if gc.get_freeze_count() > self._most:
                gc.unfreeze()  # The next full collection looks at all objects.
                self._at_all = True
