"""Runs file system work in threads with a time limit: a dead network file system never answers."""

import asyncio
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from acp.errors import SpawnFailed

__all__ = ["ANSWER_SECONDS", "Lanes", "look"]

ANSWER_SECONDS = 10.0
"""How long a directory may take to answer: a disk that has to wake up, a network that is slow."""

THREADS = 64
"""Threads of one kind of work, more than there are agents on most machines: each may wait for ever."""

# Their own: in the threads that all share, six directories that do not answer would keep everything else from being
# done. One waits for each directory, however many ask.
_threads = ThreadPoolExecutor(THREADS, thread_name_prefix="directories")
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


class Lanes:
    """Lanes of work in threads that no other work uses. What does not end holds one thread, and only its own lane."""

    def __init__(self, name: str) -> None:
        """Start with no work; `name` is that of the threads."""
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix=name)
        self._working: dict[Hashable, asyncio.Future[Any]] = {}
        """The work at the head of each lane."""

    async def do(self, lane: Hashable, work: Callable[[], _T], seconds: float) -> _T:
        """Return what `work` returns, once the earlier work of its lane is done. Raises what it raises.

        Raises `TimeoutError` after `seconds`, also where the earlier work does not end. The work goes on then.
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
            working.exception()  # Marks it as seen: whoever waited may have given up.
