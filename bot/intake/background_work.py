"""Work that commands begin and that outlasts their answer, in tasks of the application."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import structlog

log = structlog.stdlib.get_logger("bot")


class BackgroundWork:
    """Runs the work while `run` runs; a stop of the bot cancels it."""

    def __init__(self) -> None:
        """Begin without work."""
        self._tasks = asyncio.TaskGroup()
        self._running = asyncio.Event()

    async def run(self) -> None:
        """Run what `start` gets, until cancelled."""
        async with self._tasks:
            self._running.set()
            await asyncio.get_running_loop().create_future()  # The application cancels this.

    async def start(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Start work, whose errors are logged."""
        await self._running.wait()
        isolated = self._isolated(work, name)
        try:
            self._tasks.create_task(isolated, name=name)
        except RuntimeError:  # The bot stops: what is written down is left for its next start.
            isolated.close()
            work.close()

    async def _isolated(self, work: Coroutine[Any, Any, None], name: str) -> None:
        try:
            await work
        except Exception:  # an isolation boundary: one piece of work must not end the others
            log.exception("work in the background failed", work=name)
