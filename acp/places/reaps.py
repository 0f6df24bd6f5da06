"""The jobs of a place whose end is not certain. They are ended in the background, however long the place is away."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, cast

import structlog

from acp.errors import AcpError

from .engine import Job

REAP_PAUSE: Final = 5.0
"""Between the first two tries to end a job, in seconds. Each further pause is twice as long, ..."""

MAX_PAUSE: Final = 300.0
"""... up to this one."""

COMMANDS: Final = 2
"""Commands that end jobs at the same time: one may wait for a minute for a job that hangs."""

BATCH: Final = 100
"""Jobs that are ended by one command. Their names are one argument of it."""

MAX_JOBS: Final = 2000
"""Jobs that are remembered: twice the most agents of a place."""

CLOSE_SECONDS: Final = 5.0
"""How long the commands in progress may take when the program ends. At a place that answers one takes a second."""

log = structlog.stdlib.get_logger("acp")


class Reaps:
    """Ends jobs until their end is confirmed, many of them in one command."""

    def __init__(self, place: str, reap: Callable[[Sequence[Job]], Awaitable[object]]) -> None:
        """`reap` ends jobs, and raises where that is not certain. It gets alone what stands for all of earlier runs."""
        self._place = place
        self._reap = reap
        self._unconfirmed: dict[Job, asyncio.Event] = {}
        self._due: dict[Job, float] = {}
        """Those to be ended now, each with the pause that follows a failure."""
        self._workers: set[asyncio.Task[None]] = set()

    def end(self, job: Job) -> asyncio.Event:
        """Begin to end a job. Return what is set once its end is certain."""
        confirmed = self._unconfirmed.setdefault(job, asyncio.Event())
        if len(self._unconfirmed) > MAX_JOBS:
            oldest = next(iter(self._unconfirmed))
            del self._unconfirmed[oldest]
            self._due.pop(oldest, None)
            log.warning("too many jobs cannot be ended: the next run will end it", place=self._place, job=oldest.name)
        self._try({job: REAP_PAUSE})
        return confirmed

    def _try(self, jobs: dict[Job, float]) -> None:
        """Make jobs due, unless they are forgotten."""
        self._due.update({job: pause for job, pause in jobs.items() if job in self._unconfirmed})
        if self._due and len(self._workers) < COMMANDS:
            self._workers.add(asyncio.create_task(self._work(), name=f"end of jobs at {self._place}"))

    async def close(self) -> None:
        """Let the commands in progress end, within a bound, and begin no other: the next run ends what is left."""
        if self._workers:
            await asyncio.wait(self._workers, timeout=CLOSE_SECONDS)
        self._unconfirmed.clear()
        for worker in self._workers:
            worker.cancel()
        if self._workers:
            await asyncio.wait(self._workers)

    async def _work(self) -> None:
        worker = cast("asyncio.Task[None]", asyncio.current_task())
        try:
            while self._due and not worker.cancelling():  # A client may turn a cancel into its own error.
                await self._end_all(self._take())
        finally:
            self._workers.discard(worker)  # In the same step as the last look at what is due.

    async def _end_all(self, jobs: dict[Job, float]) -> None:
        try:
            await self._reap([*jobs])
        except Exception as error:  # an isolation boundary: the others must be ended too
            unexpected = not isinstance(error, AcpError)
            log.info("the end of jobs is not confirmed", place=self._place, reason=str(error), exc_info=unexpected)
            self._try_later(jobs)
        else:
            for job in jobs:
                if (confirmed := self._unconfirmed.pop(job, None)) is not None:
                    confirmed.set()

    def _take(self) -> dict[Job, float]:
        first = next(iter(self._due))
        jobs = [first] if first.is_prefix else [job for job in self._due if not job.is_prefix][:BATCH]
        return {job: self._due.pop(job) for job in jobs}

    def _try_later(self, jobs: dict[Job, float]) -> None:
        """Try again after the pause of the newest: it has failed least often, and a stop may wait for it."""
        later = {job: min(2 * pause, MAX_PAUSE) for job, pause in jobs.items()}
        asyncio.get_running_loop().call_later(min(jobs.values()), self._try, later)
