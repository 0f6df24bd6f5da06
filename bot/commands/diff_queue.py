"""Queues `/diff`: two comparisons at a time, and one for all who ask about the same directory."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Final
from weakref import WeakValueDictionary

from .git_changes import Changes, GitFailed, read_changes

__all__ = ["DiffQueue"]

AT_ONCE: Final = 2
"""Comparisons that run at the same time: each keeps a core and the disk busy, for up to some minutes."""


class DiffQueue:
    """What runs, and what is to run next. A comparison serves all who asked for it before it began."""

    def __init__(self) -> None:
        """Start empty."""
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._places: WeakValueDictionary[Path, asyncio.Lock] = WeakValueDictionary()
        """What keeps others out of a directory, for as long as somebody is in there or waits."""
        self._next: dict[tuple[Path, ...], asyncio.Future[Changes]] = {}
        """By directory and `roots` what has not begun: it will see all that is there now."""

    async def changes(self, directory: Path, roots: Sequence[Path]) -> Changes:
        """Look at a directory as `read_changes` does, when it is its turn. Raises `GitFailed`."""
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
            coming.exception()  # Marks it as seen: there may be no other waiter.
            raise
        except BaseException:
            coming.cancel()
            raise
        coming.set_result(found)
        return found
