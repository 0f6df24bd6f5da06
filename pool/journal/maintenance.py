"""The journal's maintenance, in steps that never block the event loop for long.

Old rows are deleted in small batches. A thread with its own connection does what waits for the disk: the checkpoint of
the WAL, the check of a large file for damage, and the removal of unneeded attachment files.
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

UPKEEP_SECONDS = 10.0
"""How often maintenance runs: it deletes up to 430,000 rows a day, and the WAL grows for this long."""

INTERRUPT_SECONDS = 0.1
"""How long until the next interrupt of cancelled work, whose statement may not have begun at the first one."""

T = TypeVar("T")

log = structlog.stdlib.get_logger("pool")


class Maintenance:
    """Maintains an open journal."""

    def __init__(self, journal: Journal) -> None:
        """`run` does the work."""
        self._journal = journal
        self._changes = -1
        self._looked_through = journal.path.stat().st_size <= CHECKED_AT_START

    async def run(self) -> None:
        """Maintain the journal until cancelled. A failed step is logged, and repeated the next time."""
        while True:
            await asyncio.sleep(UPKEEP_SECONDS)
            try:
                await self._look_after()
            except Exception:  # an isolation boundary: a full disk must not end the bot
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
        self._journal.files.sync()  # Before the checkpoint of the rows that name them.
        db.execute("PRAGMA wal_checkpoint(PASSIVE)")

    async def _aside(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Do work in a thread, with its own connection to the file. A cancel interrupts the work."""
        with closing(connect(self._journal.path, lent=True)) as db:
            working = asyncio.ensure_future(asyncio.to_thread(work, db))
            try:
                await asyncio.wait([working])
            except asyncio.CancelledError:
                while not working.done():
                    db.interrupt()
                    await asyncio.wait([working], timeout=INTERRUPT_SECONDS)
                working.exception()  # Marks a possible error as retrieved.
                raise
            return working.result()
