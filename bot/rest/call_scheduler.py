"""Decides which call is made next, and when. Pure: it is given the time; `Pacer` performs the calls.

Every call counts in the bot's total budget, and in the budget of its bucket and channel. Of the calls that their
budgets allow now, the most urgent is made, and among equals the one that has waited longest. A call that must wait is
in a heap by the time at which it may be considered again, so a choice costs the logarithm of the number of calls.
During an outage the call that would be next is made as a probe, now and then.
"""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count

from .calls import ApiCall, Bucket, Urgency
from .circuit_breaker import PROBE_SECONDS, CircuitBreaker
from .rate_limits import DEFAULT_LIMITS, TOTAL_CALLS, TOTAL_SECONDS
from .sliding_window import ROUNDING, Budget, RateLimitHeaders, Reservation, Scope

CERTAIN_SHARE = 0.8
"""The part of the fastest recent round trip that every call is certain to take; see `Budget.round_trip`."""

LONGEST_ROUND_TRIP = 0.06
"""Seconds. A longer one would gain little, and cause a refusal if the way became shorter."""

CALLS_COMPARED = 100
"""Recent calls: enough to contain a fast one, and few enough to notice when the way to Discord changes."""

TOTAL_GAP = 0.015
"""Seconds between two calls that can wait. A second's calls in one burst would hold up the first text behind them."""

LOW_PATIENCE = 30.0
"""Seconds by which a call of low urgency ranks behind an edit: lowest, but not for ever."""

HALF_SHARE_SECONDS = {Urgency.PLACEHOLDER: 1.0, Urgency.LOW: LOW_PATIENCE}
"""For this long these calls leave half of the total to others: when many turns begin together, texts come first."""

QUEUES_KEPT = 1000
"""Bucket queues to remember before the idle ones are removed."""


@dataclass(eq=False, slots=True)
class StartedCall:
    """A call that begins now, and what it counts as."""

    call: ApiCall
    reservation: Reservation
    queue: "_BucketQueue | None"
    lent: bool = False
    """Whether another task makes the request: it may continue when the call has finished."""


@dataclass(eq=False, slots=True)
class _BucketQueue:
    """The budget of a channel's bucket, and its calls that wait."""

    budget: Budget
    calls: dict[ApiCall, None] = field(default_factory=dict)


_Entry = tuple[int, float, int, ApiCall]
"""A call in a heap: its rank, the time since which it waits, its number."""


class Scheduler:
    """The calls that wait, and the budgets. Times are seconds of one monotonic clock."""

    def __init__(self, server_of: Callable[[int], int | None] = lambda _channel_id: None) -> None:
        """`server_of` returns the server of a channel, None where that is unknown."""
        self.total = Budget(TOTAL_CALLS, TOTAL_SECONDS)
        self.breaker = CircuitBreaker()
        self.waiting = 0
        self.in_flight = 0
        self._server_of = server_of
        self._servers: dict[int, float] = {}
        """The times until which servers take no writes."""
        self._queues: dict[tuple[Bucket, int], _BucketQueue] = {}
        self._sweep_at = QUEUES_KEPT
        self._ready: list[_Entry] = []
        self._half_share: list[_Entry] = []
        """Calls that leave half of the total to others. They all wait for the same time, so only the first counts."""
        self._later: list[tuple[float, int, ApiCall]] = []
        self._numbers = count()
        self._last_patient = float("-inf")
        """When the last call was made that could wait."""
        self._round_trips: deque[float] = deque(maxlen=CALLS_COMPARED)

    def __repr__(self) -> str:
        """Read like a status line."""
        return f"<Schedule {self.waiting} waiting, {self.in_flight} in flight>"

    def put(self, call: ApiCall, now: float, delay: float = 0.0, *, since: float | None = None) -> bool:
        """Schedule a call, after `delay` seconds at the earliest. Return whether that changes anything.

        `since` is when its content was first ready, if that is not now. Without it, a call that waits already keeps its
        place, but may become more or less urgent, or wait longer.
        """
        later = now + delay if delay > 0 else call.not_before
        if not call.waiting:
            call.waiting, call.since, call.not_before = True, now if since is None else since, now + delay
            self.waiting += 1
        elif since is not None and since != call.since:
            call.since = since
        elif later > call.not_before:
            call.not_before = later
        elif call.queued is None or call.queued[:2] == (call.urgency, call.bucket):
            return False
        if not call.in_flight:
            self._enqueue(call, now)
        return True

    def take(self, now: float) -> StartedCall | None:
        """Begin and count the call to make now; return None where there is none."""
        while self._later and self._later[0][0] <= now + ROUNDING:
            _, number, call = heappop(self._later)
            if _is_current(call, number):
                self._enqueue(call, now)
        while (heap := self._next_heap(now)) is not None:
            call = heap[0][-1]
            if self._wait(call, now) > 0:
                heappop(heap)
                self._enqueue(call, now)
            elif self._total_wait(call.urgency, now) > 0:
                return None
            else:
                heappop(heap)
                return self._begin(call, now)
        return None

    def _next_heap(self, now: float) -> list[_Entry] | None:
        """Return the heap whose first call comes next, of those with a share in the total now; None without a call."""
        ready, half_share = _first(self._ready), _first(self._half_share)
        if half_share is None or self._half_share_wait(now) > 0:
            return None if ready is None else self._ready
        return self._half_share if ready is None or half_share < ready else self._ready

    def _half_share_wait(self, now: float) -> float:
        return self.total.wait(now, keep=self.total.limit // 2)

    def next_look(self, now: float) -> float | None:
        """Return the time at which `take` may return another call, if nothing else happens; None for never."""
        while self._later and not _is_current(self._later[0][2], self._later[0][1]):
            heappop(self._later)
        times = [self._later[0][0]] if self._later else []
        if (ready := _first(self._ready)) is not None:
            times.append(now + self._total_wait(ready[-1].urgency, now))
        if (half_share := _first(self._half_share)) is not None:
            times.append(now + max(self._total_wait(half_share[-1].urgency, now), self._half_share_wait(now)))
        return min(times, default=None)

    def answered(self, started: StartedCall, now: float, headers: RateLimitHeaders | None = None) -> None:
        """Take the answer to a request, or without `headers` its failure."""
        started.reservation.answered = now
        if headers is not None:
            self._round_trips.append(now - started.reservation.sent)
            self.total.round_trip = min(CERTAIN_SHARE * min(self._round_trips), LONGEST_ROUND_TRIP)
            if started.queue is not None:
                started.queue.budget.round_trip = self.total.round_trip
            self._learn(started, headers, now)
            self.breaker.answered(started.reservation.sent)
        if started.queue is not None:
            for call in tuple(started.queue.calls):
                self._enqueue(call, now)

    def _learn(self, started: StartedCall, headers: RateLimitHeaders, now: float) -> None:
        """Apply an answer's limit to every budget in its scope."""
        channel_id = started.call.channel_id
        server_id = None if channel_id is None or headers.scope is not Scope.SERVER else self._server_of(channel_id)
        if headers.scope is Scope.EVERYWHERE:
            self.total.learn(headers, now)
        elif server_id is not None:
            self._servers = {each: until for each, until in self._servers.items() if until > now}
            self._servers[server_id] = max(self._servers.get(server_id, 0.0), now + (headers.retry_after or 0.0))
        elif channel_id is not None and headers.scope is not Scope.BUCKET:
            for bucket in (Bucket.MESSAGE, Bucket.EDIT):
                self._queue(bucket, channel_id).budget.learn(headers, now)
        elif started.queue is not None:
            started.queue.budget.learn(headers, now)

    def finished(self, started: StartedCall, now: float) -> None:
        """Take note that a call is no longer in flight."""
        if started.reservation.answered is None and not started.lent:
            self.answered(started, now)
            self.breaker.drop(started.call.backoff, now)  # It has failed before it left.
        self._end(started, now)

    def dropped(self, started: StartedCall, now: float) -> None:
        """Take note that a call had nothing to write: it made no request."""
        self.breaker.drop(started.call.backoff, now)
        self.total.give_back(started.reservation)
        if started.queue is not None:
            started.queue.budget.give_back(started.reservation)
        self._end(started, now)

    def count_again(self, started: StartedCall, now: float) -> None:
        """Count another request of a call that has made one already."""
        started.reservation = self.count(now)
        if started.queue is not None:
            started.queue.budget.spend(started.reservation)

    def count(self, now: float) -> Reservation:
        """Count a request in the total."""
        reservation = Reservation(now)
        self.total.spend(reservation)
        return reservation

    def _end(self, started: StartedCall, now: float) -> None:
        call = started.call
        call.in_flight = False
        self.in_flight -= 1
        if call.waiting:
            self._enqueue(call, now)
        self._remove_idle_queues(now)

    def _begin(self, call: ApiCall, now: float) -> StartedCall:
        queue = self._queue_of(call)
        call.waiting, call.in_flight, call.queued, call.due = False, True, None, 0.0
        self.waiting -= 1
        self.in_flight += 1
        if self.breaker.is_open:
            self.breaker.begin(call.backoff, now)
        reservation = self.count(now)
        if call.urgency >= Urgency.EDIT:
            due = self._last_patient + TOTAL_GAP
            self._last_patient = due if now - due < TOTAL_GAP else now  # A small delay must not add up.
        if queue is not None:
            queue.calls.pop(call, None)
            queue.budget.spend(reservation)
        return StartedCall(call, reservation, queue)

    def _enqueue(self, call: ApiCall, now: float) -> None:
        """Put a waiting call where it belongs now; its earlier entries become stale."""
        number = next(self._numbers)
        self._leave_queue(call)
        call.queued = (call.urgency, call.bucket, number)
        queue = self._queue_of(call)
        if queue is not None:
            queue.calls[call] = None
        wait = self._wait(call, now)
        half_share_until = call.since + HALF_SHARE_SECONDS.get(call.urgency, 0.0)
        if wait > 0:
            heappush(self._later, (now + wait, number, call))
        elif half_share_until - now > ROUNDING:
            heappush(self._half_share, (*_rank(call), number, call))
            heappush(self._later, (half_share_until, number, call))
        else:
            heappush(self._ready, (*_rank(call), number, call))

    def _leave_queue(self, call: ApiCall) -> None:
        """Remove a call from the queue of the bucket that it had before."""
        if call.channel_id is not None and call.queued is not None and call.queued[1] is not call.bucket:
            queue = self._queues.get((call.queued[1], call.channel_id))
            if queue is not None:
                queue.calls.pop(call, None)

    def _wait(self, call: ApiCall, now: float) -> float:
        """Return the seconds until the call's own budgets and times allow it."""
        due = call.not_before if call.urgency < Urgency.PLACEHOLDER else max(call.not_before, call.due)
        wait = max(due - now if due - now > ROUNDING else 0.0, self._closed_seconds(call, now))
        queue = self._queue_of(call)
        if queue is None:
            return wait
        if call.bucket is Bucket.EDIT and call.urgency is Urgency.EDIT:
            return max(wait, queue.budget.pace(now, keep=1))  # One is kept for the final text.
        return max(wait, queue.budget.wait(now))

    def _closed_seconds(self, call: ApiCall, now: float) -> float:
        """Return the seconds for which its server takes no writes; during an outage, LOW calls never probe."""
        wait = PROBE_SECONDS if self.breaker.is_open and call.urgency is Urgency.LOW else 0.0
        if self._servers and call.channel_id is not None:
            wait = max(wait, self._servers.get(self._server_of(call.channel_id) or 0, 0.0) - now)
        return wait if wait > ROUNDING else 0.0

    def _total_wait(self, urgency: Urgency, now: float) -> float:
        wait = max(self.breaker.wait(now), self.total.wait(now))
        if urgency < Urgency.EDIT:
            return wait
        gap = self._last_patient + TOTAL_GAP - now
        return max(wait, gap if gap > ROUNDING else 0.0)

    def _queue_of(self, call: ApiCall) -> _BucketQueue | None:
        return None if call.channel_id is None else self._queue(call.bucket, call.channel_id)

    def _queue(self, bucket: Bucket, channel_id: int) -> _BucketQueue:
        queue = self._queues.get((bucket, channel_id))
        if queue is None:
            queue = self._queues[bucket, channel_id] = _BucketQueue(Budget(*DEFAULT_LIMITS[bucket]))
        return queue

    def _remove_idle_queues(self, now: float) -> None:
        if len(self._queues) > self._sweep_at:
            self._queues = dict(self._active_queues(now))
            self._sweep_at = max(QUEUES_KEPT, 2 * len(self._queues))

    def _active_queues(self, now: float) -> Iterator[tuple[tuple[Bucket, int], _BucketQueue]]:
        for key, queue in self._queues.items():
            if queue.calls or not queue.budget.is_idle(now):
                yield key, queue


def _is_current(call: ApiCall, number: int) -> bool:
    return call.waiting and not call.in_flight and call.queued is not None and call.queued[2] == number


def _first(heap: list[_Entry]) -> _Entry | None:
    """Return the first current entry of a heap, after removing the stale ones before it; None where there is none."""
    while heap and not _is_current(heap[0][-1], heap[0][-2]):
        heappop(heap)
    return heap[0] if heap else None


def _rank(call: ApiCall) -> tuple[int, float]:
    """Rank EDIT and LOW as one urgency, in which a LOW call counts as scheduled later than it was."""
    patience = LOW_PATIENCE if call.urgency is Urgency.LOW else 0.0
    return min(call.urgency, Urgency.EDIT), call.since + patience
