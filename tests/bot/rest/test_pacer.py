"""The schedule of Discord calls, run: within its budgets, in its order, through every failure. In virtual time."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.rest.api import DiscordApi
from bot.rest.call_scheduler import Scheduler
from bot.rest.calls import ApiCall, Bucket, Urgency
from bot.rest.circuit_breaker import PROBE_SECONDS
from bot.rest.errors import TryLater
from bot.rest.pacer import Pacer
from bot.rest.rate_limits import TOTAL_CALLS
from bot.rest.sliding_window import UNANSWERED_SECONDS, RateLimitHeaders
from tests.bot.fake_discord import performing, settle
from tests.support.virtual_time import elapse

pytestmark = pytest.mark.virtual_time

ROUNDING = 1e-6
CHANNEL = 7


@dataclass(frozen=True)
class Write:
    """A write that was made."""

    at: float
    channel_id: int | None
    urgency: Urgency


class Writer:
    """A call that makes `times` edits of `seconds` each; with a `pacer` it schedules the next itself."""

    def __init__(
        self,
        log: list[Write],
        channel_id: int | None,
        urgency: Urgency,
        times: int = 1,
        seconds: float = 0.1,
        pacer: Pacer | None = None,
    ) -> None:
        self.call = ApiCall(channel_id, self.perform, urgency, Bucket.EDIT)
        self._pacer = pacer
        self.left = times
        self.overlaps = 0
        self.done = asyncio.Event()
        self._log = log
        self._seconds = seconds
        self._running = False

    async def perform(self) -> None:
        self.overlaps += self._running
        self._running = True
        self._log.append(Write(asyncio.get_running_loop().time(), self.call.channel_id, self.call.urgency))
        self.left -= 1
        if self.left and self._pacer is not None:
            self._pacer.put(self.call)
        await elapse(self._seconds)
        self._running = False
        if not self.left:
            self.done.set()


def assert_within_budget(log: list[Write]) -> None:
    """Check for 5 in any 5 s and channel, 50 in any second, and that no edit takes the last of a channel's 5."""
    assert_spread([write.at for write in log], 50, 0.95)  # A second less the round trip.
    channels: defaultdict[int, list[Write]] = defaultdict(list)
    for write in log:
        if write.channel_id is not None:
            channels[write.channel_id].append(write)
    for writes in channels.values():
        assert_spread([write.at for write in writes], 5, 5.0)
        for number, write in enumerate(writes):
            if write.urgency is Urgency.EDIT and number >= 4:
                assert write.at - writes[number - 4].at >= 5.0 - ROUNDING


def assert_spread(times: list[float], most: int, seconds: float) -> None:
    """Check for at most `most` in any span of `seconds`."""
    for first, one_too_many in zip(times, times[most:], strict=False):
        assert one_too_many - first >= seconds - ROUNDING


calls = st.tuples(
    st.sampled_from([None, 1, 2, 3]),
    st.sampled_from(Urgency),
    st.integers(1, 12),
    st.sampled_from([0.0, 0.1, 3.0]),
    st.sampled_from([0.0, 0.0, 0.5, 2.0, 6.0]),
)


@given(st.lists(calls, min_size=1, max_size=20))
async def test_no_budget_is_ever_exceeded_and_every_write_is_made(
    wanted: list[tuple[int | None, Urgency, int, float, float]],
) -> None:
    """Whatever the urgencies, durations and delays, each call has at most one run in flight."""
    log: list[Write] = []
    writers = []
    async with performing(Pacer()) as pacer:
        for channel_id, urgency, times, seconds, delay in wanted:
            writer = Writer(log, channel_id, urgency, times, seconds, pacer)
            writers.append(writer)
            pacer.put(writer.call, delay=delay)
        await asyncio.gather(*(writer.done.wait() for writer in writers))
        await elapse(0)
        assert repr(pacer) == "<Pacer 0 waiting, 0 in flight>"
    assert_within_budget(log)
    assert len(log) == sum(times for _, _, times, _, _ in wanted)
    assert not any(writer.overlaps for writer in writers)


async def test_a_busy_channel_gets_five_writes_in_five_seconds() -> None:
    """Five come in a burst, then none until the first is five seconds old."""
    log: list[Write] = []
    writers = [Writer(log, CHANNEL, Urgency.NOTICE) for _ in range(12)]
    async with performing(Pacer()) as pacer:
        start = asyncio.get_running_loop().time()
        for writer in writers:
            pacer.put(writer.call)
        await asyncio.gather(*(writer.done.wait() for writer in writers))
    assert [round(write.at - start, 1) for write in log] == [0] * 5 + [5.1] * 5 + [10.2] * 2


async def test_all_channels_together_get_fifty_writes_in_a_second() -> None:
    """Writes without a channel count too."""
    log: list[Write] = []
    channels = [None, *range(100)]
    writers = [Writer(log, channel_id, Urgency.NOTICE) for channel_id in channels]
    async with performing(Pacer()) as pacer:
        start = asyncio.get_running_loop().time()
        for writer in writers:
            pacer.put(writer.call)
        await asyncio.gather(*(writer.done.wait() for writer in writers))
    assert [round(write.at - start, 1) for write in log] == [0] * 50 + [1.1] * 50 + [2.2]


async def test_edits_keep_their_pace_and_leave_a_write_for_what_is_urgent() -> None:
    """A growing reply never holds up its own final text, nor a question in its thread."""
    log: list[Write] = []
    async with performing(Pacer()) as pacer:
        edits = Writer(log, CHANNEL, Urgency.EDIT, 100, 0.1)
        for _ in range(400):
            pacer.put(edits.call)
            await elapse(0.1)
        gaps = [after.at - before.at for before, after in pairwise(log)]
        assert all(1.2 < gap < 1.4 for gap in gaps)
        assert len(gaps) == 31
        final = Writer(log, CHANNEL, Urgency.FINAL)
        now = asyncio.get_running_loop().time()
        pacer.put(final.call)
        await final.done.wait()
        assert log[-1] == Write(now, CHANNEL, Urgency.FINAL)


async def test_writes_are_made_by_urgency_and_then_by_age() -> None:
    """The order in which they were scheduled does not count."""
    log: list[Write] = []
    async with performing(Pacer()) as pacer:
        for _ in range(5):
            pacer.put(Writer(log, CHANNEL, Urgency.NOTICE).call)
        await elapse(1)
        order: list[str] = []
        urgencies = [Urgency.LOW, Urgency.NOTICE, Urgency.FINAL, Urgency.FIRST]
        for number, urgency in enumerate([*urgencies, *reversed(urgencies)]):
            pacer.put(ApiCall(CHANNEL, noting(order, f"{urgency.name} {number}"), urgency, Bucket.EDIT))
            await elapse(0.01)
        await elapse(60)
    assert order == ["FIRST 3", "FIRST 4", "FINAL 2", "FINAL 5", "NOTICE 1", "NOTICE 6", "LOW 0", "LOW 7"]


def noting(order: list[str], name: str) -> Callable[[], Awaitable[None]]:
    """Return a write that notes its name."""

    async def perform() -> None:
        order.append(name)

    return perform


async def test_a_write_takes_what_is_newest_when_it_is_made() -> None:
    """Scheduled again and again while it waits, it is made once, with the last text."""
    text = [""]
    written: list[str] = []

    async def perform() -> None:
        written.extend(text)

    async with performing(Pacer()) as pacer:
        for _ in range(5):
            pacer.put(Writer([], CHANNEL, Urgency.NOTICE).call)
        await elapse(1)
        call = ApiCall(CHANNEL, perform, Urgency.NOTICE, Bucket.EDIT)
        for text[0] in ("old", "newer", "newest"):
            pacer.put(call)
            await elapse(0.5)
        assert repr(pacer) == "<Pacer 1 waiting, 0 in flight>"
        await settle()
    assert written == ["newest"]


async def test_a_call_scheduled_while_in_flight_runs_once_more_and_not_at_the_same_time() -> None:
    """At most one run of a call is in flight (invariant 6)."""
    entered, leave = asyncio.Event(), asyncio.Event()
    runs = []

    async def perform() -> None:
        runs.append("begins")
        entered.set()
        await leave.wait()
        runs.append("ends")

    async with performing(Pacer()) as pacer:
        call = ApiCall(CHANNEL, perform, Urgency.FIRST)
        pacer.put(call)
        await entered.wait()
        pacer.put(call)
        await settle()
        assert (runs, repr(pacer)) == (["begins"], "<Pacer 1 waiting, 1 in flight>")
        leave.set()
        await settle()
    assert runs == ["begins", "ends"] * 2


async def test_a_slow_write_holds_up_no_other() -> None:
    """Writes of the same channel and of others continue."""
    never = asyncio.Event()

    async def hang() -> None:
        await never.wait()

    log: list[Write] = []
    async with performing(Pacer()) as pacer:
        pacer.put(ApiCall(CHANNEL, hang, Urgency.FIRST))
        others = [Writer(log, channel_id, Urgency.NOTICE) for channel_id in (CHANNEL, 8, None)]
        for other in others:
            pacer.put(other.call)
        now = asyncio.get_running_loop().time()
        await asyncio.gather(*(other.done.wait() for other in others))
    assert [write.at for write in log] == [now] * 3


@pytest.mark.parametrize("error", [ValueError("broken"), asyncio.CancelledError()], ids=repr)
async def test_a_write_that_fails_ends_neither_the_schedule_nor_its_call(error: BaseException) -> None:
    """The call can be scheduled again."""
    log: list[Write] = []
    runs = []

    async def fail() -> None:
        runs.append(1)
        raise error

    async with performing(Pacer()) as pacer:
        call = ApiCall(CHANNEL, fail, Urgency.FIRST)
        for _ in range(2):
            pacer.put(call)
            await elapse(1)
        after = Writer(log, CHANNEL, Urgency.FIRST)
        pacer.put(after.call)
        await after.done.wait()
        assert repr(pacer) in ("<Pacer 0 waiting, 1 in flight>", "<Pacer 0 waiting, 0 in flight>")
    assert len(runs) == 2


async def test_a_chunk_for_a_write_that_waits_does_not_wake_the_pacer(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many chunks come, the schedule is examined a few times for each write."""
    log: list[Write] = []
    looks: list[float] = []
    next_look = Scheduler.next_look

    def counted(schedule: Scheduler, now: float) -> float | None:
        looks.append(now)
        return next_look(schedule, now)

    monkeypatch.setattr(Scheduler, "next_look", counted)
    async with performing(Pacer()) as pacer:
        edits = Writer(log, CHANNEL, Urgency.EDIT, 1_000, 0.1)
        for _ in range(5_000):
            pacer.put(edits.call)
            await elapse(0.01)
        assert len(log) == 40
        assert len(looks) < 5 * len(log)


async def test_a_call_with_nothing_to_write_leaves_its_budget_to_others() -> None:
    """It decides what to write at the last moment."""
    log: list[Write] = []
    async with performing(Pacer()) as pacer:
        for _ in range(20):
            pacer.put(ApiCall(CHANNEL, lambda: None, Urgency.FIRST))
        writer = Writer(log, CHANNEL, Urgency.NOTICE)
        start = asyncio.get_running_loop().time()
        pacer.put(writer.call)
        await writer.done.wait()
        assert log[0].at == start


async def test_a_turn_waits_for_the_budget() -> None:
    """Calls made in other tasks keep to the same schedule."""
    async with performing(Pacer()) as pacer:
        start = asyncio.get_running_loop().time()
        for _ in range(6):
            async with pacer.turn(Urgency.NOTICE, CHANNEL):
                pass
        # The answers of those calls are unknown, so they count as slow.
        assert round(asyncio.get_running_loop().time() - start) == 5 + UNANSWERED_SECONDS


async def test_the_tries_of_one_call_are_no_outage() -> None:
    """Each try has a turn of its own; a second call that fails begins an outage."""
    api = DiscordApi()
    async with performing(api.pacer) as pacer:

        async def fail() -> None:
            async with pacer.turn(Urgency.FIRST):
                pacer.failed(pacer.sent(exempt=False), "503")
                raise TryLater("503")

        with pytest.raises(TryLater):
            await api.retrying(fail, attempts=5)
        assert pacer.trouble == ""
        with pytest.raises(TryLater):
            await api.retrying(fail, attempts=1)
        assert pacer.trouble == "503, for 0 s"


async def test_a_hundred_threads_under_a_block_make_no_storm() -> None:
    """Ten minutes cost one call in fifteen seconds, and no typing; then all texts are sent."""
    calls: list[tuple[float, Urgency]] = []
    written: set[int] = set()
    blocked = True
    async with performing(Pacer()) as pacer:

        async def write(call: ApiCall) -> None:
            sent = pacer.sent(exempt=False)
            calls.append((asyncio.get_running_loop().time(), call.urgency))
            await elapse(0.07)
            if blocked:
                pacer.failed(sent, "403", blocked=True, seconds=5.0)
                pacer.retry(call, TryLater("403"))
            else:
                pacer.answered(sent, RateLimitHeaders())
                written.add(call.channel_id or 0)

        def ask(channel_id: int, urgency: Urgency, bucket: Bucket) -> None:
            call = ApiCall(channel_id, lambda: write(call), urgency, bucket)
            pacer.put(call)

        for channel_id in range(1, 101):
            ask(channel_id, Urgency.LOW, Bucket.TYPING)
            ask(channel_id, Urgency.FINAL, Bucket.MESSAGE)
        await elapse(600)
        storm = [urgency for at, urgency in calls[TOTAL_CALLS:]]
        assert len(calls) <= TOTAL_CALLS + 600 / PROBE_SECONDS + 5
        assert Urgency.LOW not in storm
        blocked = False
        await elapse(60)
    assert written == {*range(1, 101)}
