"""This process itself: what it hides and may open, how it learns of its children's ends, what it collects."""

import asyncio
import ctypes
import gc
import os
import resource
import sys

__all__ = ["protect_process", "spare_collector", "watch_children"]

PR_SET_DUMPABLE = 4


def protect_process() -> None:
    """Hide our environment from processes of the same user, and allow for many agents' pipes."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def watch_children() -> None:
    """On Python 3.11, watch child processes without a thread for each; later Pythons do so by themselves."""
    if sys.version_info < (3, 12) and hasattr(os, "pidfd_open"):
        watcher = asyncio.PidfdChildWatcher()
        watcher.attach_loop(asyncio.get_running_loop())
        asyncio.set_child_watcher(watcher)


def spare_collector() -> None:
    """Keep what is loaded by now out of all later garbage collections: each would hold the event loop for it."""
    gc.collect()
    gc.freeze()
