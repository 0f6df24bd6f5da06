"""One schedule of Discord writes for the whole bot.

Discord counts per channel and in all; whoever writes faster waits inside the library, or is refused. So writes ask
here first. Each names its urgency, and the text is read when the write happens, not when it was asked for: however
slow Discord is, the newest text wins.

Figures: 5 sends or edits per 5 s and channel (sends and edits share the budget, because the library merges their
buckets), 50 requests a second in all (Discord, Rate Limits).
"""

import asyncio
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum

import structlog

__all__ = ["Job", "Pacer", "Urgency"]

CHANNEL_WRITES = 5
CHANNEL_SECONDS = 5.0
"""What Discord grants a channel."""

TOTAL_WRITES = 45
TOTAL_SECONDS = 1.0
"""A little less than what Discord grants the bot: interaction answers are not scheduled here."""

EDIT_SECONDS = 1.3
"""Between two edits of a live reply. At this cadence the library never waits for a bucket."""

log = structlog.stdlib.get_logger("bot")


class Urgency(IntEnum):
    """In this order writes are made; within one urgency the oldest first."""

    FIRST = 0
    FINAL = 1
    NOTICE = 2
    EDIT = 3
    SIGN = 4


@dataclass(eq=False, slots=True)
class Job:
    """A write that may be asked for again and again; at most one is in flight. `perform` must not raise.

    `channel_id` is None for calls that do not count in a channel's budget of messages.
    """

    channel_id: int | None
    perform: Callable[[], Awaitable[None]]
    urgency: Urgency
    since: float = 0.0
    not_before: float = 0.0
    waiting: bool = field(default=False, init=False)
    in_flight: bool = field(default=False, init=False)


class Pacer:
    """The schedule; `run` performs it."""

    def __init__(self) -> None:
        """Start with nothing to do."""
        self._jobs: list[Job] = []
        self._channels: defaultdict[int, deque[float]] = defaultdict(lambda: deque(maxlen=CHANNEL_WRITES))
        self._total: deque[float] = deque(maxlen=TOTAL_WRITES)
        self._wake = asyncio.Event()
        self._flying = 0

    def __repr__(self) -> str:
        """Read like a status line."""
        return f"<Pacer {len(self._jobs)} waiting, {self._flying} in flight>"

    def put(self, job: Job, *, delay: float = 0.0) -> None:
        """Ask for a write, at the earliest after `delay` seconds. One that waits already keeps its place."""
        if not job.waiting:
            now = asyncio.get_running_loop().time()
            job.waiting = True
            job.since = now
            job.not_before = now + delay
            self._jobs.append(job)
        self._wake.set()

    async def admit(self, channel_id: int | None, urgency: Urgency) -> None:
        """Return when the caller's turn for one call has come; the call is to be made at once."""
        admitted = asyncio.Event()

        async def perform() -> None:
            admitted.set()

        self.put(Job(channel_id, perform, urgency))
        await admitted.wait()

    async def run(self) -> None:
        """Perform the schedule until cancelled."""
        loop = asyncio.get_running_loop()
        async with asyncio.TaskGroup() as tasks:
            while True:
                self._wake.clear()
                job, wait = self._next(loop.time())
                if job is not None:
                    self._begin(job, loop.time())
                    tasks.create_task(self._perform(job), name=f"write-{job.channel_id}")
                    continue
                try:
                    async with asyncio.timeout(wait):
                        await self._wake.wait()
                except TimeoutError:
                    pass

    def _next(self, now: float) -> tuple[Job | None, float | None]:
        """Choose what to write now; else say how long nothing can be, None for ever."""
        total = _wait(self._total, TOTAL_WRITES, TOTAL_SECONDS, now)
        best: Job | None = None
        soonest: float | None = None
        for job in self._jobs:
            if job.in_flight:
                continue
            wait = max(total, self._job_wait(job, now))
            if wait > 0:
                soonest = wait if soonest is None else min(soonest, wait)
            elif best is None or (job.urgency, job.since) < (best.urgency, best.since):
                best = job
        return best, soonest

    def _job_wait(self, job: Job, now: float) -> float:
        wait = job.not_before - now
        if job.channel_id is None:
            return wait
        writes = self._channels.get(job.channel_id, ())
        if job.urgency is not Urgency.EDIT:
            return max(wait, _wait(writes, CHANNEL_WRITES, CHANNEL_SECONDS, now))
        last = writes[-1] if writes else now - EDIT_SECONDS
        kept = _wait(writes, CHANNEL_WRITES - 1, CHANNEL_SECONDS, now)  # One is kept for the final text.
        return max(wait, kept, last + EDIT_SECONDS - now)

    def _begin(self, job: Job, now: float) -> None:
        self._jobs.remove(job)
        job.waiting = False
        job.in_flight = True
        self._flying += 1
        self._total.append(now)
        if job.channel_id is not None:
            self._channels[job.channel_id].append(now)

    async def _perform(self, job: Job) -> None:
        try:
            await job.perform()
        except Exception:  # one write must not end the schedule
            log.exception("a write failed", channel_id=job.channel_id)
        finally:
            job.in_flight = False
            self._flying -= 1
            self._wake.set()
            self._forget_quiet_channels()

    def _forget_quiet_channels(self) -> None:
        now = asyncio.get_running_loop().time()
        if len(self._channels) > 1000:
            for channel_id in [key for key, writes in self._channels.items() if writes[-1] < now - CHANNEL_SECONDS]:
                del self._channels[channel_id]


def _wait(writes: Sequence[float], most: int, seconds: float, now: float) -> float:
    """Seconds until one more write keeps to at most `most` in any `seconds`."""
    if len(writes) < most:
        return 0.0
    return writes[-most] + seconds - now
