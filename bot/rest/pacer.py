"""Performs one schedule of Discord calls for the whole bot.

Discord limits the calls in each channel and in total (`rate_limits`); calls beyond a limit are refused, or held back
inside the library. So every call waits here for its turn, except the answers to interactions, which Discord exempts. A
call reads what it writes when its turn comes, so a slow Discord gets the newest text.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from contextvars import ContextVar

import structlog

from .backoff import Backoff
from .call_scheduler import Scheduler, StartedCall
from .calls import ApiCall, Bucket, Urgency
from .errors import RestError
from .sliding_window import RateLimitHeaders, Reservation

log = structlog.stdlib.get_logger("bot")

_STARTED: ContextVar[StartedCall | None] = ContextVar("started", default=None)
"""The turn of the current task."""

_BACKOFF: ContextVar[Backoff | None] = ContextVar("backoff", default=None)
"""What the current task retries."""


class Pacer:
    """The schedule; `run` performs it."""

    def __init__(
        self,
        *,
        server_of: Callable[[int], int | None] = lambda _channel_id: None,
        on_restored: Callable[[], None] = lambda: None,
    ) -> None:
        """`server_of` returns the server of a channel: some limits are a server's.

        `on_restored` is called when Discord answers again after an outage.
        """
        self._scheduler = Scheduler(server_of)
        self._on_restored = on_restored
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self.refused = 0
        """Calls refused for their rate."""
        self.answers = 0
        """Answers that came from Discord itself."""
        self.messages_sent = 0
        """Messages that Discord has accepted."""

    def __repr__(self) -> str:
        """Read like a status line."""
        return f"<Pacer {self._scheduler.waiting} waiting, {self._scheduler.in_flight} in flight>"

    @property
    def busy(self) -> bool:
        """Whether half of the total limit is in use, or Discord is away. What can be left out is left out then."""
        total = self._scheduler.total
        return self._scheduler.breaker.is_open or total.wait(_now(), keep=total.limit // 2) > 0

    @property
    def trouble(self) -> str:
        """Why calls wait, and for how long, in a line; empty while Discord answers."""
        breaker = self._scheduler.breaker
        return f"{breaker.reason}, for {breaker.open_seconds(_now()):.0f} s" if breaker.is_open else ""

    def put(self, call: ApiCall, *, delay: float = 0.0, since: float | None = None) -> None:
        """Schedule a call, after `delay` seconds at the earliest.

        `since` (loop time) is when its content was first ready, if that is not now. Without it, a call that waits
        already keeps its place.
        """
        if self._scheduler.put(call, _now(), delay, since=since):
            self._idle.clear()
            self._wake.set()

    def retry(self, call: ApiCall, error: RestError) -> bool:
        """Schedule a call that has failed, after its next wait. Return False if it has no try left."""
        wait = call.backoff.wait(error)
        if call.backoff.exhausted:
            return False
        self.put(call, delay=wait)
        return True

    async def drain(self, seconds: float) -> None:
        """Return when no call is left, after `seconds` at the latest; immediately during an outage."""
        if not self._scheduler.breaker.is_open:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._idle.wait()

    @asynccontextmanager
    async def turn(
        self, urgency: Urgency, channel_id: int | None = None, bucket: Bucket = Bucket.MESSAGE
    ) -> AsyncIterator[None]:
        """Enter when the turn of this task has come; it makes its call inside, without delay."""
        turn: asyncio.Future[StartedCall] = asyncio.get_running_loop().create_future()

        async def perform() -> None:
            started = _STARTED.get()
            if started is not None and not turn.done():
                started.lent = True
                turn.set_result(started)

        call = ApiCall(channel_id, lambda: None if turn.cancelled() else perform(), urgency, bucket)
        call.backoff = _BACKOFF.get() or call.backoff
        self.put(call)
        token = _STARTED.set(await turn)
        try:
            yield
        finally:
            _STARTED.reset(token)

    @contextmanager
    def tries(self, backoff: Backoff) -> Iterator[None]:
        """Count all turns inside as tries of one thing: its failures alone are no outage."""
        token = _BACKOFF.set(backoff)
        try:
            yield
        finally:
            _BACKOFF.reset(token)

    async def run(self) -> None:
        """Perform the schedule until cancelled."""
        loop = asyncio.get_running_loop()
        async with asyncio.TaskGroup() as tasks:
            while True:
                self._wake.clear()
                while (started := self._scheduler.take(loop.time())) is not None:
                    self._begin(tasks, started)
                if not (self._scheduler.waiting or self._scheduler.in_flight):
                    self._idle.set()
                at = self._scheduler.next_look(loop.time())
                timer = None if at is None else loop.call_at(at, self._wake.set)
                try:
                    await self._wake.wait()
                finally:
                    if timer is not None:
                        timer.cancel()

    # ---- called by the HTTP trace

    def sent(self, *, exempt: bool) -> StartedCall | Reservation | None:
        """Count a request that the current task sends; return what to report its answer with. Exempt ones are free."""
        started = _STARTED.get()
        if exempt:
            return None
        if started is None:
            return self._scheduler.count(_now())
        if started.reservation.answered is not None:
            self._scheduler.count_again(started, _now())
        return started

    def admits(self) -> bool:
        """Whether a request of the current task may leave: during an outage only the probe's may."""
        started = _STARTED.get()
        return self._scheduler.breaker.admits(None if started is None else started.call.backoff)

    def answered(self, sent: StartedCall | Reservation | None, headers: RateLimitHeaders) -> None:
        """Take the answer to a request; `sent` is what `sent` returned."""
        now = _now()
        self.answers += 1
        if headers.retry_after is not None:
            self.refused += 1
        was_open = self._scheduler.breaker.is_open
        match sent:
            case StartedCall(call, queue=queue):
                self._scheduler.answered(sent, now, headers)
                is_message = queue is not None and call.bucket is Bucket.MESSAGE
                self.messages_sent += is_message and headers.retry_after is None
            case Reservation():
                sent.answered = now
                self._scheduler.breaker.answered(sent.sent)
        self._wake.set()
        if was_open and not self._scheduler.breaker.is_open:
            log.info("Discord answers again")
            self._on_restored()

    def failed(
        self, sent: StartedCall | Reservation | None, reason: str, *, blocked: bool = False, seconds: float = 0.0
    ) -> None:
        """Take note that a request did not reach Discord; `blocked` and `seconds` as for `CircuitBreaker.failed`."""
        now = _now()
        source: object
        match sent:
            case StartedCall():
                self._scheduler.answered(sent, now)
                source = sent.call.backoff
            case Reservation():
                sent.answered, source = now, sent
            case None:
                return
        if self._scheduler.breaker.failed(source, now, reason, blocked=blocked, seconds=seconds):
            log.warning("Discord is away; calls wait", reason=reason)
        self._wake.set()

    def cancelled(self, sent: StartedCall | Reservation | None) -> None:
        """Take note that the task of a request was cancelled before the answer."""
        if isinstance(sent, StartedCall):
            self._scheduler.answered(sent, _now())
        elif isinstance(sent, Reservation):
            sent.answered = _now()
        self._wake.set()

    def _begin(self, tasks: asyncio.TaskGroup, started: StartedCall) -> None:
        try:
            write = started.call.perform()
        except Exception:  # one write must not end the schedule
            log.exception("a write could not be begun", channel_id=started.call.channel_id)
            write = None
        if write is None:
            self._scheduler.dropped(started, _now())
        else:
            tasks.create_task(self._perform(started, write), name=f"write-{started.call.channel_id}")

    async def _perform(self, started: StartedCall, write: Awaitable[None]) -> None:
        _STARTED.set(started)
        try:
            await write
        except Exception:  # one write must not end the schedule
            log.exception("a write failed", channel_id=started.call.channel_id)
        finally:
            self._scheduler.finished(started, _now())
            self._wake.set()


def _now() -> float:
    return asyncio.get_running_loop().time()
