"""Queues `/diff`: two comparisons at a time, and one for all requests about the same directory."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Final
from weakref import WeakValueDictionary

from bot.commands.git_safety import GitFailed

from .git_changes import Changes, read_changes

AT_ONCE: Final = 2
"""Comparisons that run at the same time: each keeps a core and the disk busy, up to some minutes."""


class DiffQueue:
    """The running comparisons and the next ones. A comparison serves all requests that came before its start."""

    def __init__(self) -> None:
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._places: WeakValueDictionary[Path, asyncio.Lock] = WeakValueDictionary()
        """One comparison at a time in each directory; an entry lives as long as a comparison runs or waits."""
        self._next: dict[tuple[Path, ...], asyncio.Future[Changes]] = {}
        """Comparisons that have not begun, by directory and `roots`: they will see every present change."""

    async def changes(self, directory: Path, roots: Sequence[Path]) -> Changes:
        """Call `read_changes` when a slot is free. Raises `GitFailed`."""
        key = (directory, *roots)
        if (coming := self._next.get(key)) is not None:
            return await asyncio.shield(coming)
        coming = self._next[key] = asyncio.get_running_loop().create_future()
        place = self._places.setdefault(directory, asyncio.Lock())
        try:
            try:
                async with place, self._slots:
                    del self._next[key]
                    found = await read_changes(directory, roots)
            finally:
                if self._next.get(key) is coming:
                    del self._next[key]
        except GitFailed as error:
            coming.set_exception(error)
            coming.exception()  # Retrieved, since there may be no other waiter.
            raise
        except BaseException:
            coming.cancel()
            raise
        coming.set_result(found)
        return found
