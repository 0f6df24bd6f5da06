"""The order of calls, their budgets, and the cost of a choice; also simulated with many threads."""

from collections import deque
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.simulated_discord import ONE_WAY, Scheduled
from bot.rest.backoff import LONGEST_WAIT
from bot.rest.call_scheduler import (
    HALF_SHARE_SECONDS,
    LOW_PATIENCE,
    QUEUES_KEPT,
    TOTAL_GAP,
    Scheduler,
    StartedCall,
)
from bot.rest.calls import ApiCall, Bucket, Urgency
from bot.rest.circuit_breaker import FIRST_PROBE_SECONDS
from bot.rest.rate_limits import TOTAL_CALLS
from bot.rest.sliding_window import RateLimitHeaders, Scope
from tests.support.call_count import calls

ROUNDING = 1e-6


def call(channel_id: int | None, urgency: Urgency = Urgency.NOTICE, bucket: Bucket | None = None) -> ApiCall:
    """A call that is never performed here."""
    otherwise = Bucket.EDIT if urgency is Urgency.EDIT else Bucket.MESSAGE
    return ApiCall(channel_id, lambda: None, urgency, bucket or otherwise)


def take_all(scheduler: Scheduler, now: float) -> list[StartedCall]:
    """Begin every call that may be made now; each is answered and finished immediately."""
    starts = []
    while (start := scheduler.take(now)) is not None:
        scheduler.finished(start, now)
        starts.append(start)
    return starts


def begin(scheduler: Scheduler, wanted: ApiCall, now: float = 0.0) -> StartedCall:
    """Schedule a call that may be made now, and begin it."""
    scheduler.put(wanted, now)
    start = scheduler.take(now)
    assert start is not None
    assert start.call is wanted
    return start


def answer(scheduler: Scheduler, start: StartedCall, now: float, headers: RateLimitHeaders) -> None:
    """Answer a call, and finish it."""
    scheduler.answered(start, now, headers)
    scheduler.finished(start, now)


@pytest.mark.parametrize("threads", [1, 10, 60, 200])
def test_no_call_is_ever_refused_and_all_text_becomes_visible(threads: int) -> None:
    """The server counts in fixed windows; calls have jitter, and some are delayed."""
    outcome = Scheduled(threads, spread=2.0).run()
    assert outcome.refused == 0
    assert len(outcome.final) == threads


@settings(max_examples=20)
@given(threads=st.integers(1, 30), spread=st.floats(0.0, 60.0), seed=st.integers(0, 1_000))
def test_below_the_limit_of_all_calls_no_final_text_waits(threads: int, spread: float, seed: int) -> None:
    """One write is kept for it, so it waits only for the edit in flight and for other final texts."""
    outcome = Scheduled(threads, spread, seed).run()
    assert outcome.refused == 0
    assert max(outcome.final) < 4 * ONE_WAY + threads / 40 + 1.5


def test_a_hundred_streams_share_all_calls_evenly() -> None:
    """Discord's limits allow a period of two seconds; the simulated staleness is within a tenth of it."""
    outcome = Scheduled(100, spread=5.0).run()
    staleness = sorted(outcome.staleness)
    assert staleness[len(staleness) // 2] < 1.1 * 1.0
    assert staleness[int(len(staleness) * 0.99)] < 1.15 * 2.0


def test_the_most_urgent_goes_first_and_among_equals_the_oldest() -> None:
    """The order in which they were scheduled does not count."""
    scheduler = Scheduler()
    asked = [call(number, urgency) for number, urgency in enumerate([*reversed(Urgency), *Urgency])]
    for number, each in enumerate(asked):
        scheduler.put(each, number / 1000)
    order, now = [], 1.0
    while scheduler.waiting:
        order += [(start.call.urgency.name, start.call.channel_id) for start in take_all(scheduler, now)]
        now += TOTAL_GAP
    last = len(Urgency) - 1
    assert order == [(each.name, channel_id) for each in Urgency for channel_id in (last - each, last + 1 + each)]


def test_a_reaction_has_the_lowest_rank_but_not_for_ever() -> None:
    """However many edits come, a reaction is made when it has waited half a minute longer than they have."""
    scheduler, now = Scheduler(), 0.0
    reaction = call(None, Urgency.LOW)
    scheduler.put(reaction, now)
    went = None
    for channel_id in range(10_000):
        scheduler.put(call(channel_id, Urgency.EDIT), now)
        start = scheduler.take(now)
        if start is not None:
            scheduler.finished(start, now)
            went = now if start.call is reaction else went
        now += 0.01
    assert went is not None
    assert LOW_PATIENCE <= went < 2 * LOW_PATIENCE + 30


def test_a_call_that_became_more_urgent_is_made_now() -> None:
    """A final text does not wait until the edit that it was is due."""
    scheduler = Scheduler()
    reply = call(7, Urgency.EDIT)
    scheduler.put(reply, 0.0)
    assert [start.call for start in take_all(scheduler, 0.0)] == [reply]
    scheduler.put(reply, 0.1)
    assert take_all(scheduler, 0.1) == []
    assert scheduler.next_look(0.1) == pytest.approx(1.25)
    reply.urgency = Urgency.FINAL
    assert scheduler.put(reply, 0.2)
    assert [start.call for start in take_all(scheduler, 0.2)] == [reply]


def test_asking_again_changes_nothing() -> None:
    """A stream of chunks schedules one write thousands of times."""
    scheduler = Scheduler()
    reply = call(7, Urgency.EDIT)
    assert scheduler.put(reply, 0.0)
    assert not any(scheduler.put(reply, 0.001 * number) for number in range(1_000))
    assert scheduler.waiting == 1


def test_a_delay_holds_although_the_call_waits_already() -> None:
    """A retry is not made earlier because more text has come."""
    scheduler = Scheduler()
    reply = call(7)
    scheduler.put(reply, 0.0)
    scheduler.put(reply, 0.0, delay=9.0)
    assert take_all(scheduler, 8.9) == []
    assert len(take_all(scheduler, 9.0)) == 1


def test_a_new_page_behind_a_full_one_keeps_its_place_and_no_distance() -> None:
    """Sends count separately from edits, and the text has waited as long as the page before it."""
    scheduler = Scheduler()
    page, other = call(7, Urgency.EDIT), call(8, Urgency.EDIT)
    scheduler.put(page, 0.0)
    assert len(take_all(scheduler, 0.0)) == 1
    scheduler.put(other, 0.5)
    page.bucket = Bucket.MESSAGE
    for now in (0.6, 0.7, 0.8, 0.9, 1.0):
        scheduler.put(page, now, since=0.0)
        start = scheduler.take(now)
        assert start is not None
        assert start.call is page
        scheduler.finished(start, now)
    scheduler.put(page, 1.1, since=0.0)
    assert [begun.call for begun in take_all(scheduler, 1.1)] == [other]
    page.bucket = Bucket.EDIT
    assert take_all(scheduler, 5.5) == []
    assert len(take_all(scheduler, 5.6)) == 1


def test_a_call_in_flight_is_not_begun_again_before_it_is_finished() -> None:
    """A message has at most one write at a time (invariant 6)."""
    scheduler = Scheduler()
    reply = call(7)
    start = begin(scheduler, reply)
    scheduler.put(reply, 0.1)
    assert scheduler.take(0.1) is None
    assert repr(scheduler) == "<Schedule 1 waiting, 1 in flight>"
    scheduler.finished(start, 0.2)
    assert scheduler.take(0.2) is not None


def test_a_call_with_nothing_to_write_costs_nothing() -> None:
    """It counts neither in its channel nor in total."""
    scheduler = Scheduler()
    for _ in range(100):
        scheduler.dropped(begin(scheduler, call(7)), 0.0)
    assert scheduler.in_flight == 0


def test_a_refusal_of_one_bucket_holds_up_no_other() -> None:
    """Threads cannot be opened for minutes; all other calls continue."""
    scheduler = Scheduler()
    thread = call(7, Urgency.FIRST, Bucket.THREAD)
    answer(scheduler, begin(scheduler, thread), 0.1, RateLimitHeaders(retry_after=250.0))
    scheduler.put(thread, 0.1)
    scheduler.put(call(7), 0.1)
    assert [begun.call.bucket for begun in take_all(scheduler, 0.1)] == [Bucket.MESSAGE]
    assert scheduler.next_look(0.1) == pytest.approx(250.1)
    assert len(take_all(scheduler, 250.1)) == 1


def test_a_refusal_of_everything_holds_up_everything() -> None:
    """A global limit concerns every call of the bot."""
    scheduler = Scheduler()
    everywhere = RateLimitHeaders(retry_after=2.0, scope=Scope.EVERYWHERE)
    answer(scheduler, begin(scheduler, call(7)), 0.1, everywhere)
    scheduler.put(call(8, Urgency.FIRST), 0.1)
    assert take_all(scheduler, 2.0) == []
    assert len(take_all(scheduler, 2.1)) == 1


def test_calls_that_can_wait_are_not_made_in_one_burst() -> None:
    """A first text behind them does not wait for a second."""
    scheduler = Scheduler()
    for channel_id in range(200):
        scheduler.put(call(channel_id, Urgency.EDIT), 0.0)
    times, now = [], 0.0
    while scheduler.waiting:
        times += [now for _ in take_all(scheduler, now)]
        now = scheduler.next_look(now) or now
    assert all(after - before >= TOTAL_GAP - ROUNDING for before, after in pairwise(times))


def test_a_call_that_is_made_a_little_late_delays_none_behind_it() -> None:
    """An event loop wakes a millisecond late each time, which would cost two or three of fifty calls a second."""
    scheduler = Scheduler()
    for channel_id in range(20):
        scheduler.put(call(channel_id, Urgency.EDIT), 0.0)
    now = 0.0
    while scheduler.waiting:
        assert len(take_all(scheduler, now)) == 1
        now = (scheduler.next_look(now) or now) + 0.002
    assert now < 19 * TOTAL_GAP + 0.005


def test_the_round_trip_of_a_call_does_not_delay_the_next() -> None:
    """Fifty calls of 50 ms each are made every 1.01 s instead of every 1.05 s."""
    scheduler, now, answers = Scheduler(), 0.0, deque[tuple[float, StartedCall]]()
    for number in range(1_000):
        scheduler.put(call(number), 0.0)
    while scheduler.waiting:
        while answers and answers[0][0] <= now + ROUNDING:
            when, start = answers.popleft()
            answer(scheduler, start, when, RateLimitHeaders())
        while (taken := scheduler.take(now)) is not None:
            answers.append((now + 0.05, taken))
        now += 0.001
    assert now == pytest.approx(19 * 1.01, abs=0.2)


def test_placeholders_and_reactions_leave_half_of_all_calls_to_texts_for_a_while() -> None:
    """When sixty turns begin together, the first text does not wait for the placeholders of the others."""
    scheduler = Scheduler()
    for channel_id in range(TOTAL_CALLS + 10):
        scheduler.put(call(channel_id, Urgency.PLACEHOLDER), 0.0)
        scheduler.put(call(None, Urgency.LOW), 0.0)
    assert len(take_all(scheduler, 0.0)) == TOTAL_CALLS // 2
    text = call(1_000, Urgency.FIRST)
    scheduler.put(text, 0.1)
    assert [start.call for start in take_all(scheduler, 0.1)] == [text]
    patience = HALF_SHARE_SECONDS[Urgency.PLACEHOLDER]
    after = take_all(scheduler, patience + 0.01)
    assert {start.call.urgency for start in after} == {Urgency.PLACEHOLDER}
    assert len(after) == TOTAL_CALLS + 10 - TOTAL_CALLS // 2


def test_a_placeholder_that_waits_holds_up_no_edit() -> None:
    """It is more urgent, but edits continue while it leaves them their half."""
    scheduler = Scheduler()
    for channel_id in range(200):
        scheduler.put(call(channel_id, Urgency.EDIT), 0.0)
    begun, now = [], 0.0
    while now < 0.6:
        begun += take_all(scheduler, now)
        now += 0.01
    placeholder = call(1_000, Urgency.PLACEHOLDER)
    scheduler.put(placeholder, now)
    assert take_all(scheduler, now + TOTAL_GAP) != []
    assert placeholder.waiting


@pytest.mark.parametrize("urgency", [Urgency.PLACEHOLDER, Urgency.LOW])
def test_a_call_costs_the_same_however_many_others_wait_for_their_share(urgency: Urgency) -> None:
    """The cost of each call must not grow with their number."""
    spent = []
    for number in (500, 1_000):
        scheduler, starts = Scheduler(), list[StartedCall]()
        for turn in range(TOTAL_CALLS // 2):  # These use up the half, one after another.
            scheduler.put(call(None), turn / TOTAL_CALLS)
            take_all(scheduler, turn / TOTAL_CALLS)
        for channel_id in range(number):
            scheduler.put(call(channel_id, urgency), 0.5)

        def work(scheduler: Scheduler = scheduler, starts: list[StartedCall] = starts) -> None:
            for moment in range(100, 149):
                starts += take_all(scheduler, moment / 100)
                scheduler.next_look(moment / 100)

        spent.append(calls(work) / len(starts))
    assert spent[1] < 1.1 * spent[0]


def test_a_text_waits_until_it_is_due_and_a_final_text_does_not() -> None:
    """It keeps its place among those that have waited as long. Each write has a due time of its own."""
    scheduler = Scheduler()
    page, other = call(7, Urgency.EDIT, Bucket.MESSAGE), call(8, Urgency.EDIT)
    page.due = other.due = 1.0
    scheduler.put(page, 0.1)
    scheduler.put(other, 0.2)
    assert take_all(scheduler, 0.9) == []
    assert scheduler.next_look(0.9) == 1.0
    assert [start.call for now in (1.0, 1.0 + TOTAL_GAP) for start in take_all(scheduler, now)] == [page, other]
    assert page.due == 0.0
    scheduler.put(page, 1.1)
    assert len(take_all(scheduler, 1.1)) == 1
    page.due = 9.0
    scheduler.put(page, 1.2)
    assert take_all(scheduler, 1.3) == []
    page.urgency = Urgency.FINAL
    scheduler.put(page, 1.3)
    assert len(take_all(scheduler, 1.3)) == 1


def test_a_placeholder_waits_until_it_is_due_and_a_first_text_does_not() -> None:
    """A text that comes before is the first message itself."""
    scheduler = Scheduler()
    reply = call(7, Urgency.PLACEHOLDER)
    reply.due = 0.25
    scheduler.put(reply, 0.0)
    assert take_all(scheduler, 0.2) == []
    assert scheduler.next_look(0.2) == 0.25
    reply.urgency = Urgency.FIRST
    scheduler.put(reply, 0.2)
    assert [start.call for start in take_all(scheduler, 0.2)] == [reply]


def test_a_call_with_another_content_waits_from_then_on() -> None:
    """A reaction to the end of a turn does not go before edits because the one to its beginning was never made."""
    scheduler = Scheduler()
    old, replaced = call(7, Urgency.LOW), call(8, Urgency.LOW)
    for each in (old, replaced):
        scheduler.put(each, 0.0)
    scheduler.put(replaced, LOW_PATIENCE - 1, since=LOW_PATIENCE - 1)
    edit = call(9, Urgency.EDIT)
    scheduler.put(edit, LOW_PATIENCE + 0.5, since=LOW_PATIENCE + 0.5)
    times = (LOW_PATIENCE + 1 + number * TOTAL_GAP for number in range(3))
    assert [start.call for now in times for start in take_all(scheduler, now)] == [old, edit, replaced]


def test_during_an_outage_probes_are_made_and_no_reactions() -> None:
    """The most urgent call probes first, another follows a failure, and an answer releases all by their budgets."""
    scheduler = Scheduler()
    reactions = [call(number, Urgency.LOW, Bucket.REACTION) for number in range(20)]
    texts = [call(number, Urgency.FINAL) for number in range(20)]
    scheduler.breaker.failed("one", 0.0, "403", blocked=True)
    for each in (*reactions, *texts):
        scheduler.put(each, 0.0)
    assert scheduler.take(0.0) is None
    assert scheduler.next_look(0.0) == FIRST_PROBE_SECONDS
    probe = scheduler.take(FIRST_PROBE_SECONDS)
    assert probe is not None
    assert probe.call is texts[0]
    assert scheduler.take(FIRST_PROBE_SECONDS) is None
    scheduler.breaker.failed(probe.call.backoff, 1.1, "403", blocked=False)
    scheduler.finished(probe, 1.1)
    scheduler.put(probe.call, 1.1, delay=LONGEST_WAIT)
    assert scheduler.take(3.0) is None
    second = scheduler.take(3.2)
    assert second is not None
    assert second.call is texts[1]
    answer(scheduler, second, 3.3, RateLimitHeaders())
    assert {start.call for start in take_all(scheduler, 3.3)} == {*texts[2:]}
    later = [start.call for step in range(100) for start in take_all(scheduler, 20.0 + step * TOTAL_GAP)]
    assert later[0] is texts[0]
    assert {*later[1:]} == {*reactions}


def test_a_call_with_nothing_to_write_is_no_probe() -> None:
    """The next call takes its place immediately."""
    scheduler = Scheduler()
    scheduler.breaker.failed("one", 0.0, "403", blocked=True)
    for number in range(2):
        scheduler.put(call(number, Urgency.FINAL), 0.0)
    idle = scheduler.take(FIRST_PROBE_SECONDS)
    assert idle is not None
    scheduler.dropped(idle, FIRST_PROBE_SECONDS)
    assert scheduler.next_look(FIRST_PROBE_SECONDS) is not None
    assert len(take_all(scheduler, FIRST_PROBE_SECONDS)) == 1


def test_a_server_with_too_many_writes_gets_none_in_any_channel() -> None:
    """Discord says so in answer to one call (20029)."""
    scheduler = Scheduler({1: 100, 2: 100, 3: 300}.get)
    answer(scheduler, begin(scheduler, call(1)), 0.1, RateLimitHeaders(retry_after=10.0, scope=Scope.SERVER))
    for number in (1, 2, 3):
        scheduler.put(call(number), 0.2)
    assert [start.call.channel_id for start in take_all(scheduler, 0.2)] == [3]
    assert [start.call.channel_id for start in take_all(scheduler, 10.2)] == [1, 2]


def test_a_channel_with_too_many_writes_gets_no_texts_and_edits() -> None:
    """Discord says so in answer to one call (20028); a reaction is no text."""
    scheduler = Scheduler()
    answer(scheduler, begin(scheduler, call(1)), 0.1, RateLimitHeaders(retry_after=10.0, scope=Scope.CHANNEL))
    for bucket in (Bucket.MESSAGE, Bucket.EDIT, Bucket.REACTION):
        scheduler.put(call(1, bucket=bucket), 0.2)
    assert [start.call.bucket for start in take_all(scheduler, 0.2)] == [Bucket.REACTION]
    assert len(take_all(scheduler, 10.2)) == 2


def test_idle_channels_are_forgotten() -> None:
    """The queue of a channel is removed when it has no effect; a call that waits keeps its queue."""
    scheduler, now = Scheduler(), 0.0
    late = call(5_000_000)
    scheduler.put(late, now, delay=10_000.0)
    for channel_id in range(3 * QUEUES_KEPT):
        scheduler.put(call(channel_id), now)
        take_all(scheduler, now)
        now += 0.1
    assert len(scheduler._queues) <= QUEUES_KEPT + 1
    now += 10_000.0
    assert [start.call for start in take_all(scheduler, now)] == [late]
