"""The pacer: performs one schedule of Discord calls for the whole bot.

Discord counts per channel and in all; whoever calls faster waits inside the library, or is refused. So every call asks
here first, but for the answers to interactions, which Discord exempts. Each names its urgency, and the text is read
when the write happens, not when it was asked for: however slow Discord is, the newest text wins.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from contextvars import ContextVar

import structlog

from .calls import ApiCall, Bucket, Urgency
from .rate_budget import RateLimitHeaders, Reservation
from .rate_limits import Scheduler, Start

__all__ = ["Pacer"]

log = structlog.stdlib.get_logger("bot")

_START: ContextVar[Start | None] = ContextVar("start", default=None)
"""What the call that the current task is about to make was counted as."""

_CAUSE: ContextVar[object] = ContextVar("cause", default=None)
"""What the current task tries again and again."""


class Pacer:
    """The schedule; `run` performs it."""

    def __init__(
        self,
        *,
        server_of: Callable[[int], int | None] = lambda _channel_id: None,
        on_restored: Callable[[], None] = lambda: None,
    ) -> None:
        """Start with nothing to do.

        `server_of` returns the server of a channel: Discord limits what is written in one. `on_restored` is called when
        Discord answers again after an outage.
        """
        self._schedule = Scheduler(server_of)
        self._on_restored = on_restored
        self._wake = asyncio.Event()
        self._quiet = asyncio.Event()
        self.refused = 0
        """Calls that Discord refused for their rate."""
        self.heard = 0
        """Answers of Discord's own, in all."""
        self.taken = 0
        """Messages that Discord has taken, in all."""

    def __repr__(self) -> str:
        """Read like a status line."""
        return f"<Pacer {self._schedule.waiting} waiting, {self._schedule.in_flight} in flight>"

    @property
    def busy(self) -> bool:
        """Whether half of the calls that Discord takes are being made, or Discord is away.

        What nobody would miss is better left then.
        """
        total = self._schedule.total
        return self._schedule.breaker.is_open or total.wait(_now(), keep=total.limit // 2) > 0

    @property
    def trouble(self) -> str:
        """Why calls wait, and for how long, in a line; empty where Discord answers."""
        breaker = self._schedule.breaker
        return f"{breaker.reason}, for {breaker.open_seconds(_now()):.0f} s" if breaker.is_open else ""

    def put(self, job: ApiCall, *, delay: float = 0.0, since: float | None = None) -> None:
        """Ask for a call, at the earliest after `delay` seconds. One that waits already keeps its place.

        `since` (loop time) is when what it shows was there to be shown, if that is not now.
        """
        if self._schedule.ask(job, _now(), delay, since=since):
            self._quiet.clear()
            self._wake.set()

    async def drain(self, seconds: float) -> None:
        """Return when nothing is left to be called, at the latest after so long; at once where Discord is away."""
        if not self._schedule.breaker.is_open:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._quiet.wait()

    @asynccontextmanager
    async def turn(
        self, urgency: Urgency, channel_id: int | None = None, bucket: Bucket = Bucket.MESSAGE
    ) -> AsyncIterator[None]:
        """Enter when the caller's turn has come. The same task is to make its call inside, without delay."""
        admitted: asyncio.Future[Start] = asyncio.get_running_loop().create_future()

        async def perform() -> None:
            start = _START.get()
            if start is not None and not admitted.done():
                start.lent = True
                admitted.set_result(start)

        cause = _CAUSE.get()
        self.put(ApiCall(channel_id, lambda: None if admitted.cancelled() else perform(), urgency, bucket, cause))
        token = _START.set(await admitted)
        try:
            yield
        finally:
            _START.reset(token)

    @contextmanager
    def tries(self, cause: object) -> Iterator[None]:
        """Count all turns inside as tries of one thing: its failures alone are no outage."""
        token = _CAUSE.set(cause)
        try:
            yield
        finally:
            _CAUSE.reset(token)

    async def run(self) -> None:
        """Perform the schedule until cancelled."""
        loop = asyncio.get_running_loop()
        async with asyncio.TaskGroup() as tasks:
            while True:
                self._wake.clear()
                while (start := self._schedule.take(loop.time())) is not None:
                    self._begin(tasks, start)
                if not (self._schedule.waiting or self._schedule.in_flight):
                    self._quiet.set()
                at = self._schedule.look_again(loop.time())
                timer = None if at is None else loop.call_at(at, self._wake.set)
                try:
                    await self._wake.wait()
                finally:
                    if timer is not None:
                        timer.cancel()

    # ---- what is seen of the calls on the wire

    def sent(self, *, exempt: bool) -> Start | Reservation | None:
        """Learn that the current task has sent a call; return what it is counted as. Exempt ones do not count."""
        start = _START.get()
        if exempt:
            return None
        if start is None:
            return self._schedule.counted(_now())
        if start.hold.answered is not None:
            self._schedule.again(start, _now())
        return start

    def admits(self) -> bool:
        """Whether a call of the current task may leave: while Discord is away only the probe's may."""
        start = _START.get()
        return self._schedule.breaker.admits(None if start is None else start.job.source)

    def answered(self, call: Start | Reservation | None, told: RateLimitHeaders) -> None:
        """Learn that Discord has answered a call; what it counts as is what `sent` returned."""
        now = _now()
        self.heard += 1
        if told.retry_after is not None:
            self.refused += 1
        was_open = self._schedule.breaker.is_open
        match call:
            case Start():
                self._schedule.answered(call, now, told)
                self.taken += call.lane is not None and call.job.bucket is Bucket.MESSAGE and told.retry_after is None
            case Reservation():
                call.answered = now
                self._schedule.breaker.answered(call.sent)
        self._wake.set()
        if was_open and not self._schedule.breaker.is_open:
            log.info("Discord answers again")
            self._on_restored()

    def failed(
        self, call: Start | Reservation | None, reason: str, *, blocked: bool = False, seconds: float = 0.0
    ) -> None:
        """Learn that a call did not get as far as Discord; `blocked` and `seconds` are as for `Breaker.failed`."""
        now = _now()
        match call:
            case Start():
                self._schedule.answered(call, now)
                source = call.job.source
            case Reservation():
                call.answered, source = now, call
            case None:
                return
        if self._schedule.breaker.failed(source, now, reason, blocked=blocked, seconds=seconds):
            log.warning("Discord is away; calls wait", reason=reason)
        self._wake.set()

    def cancelled(self, call: Start | Reservation | None) -> None:
        """Learn that whoever has made a call does not wait for its answer."""
        if isinstance(call, Start):
            self._schedule.answered(call, _now())
        elif isinstance(call, Reservation):
            call.answered = _now()
        self._wake.set()

    def _begin(self, tasks: asyncio.TaskGroup, start: Start) -> None:
        try:
            writing = start.job.perform()
        except Exception:  # one write must not end the schedule
            log.exception("a write could not be begun", channel_id=start.job.channel_id)
            writing = None
        if writing is None:
            self._schedule.dropped(start, _now())
        else:
            tasks.create_task(self._perform(start, writing), name=f"write-{start.job.channel_id}")

    async def _perform(self, start: Start, writing: Awaitable[None]) -> None:
        _START.set(start)
        try:
            await writing
        except Exception:  # one write must not end the schedule
            log.exception("a write failed", channel_id=start.job.channel_id)
        finally:
            self._schedule.finished(start, _now())
            self._wake.set()


def _now() -> float:
    return asyncio.get_running_loop().time()
