"""The journal's upkeep, in steps that never hold the event loop for long.

Old rows are dropped in small batches. What waits for the disk is done in a thread, on a connection of its own: the WAL
is brought into the file, a large file is looked through for damage, and files that no row names are removed.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Iterable
from contextlib import closing
from functools import partial
from typing import TypeVar

import structlog

from .database import CHECKED_AT_START, connect, damage_of
from .journal import Journal

__all__ = ["UPKEEP_SECONDS", "Maintenance"]

UPKEEP_SECONDS = 10.0
"""How often the journal is looked after: 430,000 old rows a day, and a WAL of what is written in so long."""

INTERRUPT_SECONDS = 0.1
"""Until work that is to end is interrupted once more: its statement may not have begun the first time."""

T = TypeVar("T")

log = structlog.stdlib.get_logger("pool")


class Maintenance:
    """Looks after an open journal for as long as `run` does."""

    def __init__(self, journal: Journal) -> None:
        """Prepare; `run` does the work."""
        self._journal = journal
        self._changes = -1
        self._looked_through = journal.path.stat().st_size <= CHECKED_AT_START

    async def run(self) -> None:
        """Do what is to be done, again and again. What fails is logged, and tried again the next time."""
        while True:
            await asyncio.sleep(UPKEEP_SECONDS)
            try:
                await self._look_after()
            except Exception:  # an isolation boundary: a disk that is full must not end the bot
                log.exception("the journal could not be looked after")

    async def _look_after(self) -> None:
        self._journal.messages.prune()
        changes = self._journal.changes
        if changes != self._changes:
            await self._aside(partial(self._tidy, self._journal.trailers.unneeded()))
            self._changes = changes
        if not self._looked_through:
            self._looked_through = True
            damage = await self._aside(damage_of)
            if damage:
                self._journal.damaged(damage)

    def _tidy(self, unneeded: Iterable[str], db: sqlite3.Connection) -> None:
        self._journal.files.remove(unneeded)
        self._journal.files.sync()  # Before the rows that name them reach the disk for good.
        db.execute("PRAGMA wal_checkpoint(PASSIVE)")

    async def _aside(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Do work in a thread, with a connection of its own to the file. When this is cut off, so is the work."""
        with closing(connect(self._journal.path, lent=True)) as db:
            working = asyncio.ensure_future(asyncio.to_thread(work, db))
            try:
                await asyncio.wait([working])
            except asyncio.CancelledError:
                while not working.done():
                    db.interrupt()
                    await asyncio.wait([working], timeout=INTERRUPT_SECONDS)
                working.exception()  # Marks it as seen, whether it was cut off or done after all.
                raise
            return working.result()
