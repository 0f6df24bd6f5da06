"""Queues `/diff`: two comparisons at a time, and one for all requests about the same directory."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Final
from weakref import WeakValueDictionary

from acp import Place
from acp.process.sandbox import Sandbox
from bot.commands.git_safety import GitFailed

from .far_git_changes import read_far_changes
from .git_changes import Changes, read_changes

AT_ONCE: Final = 2
"""Comparisons that run at the same time: each keeps a core and the disk busy, up to some minutes."""


class DiffQueue:
    """The running comparisons and the next ones. A comparison serves all requests that came before its start."""

    def __init__(self) -> None:
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._places: WeakValueDictionary[tuple[str, Path], asyncio.Lock] = WeakValueDictionary()
        """One comparison at a time in each directory; an entry lives as long as a comparison runs or waits."""
        self._next: dict[tuple[str, tuple[Path, ...]], asyncio.Future[Changes]] = {}
        """Comparisons that have not begun, by place, directory and `roots`: they will see every present change."""

    async def changes(
        self, place: Place, directory: Path, roots: Sequence[Path], sandbox: Sandbox | None = None
    ) -> Changes:
        """Compare a directory at `place` when a slot is free; see `read_changes`. Raises `GitFailed`."""
        key = (place.name, (directory, *roots))
        if (coming := self._next.get(key)) is not None:
            return await asyncio.shield(coming)
        coming = self._next[key] = asyncio.get_running_loop().create_future()
        lock = self._places.setdefault((place.name, directory), asyncio.Lock())
        try:
            try:
                async with lock, self._slots:
                    del self._next[key]
                    near = place.near
                    comparing = read_changes(directory, roots, sandbox) if near else read_far_changes(place, directory)
                    found = await comparing
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
