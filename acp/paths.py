"""Looks at directories that may not answer: a look at a network file system that is gone never ends."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from .errors import SpawnFailed

__all__ = ["ANSWER_SECONDS", "look"]

ANSWER_SECONDS = 10.0
"""How long a directory may take to answer: a disk that has to wake up, a network that is slow."""

# Their own: in the threads that all share, six directories that do not answer would keep everything else from being
# done. One waits for each directory, however many ask.
_threads = ThreadPoolExecutor(max_workers=64, thread_name_prefix="directories")
_looks: dict[tuple[asyncio.AbstractEventLoop, str, Path], asyncio.Future[Any]] = {}

_T = TypeVar("_T")


async def look(work: Callable[[Path], _T], directory: Path) -> _T:
    """Return what `work` says of a directory. Raises what it raises, and `SpawnFailed` after `ANSWER_SECONDS`."""
    loop = asyncio.get_running_loop()
    key = (loop, work.__qualname__, directory)
    looking = _looks.get(key)
    if looking is None:
        looking = _looks[key] = loop.run_in_executor(_threads, work, directory)
        looking.add_done_callback(partial(_looked, key))
    done, _ = await asyncio.wait([looking], timeout=ANSWER_SECONDS)
    if not done:
        raise SpawnFailed(f"the directory {directory} does not answer")
    found: _T = looking.result()
    return found


def _looked(key: tuple[asyncio.AbstractEventLoop, str, Path], looking: asyncio.Future[Any]) -> None:
    del _looks[key]
    if not looking.cancelled():
        looking.exception()  # Marks it as seen: every waiter may have given up.
