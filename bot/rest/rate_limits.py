"""Decides which call is made next, and when. Pure: it is given the time; `Pacer` performs the calls.

Every call counts in the bot's budget, and in its bucket of its channel. Of the jobs that their budgets allow
now the most urgent is made, and among equals the one that has waited longest. A job that must wait stands in a heap by
the time at which it may be looked at again, so that choosing costs the logarithm of the number of jobs. While Discord
is away, the job that would be next is made as a probe, now and then.

Figures: 50 calls a second for a bot, 5 sends and 5 edits per 5 s and channel (Discord, Rate Limits; the second is what
others observed). The library takes sends and edits for one bucket, of which it believes what the last answer said; it
holds up nobody as long as one edit is left, and one is kept for the final text.
"""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count

from .calls import ApiCall, Bucket, Urgency
from .circuit_breaker import PROBE_SECONDS, CircuitBreaker
from .rate_budget import ROUNDING, Budget, RateLimitHeaders, Reservation, Scope

__all__ = ["Scheduler", "Start"]

FIGURES = {
    Bucket.MESSAGE: (5, 5.0),
    Bucket.EDIT: (5, 5.0),
    Bucket.REACTION: (1, 0.25),
    Bucket.TYPING: (5, 5.0),
    Bucket.CHANNEL: (5, 5.0),
    Bucket.THREAD: (5, 5.0),
}
"""How many calls in how many seconds, until Discord says otherwise."""

TOTAL_CALLS = 50
TOTAL_SECONDS = 1.0
"""What Discord grants a bot. `Budget` needs no margin below it."""

SURE = 0.8
"""Of the time that the fastest of the last calls took, the part that each is sure to take: see `Budget.sure`."""

LONGEST_SURE = 0.06
"""Seconds; what more would gain is not worth a refusal if the ways were short only then."""

CALLS_COMPARED = 100
"""As many are the last calls: enough for one with short ways, and Discord may come nearer or go farther."""

TOTAL_GAP = 0.015
"""Seconds between two calls that can wait: a second's calls made at once would hold up the first text behind them."""

EDIT_GAP = FIGURES[Bucket.EDIT][1] / (FIGURES[Bucket.EDIT][0] - 1)
"""Seconds between two writes of a text that grows, whether they change a page or begin one."""

SIGN_PATIENCE = 30.0
"""A sign goes before an edit that is asked for so many seconds later: lowest, but not for ever."""

MODEST = {Urgency.PLACEHOLDER: 1.0, Urgency.SIGN: SIGN_PATIENCE}
"""What leaves half of all calls to others for so many seconds: when many turns begin at once, their texts come next."""

LANES_KEPT = 1000
"""Channels that may be remembered before the quiet ones are looked for."""


@dataclass(eq=False, slots=True)
class Start:
    """A job that is to be begun now, and the budgets it is held against."""

    job: ApiCall
    hold: Reservation
    lane: "_BucketQueue | None"
    lent: bool = False
    """Whether the call is made by somebody else: then it may go on when the job is finished."""


@dataclass(eq=False, slots=True)
class _BucketQueue:
    """A bucket of a channel: its budget, and its jobs that wait."""

    budget: Budget
    jobs: dict[ApiCall, None] = field(default_factory=dict)


_Place = tuple[int, float, int, ApiCall]
"""What a job's turn goes by: its rank, since when it waits, its number."""


class Scheduler:
    """The jobs that wait, and the budgets. Times are seconds of one clock that never goes back."""

    def __init__(self, server_of: Callable[[int], int | None] = lambda _channel_id: None) -> None:
        """Start with nothing to do. `server_of` returns the server of a channel, None where it is not known."""
        self.total = Budget(TOTAL_CALLS, TOTAL_SECONDS)
        self.breaker = CircuitBreaker()
        self.server_of = server_of
        self._servers: dict[int, float] = {}
        """Until when servers take no more writes."""
        self.waiting = 0
        self.in_flight = 0
        self._lanes: dict[tuple[Bucket, int], _BucketQueue] = {}
        self._sweep_at = LANES_KEPT
        self._ready: list[_Place] = []
        self._modest: list[_Place] = []
        """Those that leave half of all calls to others.

        All wait for the same thing, so only the first is looked at: to put off each of a thousand held the event loop.
        """
        self._later: list[tuple[float, int, ApiCall]] = []
        self._numbers = count()
        self._last_patient = float("-inf")
        self._took: deque[float] = deque(maxlen=CALLS_COMPARED)

    def __repr__(self) -> str:
        """Read like a status line."""
        return f"<Schedule {self.waiting} waiting, {self.in_flight} in flight>"

    def ask(self, job: ApiCall, now: float, delay: float = 0.0, *, since: float | None = None) -> bool:
        """Ask for a job, at the earliest after `delay` seconds. Returns whether that changed anything.

        `since` is when what it shows was there to be shown, if that is not now.

        A job that waits already keeps its place, but may have become more or less urgent, or have to wait longer.
        """
        later = now + delay if delay > 0 else job.not_before
        if not job.waiting:
            job.waiting, job.since, job.not_before = True, now if since is None else since, now + delay
            self.waiting += 1
        elif since is not None and since < job.since:
            job.since = since
        elif later > job.not_before:
            job.not_before = later
        elif job.queued is None or job.queued[:2] == (job.urgency, job.bucket):
            return False
        if not job.in_flight:
            self._queue(job, now)
        return True

    def take(self, now: float) -> Start | None:
        """Return the job to begin now, and count it."""
        while self._later and self._later[0][0] <= now + ROUNDING:
            _, number, job = heappop(self._later)
            if _is_current(job, number):
                self._queue(job, now)
        while (heap := self._next(now)) is not None:
            job = heap[0][-1]
            if self._wait(job, now) > 0:
                heappop(heap)
                self._queue(job, now)
            elif self._total_wait(job.urgency, now) > 0:
                return None
            else:
                heappop(heap)
                return self._begin(job, now)
        return None

    def _next(self, now: float) -> list[_Place] | None:
        """Return the heap with the first of the jobs for which a call is left now; None where there is no such job."""
        ready, modest = _front(self._ready), _front(self._modest)
        if modest is None or self._wait_of_the_modest(now) > 0:
            return None if ready is None else self._ready
        return self._modest if ready is None or modest < ready else self._ready

    def _wait_of_the_modest(self, now: float) -> float:
        return self.total.wait(now, keep=self.total.limit // 2)

    def look_again(self, now: float) -> float | None:
        """Return when `take` is worth another look if nothing happens meanwhile; None for never."""
        while self._later and not _is_current(self._later[0][2], self._later[0][1]):
            heappop(self._later)
        times = [self._later[0][0]] if self._later else []
        if (ready := _front(self._ready)) is not None:
            times.append(now + self._total_wait(ready[-1].urgency, now))
        if (modest := _front(self._modest)) is not None:
            times.append(now + max(self._total_wait(modest[-1].urgency, now), self._wait_of_the_modest(now)))
        return min(times, default=None)

    def answered(self, start: Start, now: float, told: RateLimitHeaders | None = None) -> None:
        """Take note of an answer to a call, or of its failure."""
        start.hold.answered = now
        if told is not None:
            self._took.append(now - start.hold.sent)
            self.total.sure = min(SURE * min(self._took), LONGEST_SURE)
            if start.lane is not None:
                start.lane.budget.sure = self.total.sure
            self._learn(start, told, now)
            self.breaker.answered(start.hold.sent)
        if start.lane is not None:
            for job in tuple(start.lane.jobs):
                self._queue(job, now)

    def _learn(self, start: Start, told: RateLimitHeaders, now: float) -> None:
        """Believe what was said about the limit, of all the calls that it is about."""
        channel_id = start.job.channel_id
        server_id = None if channel_id is None or told.scope is not Scope.SERVER else self.server_of(channel_id)
        if told.scope is Scope.EVERYWHERE:
            self.total.learn(told, now)
        elif server_id is not None:
            self._servers = {each: until for each, until in self._servers.items() if until > now}
            self._servers[server_id] = max(self._servers.get(server_id, 0.0), now + (told.retry_after or 0.0))
        elif channel_id is not None and told.scope is not Scope.BUCKET:
            for bucket in (Bucket.MESSAGE, Bucket.EDIT):
                self._lane_of(bucket, channel_id).budget.learn(told, now)
        elif start.lane is not None:
            start.lane.budget.learn(told, now)

    def finished(self, start: Start, now: float) -> None:
        """Take note that a job is no longer in flight."""
        if start.hold.answered is None and not start.lent:
            self.answered(start, now)
            self.breaker.drop(start.job.source, now)  # It has failed before it left.
        self._end(start, now)

    def dropped(self, start: Start, now: float) -> None:
        """Take note that a job had nothing to do: no call was made."""
        self.breaker.drop(start.job.source, now)
        self.total.give_back(start.hold)
        if start.lane is not None:
            start.lane.budget.give_back(start.hold)
        self._end(start, now)

    def again(self, start: Start, now: float) -> None:
        """Count one more call of a job that has made one already."""
        start.hold = self.counted(now)
        if start.lane is not None:
            start.lane.budget.spend(start.hold)

    def counted(self, now: float) -> Reservation:
        """Count a call in the bot's budget that was made without asking."""
        hold = Reservation(now)
        self.total.spend(hold)
        return hold

    def _end(self, start: Start, now: float) -> None:
        job = start.job
        job.in_flight = False
        self.in_flight -= 1
        if job.waiting:
            self._queue(job, now)
        self._forget_quiet_lanes(now)

    def _begin(self, job: ApiCall, now: float) -> Start:
        lane = self._lane(job)
        job.waiting, job.in_flight, job.queued, job.due = False, True, None, 0.0
        self.waiting -= 1
        self.in_flight += 1
        if self.breaker.is_open:
            self.breaker.begin(job.source, now)
        hold = self.counted(now)
        if job.urgency >= Urgency.EDIT:
            due = self._last_patient + TOTAL_GAP
            self._last_patient = due if now - due < TOTAL_GAP else now  # A little late puts off nothing behind it.
        if lane is not None:
            lane.jobs.pop(job, None)
            lane.budget.spend(hold)
        return Start(job, hold, lane)

    def _queue(self, job: ApiCall, now: float) -> None:
        """Put a waiting job where it belongs now; what stood elsewhere for it is out of date."""
        number = next(self._numbers)
        self._leave_lane(job)
        job.queued = (job.urgency, job.bucket, number)
        lane = self._lane(job)
        if lane is not None:
            lane.jobs[job] = None
        wait = self._wait(job, now)
        modest_until = job.since + MODEST.get(job.urgency, 0.0)
        if wait > 0:
            heappush(self._later, (now + wait, number, job))
        elif modest_until - now > ROUNDING:
            heappush(self._modest, (*_order(job), number, job))
            heappush(self._later, (modest_until, number, job))
        else:
            heappush(self._ready, (*_order(job), number, job))

    def _leave_lane(self, job: ApiCall) -> None:
        """Take a job that waits as something else out of there."""
        if job.channel_id is not None and job.queued is not None and job.queued[1] is not job.bucket:
            lane = self._lanes.get((job.queued[1], job.channel_id))
            if lane is not None:
                lane.jobs.pop(job, None)

    def _wait(self, job: ApiCall, now: float) -> float:
        due = job.not_before if job.urgency < Urgency.EDIT else max(job.not_before, job.due)
        wait = max(due - now if due - now > ROUNDING else 0.0, self._closed(job, now))
        lane = self._lane(job)
        if lane is None:
            return wait
        if job.bucket is Bucket.EDIT and job.urgency is Urgency.EDIT:
            return max(wait, lane.budget.pace(now, keep=1))  # One is kept for the final text.
        return max(wait, lane.budget.wait(now))

    def _closed(self, job: ApiCall, now: float) -> float:
        """Return the seconds for which the job's server takes nothing, or Discord no signs: none of them is a probe."""
        wait = PROBE_SECONDS if self.breaker.is_open and job.urgency is Urgency.SIGN else 0.0
        if self._servers and job.channel_id is not None:
            wait = max(wait, self._servers.get(self.server_of(job.channel_id) or 0, 0.0) - now)
        return wait if wait > ROUNDING else 0.0

    def _total_wait(self, urgency: Urgency, now: float) -> float:
        wait = max(self.breaker.wait(now), self.total.wait(now))
        if urgency < Urgency.EDIT:
            return wait
        gap = self._last_patient + TOTAL_GAP - now
        return max(wait, gap if gap > ROUNDING else 0.0)

    def _lane(self, job: ApiCall) -> _BucketQueue | None:
        if job.channel_id is None:
            return None
        return self._lane_of(job.bucket, job.channel_id)

    def _lane_of(self, bucket: Bucket, channel_id: int) -> _BucketQueue:
        lane = self._lanes.get((bucket, channel_id))
        if lane is None:
            lane = self._lanes[bucket, channel_id] = _BucketQueue(Budget(*FIGURES[bucket]))
        return lane

    def _forget_quiet_lanes(self, now: float) -> None:
        if len(self._lanes) > self._sweep_at:
            self._lanes = dict(self._lively(now))
            self._sweep_at = max(LANES_KEPT, 2 * len(self._lanes))

    def _lively(self, now: float) -> Iterator[tuple[tuple[Bucket, int], _BucketQueue]]:
        for key, lane in self._lanes.items():
            if lane.jobs or not lane.budget.quiet(now):
                yield key, lane


def _is_current(job: ApiCall, number: int) -> bool:
    return job.waiting and not job.in_flight and job.queued is not None and job.queued[2] == number


def _front(heap: list[_Place]) -> _Place | None:
    """Return the first of a heap that is not out of date, without those before it; None where there is none."""
    while heap and not _is_current(heap[0][-1], heap[0][-2]):
        heappop(heap)
    return heap[0] if heap else None


def _order(job: ApiCall) -> tuple[int, float]:
    """Edits and signs are one rank, in which a sign counts as asked for later than it was."""
    patience = SIGN_PATIENCE if job.urgency is Urgency.SIGN else 0.0
    return min(job.urgency, Urgency.EDIT), job.since + patience
