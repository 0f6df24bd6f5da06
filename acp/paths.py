"""Runs file system work in threads with a time limit: a dead network file system never answers."""

import asyncio
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from acp.errors import SpawnFailed, StartProblem

ANSWER_SECONDS = 10.0
"""How long a directory may take to answer: a disk may have to spin up, a network may be slow."""

THREADS = 64
"""Threads of one kind of work, more than most machines have agents: each may hang for ever."""

# A pool of its own, because six directories that hang would fill the loop's shared threads. All callers of one
# directory share one thread.
_threads = ThreadPoolExecutor(THREADS, thread_name_prefix="directories")
_looks: dict[tuple[asyncio.AbstractEventLoop, str, Path], asyncio.Future[Any]] = {}

_T = TypeVar("_T")


async def look(work: Callable[[Path], _T], directory: Path) -> _T:
    """Run `work` on a directory in a thread. Raises what `work` raises, and `SpawnFailed` after `ANSWER_SECONDS`."""
    loop = asyncio.get_running_loop()
    key = (loop, work.__qualname__, directory)
    looking = _looks.get(key)
    if looking is None:
        looking = _looks[key] = loop.run_in_executor(_threads, work, directory)
        looking.add_done_callback(partial(_looked, key))
    done, _ = await asyncio.wait([looking], timeout=ANSWER_SECONDS)
    if not done:
        raise SpawnFailed(StartProblem.DIRECTORY_SILENT, str(directory))
    found: _T = looking.result()
    return found


def _looked(key: tuple[asyncio.AbstractEventLoop, str, Path], looking: asyncio.Future[Any]) -> None:
    del _looks[key]
    if not looking.cancelled():
        looking.exception()  # Marks it as retrieved: every waiter may have given up.


class Lanes:
    """Lanes of work in threads of their own. Work that hangs holds one thread, and blocks only its own lane."""

    def __init__(self, name: str) -> None:
        """Start with no work; `name` is the prefix of the threads' names."""
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix=name)
        self._working: dict[Hashable, asyncio.Future[Any]] = {}
        """The work at the head of each lane."""

    async def do(self, lane: Hashable, work: Callable[[], _T], seconds: float) -> _T:
        """Run `work` in a thread once the earlier work of its lane is done. Raises what `work` raises.

        Raises `TimeoutError` after `seconds`, the wait for earlier work included. Work that has begun continues then.
        """
        async with asyncio.timeout(seconds):
            while (before := self._working.get(lane)) is not None:
                await asyncio.wait([before])
            working = asyncio.get_running_loop().run_in_executor(self._threads, work)
            self._working[lane] = working
            working.add_done_callback(partial(self._done, lane))
            return await asyncio.shield(working)

    def _done(self, lane: Hashable, working: asyncio.Future[Any]) -> None:
        del self._working[lane]
        if not working.cancelled():
            working.exception()  # Marks it as retrieved: the waiter may have given up.
