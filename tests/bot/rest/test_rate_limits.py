"""The pure schedule: order, budgets, and that looking costs little; and simulated with many threads."""

from collections import deque
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.simulated_discord import ONE_WAY, Scheduled
from bot.rest.backoff import LONGEST_WAIT
from bot.rest.calls import ApiCall, Bucket, Urgency
from bot.rest.circuit_breaker import FIRST_PROBE_SECONDS
from bot.rest.rate_budget import RateLimitHeaders, Scope
from bot.rest.rate_limits import (
    HALF_SHARE_SECONDS,
    QUEUES_KEPT,
    SIGN_PATIENCE,
    TOTAL_CALLS,
    TOTAL_GAP,
    Scheduler,
    StartedCall,
)
from tests.support.call_count import calls

ROUNDING = 1e-6


def job(channel_id: int | None, urgency: Urgency = Urgency.NOTICE, bucket: Bucket | None = None) -> ApiCall:
    """A job that is never performed here."""
    otherwise = Bucket.EDIT if urgency is Urgency.EDIT else Bucket.MESSAGE
    return ApiCall(channel_id, lambda: None, urgency, bucket or otherwise)


def take_all(schedule: Scheduler, now: float) -> list[StartedCall]:
    """Begin all that may be begun now; each is answered and finished at once."""
    starts = []
    while (start := schedule.take(now)) is not None:
        schedule.finished(start, now)
        starts.append(start)
    return starts


@pytest.mark.parametrize("threads", [1, 10, 60, 200])
def test_no_call_is_ever_refused_and_all_text_becomes_visible(threads: int) -> None:
    """Against fixed windows, with jitter and calls that are held up (0 times 429)."""
    outcome = Scheduled(threads, spread=2.0).run()
    assert outcome.refused == 0
    assert len(outcome.final) == threads


@settings(max_examples=20)
@given(threads=st.integers(1, 30), spread=st.floats(0.0, 60.0), seed=st.integers(0, 1_000))
def test_below_the_limit_of_all_calls_no_final_text_waits(threads: int, spread: float, seed: int) -> None:
    """One write is kept for it; it waits only for the edit that is in flight, and for other final texts."""
    outcome = Scheduled(threads, spread, seed).run()
    assert outcome.refused == 0
    assert max(outcome.final) < 4 * ONE_WAY + threads / 40 + 1.5


def test_a_hundred_streams_share_all_calls_evenly() -> None:
    """The staleness that Discord's limits allow is a period of two seconds: within a tenth of it (simulated time)."""
    outcome = Scheduled(100, spread=5.0).run()
    staleness = sorted(outcome.staleness)
    assert staleness[len(staleness) // 2] < 1.1 * 1.0
    assert staleness[int(len(staleness) * 0.99)] < 1.15 * 2.0


def test_the_most_urgent_goes_first_and_among_equals_the_oldest() -> None:
    """Not in the order in which they were asked for."""
    schedule = Scheduler()
    asked = [job(number, urgency) for number, urgency in enumerate([*reversed(Urgency), *Urgency])]
    for number, each in enumerate(asked):
        schedule.put(each, number / 1000)
    order, now = [], 1.0
    while schedule.waiting:
        order += [(start.call.urgency.name, start.call.channel_id) for start in take_all(schedule, now)]
        now += TOTAL_GAP
    last = len(Urgency) - 1
    assert order == [(each.name, channel_id) for each in Urgency for channel_id in (last - each, last + 1 + each)]


def test_a_sign_is_lowest_but_not_for_ever() -> None:
    """However many edits come, a sign goes when it has waited for half a minute longer than they have."""
    schedule, now = Scheduler(), 0.0
    sign = job(None, Urgency.SIGN)
    schedule.put(sign, now)
    went = None
    for channel_id in range(10_000):
        schedule.put(job(channel_id, Urgency.EDIT), now)
        start = schedule.take(now)
        if start is not None:
            schedule.finished(start, now)
            went = now if start.call is sign else went
        now += 0.01
    assert went is not None
    assert SIGN_PATIENCE <= went < 2 * SIGN_PATIENCE + 30


def test_a_job_that_became_more_urgent_goes_now() -> None:
    """A final text does not wait for the time of the edit that it was."""
    schedule = Scheduler()
    reply = job(7, Urgency.EDIT)
    schedule.put(reply, 0.0)
    assert [start.call for start in take_all(schedule, 0.0)] == [reply]
    schedule.put(reply, 0.1)
    assert take_all(schedule, 0.1) == []
    assert schedule.next_look(0.1) == pytest.approx(1.25)
    reply.urgency = Urgency.FINAL
    assert schedule.put(reply, 0.2)
    assert [start.call for start in take_all(schedule, 0.2)] == [reply]


def test_asking_again_changes_nothing() -> None:
    """So nobody is woken by it: a stream of chunks asks thousands of times for one write."""
    schedule = Scheduler()
    reply = job(7, Urgency.EDIT)
    assert schedule.put(reply, 0.0)
    assert not any(schedule.put(reply, 0.001 * number) for number in range(1_000))
    assert schedule.waiting == 1


def test_a_wait_that_is_asked_for_holds_although_the_job_waits_already() -> None:
    """A write that is to be tried later is not made earlier because more text has come meanwhile."""
    schedule = Scheduler()
    reply = job(7)
    schedule.put(reply, 0.0)
    schedule.put(reply, 0.0, delay=9.0)
    assert take_all(schedule, 8.9) == []
    assert len(take_all(schedule, 9.0)) == 1


def test_what_goes_on_where_a_page_was_full_keeps_its_place_and_no_distance() -> None:
    """It is sent, and sends are counted apart from edits; its text has waited as long as the page before it."""
    schedule = Scheduler()
    page, other = job(7, Urgency.EDIT), job(8, Urgency.EDIT)
    schedule.put(page, 0.0)
    assert len(take_all(schedule, 0.0)) == 1
    schedule.put(other, 0.5)
    page.bucket = Bucket.MESSAGE
    for now in (0.6, 0.7, 0.8, 0.9, 1.0):
        schedule.put(page, now, since=0.0)
        start = schedule.take(now)
        assert start is not None
        assert start.call is page
        schedule.finished(start, now)
    schedule.put(page, 1.1, since=0.0)
    assert [begun.call for begun in take_all(schedule, 1.1)] == [other]
    page.bucket = Bucket.EDIT
    assert take_all(schedule, 5.5) == []
    assert len(take_all(schedule, 5.6)) == 1


def test_a_job_in_flight_is_not_begun_again_before_it_is_finished() -> None:
    """At most one write of a message at a time (invariant 6)."""
    schedule = Scheduler()
    reply = job(7)
    schedule.put(reply, 0.0)
    start = schedule.take(0.0)
    assert start is not None
    schedule.put(reply, 0.1)
    assert schedule.take(0.1) is None
    assert repr(schedule) == "<Schedule 1 waiting, 1 in flight>"
    schedule.finished(start, 0.2)
    assert schedule.take(0.2) is not None


def test_what_had_nothing_to_write_costs_nothing() -> None:
    """Neither in the channel nor in all."""
    schedule = Scheduler()
    for _ in range(100):
        reply = job(7)
        schedule.put(reply, 0.0)
        start = schedule.take(0.0)
        assert start is not None
        schedule.dropped(start, 0.0)
    assert schedule.in_flight == 0


def test_a_refusal_of_one_bucket_holds_up_no_other() -> None:
    """Threads cannot be opened for minutes; everything else goes on."""
    schedule = Scheduler()
    thread = job(7, Urgency.FIRST, Bucket.THREAD)
    schedule.put(thread, 0.0)
    start = schedule.take(0.0)
    assert start is not None
    schedule.answered(start, 0.1, RateLimitHeaders(retry_after=250.0))
    schedule.finished(start, 0.1)
    schedule.put(thread, 0.1)
    schedule.put(job(7), 0.1)
    assert [begun.call.bucket for begun in take_all(schedule, 0.1)] == [Bucket.MESSAGE]
    assert schedule.next_look(0.1) == pytest.approx(250.1)
    assert len(take_all(schedule, 250.1)) == 1


def test_a_refusal_of_everything_holds_up_everything() -> None:
    """A global limit is the bot's, whoever has met it."""
    schedule = Scheduler()
    schedule.put(job(7), 0.0)
    start = schedule.take(0.0)
    assert start is not None
    schedule.answered(start, 0.1, RateLimitHeaders(retry_after=2.0, scope=Scope.EVERYWHERE))
    schedule.finished(start, 0.1)
    schedule.put(job(8, Urgency.FIRST), 0.1)
    assert take_all(schedule, 2.0) == []
    assert len(take_all(schedule, 2.1)) == 1


def test_calls_that_can_wait_are_not_made_in_one_burst() -> None:
    """A first text behind them does not wait for a second."""
    schedule = Scheduler()
    for channel_id in range(200):
        schedule.put(job(channel_id, Urgency.EDIT), 0.0)
    times, now = [], 0.0
    while schedule.waiting:
        times += [now for _ in take_all(schedule, now)]
        now = schedule.next_look(now) or now
    assert all(after - before >= TOTAL_GAP - ROUNDING for before, after in pairwise(times))


def test_a_call_that_is_made_a_little_late_puts_off_none_behind_it() -> None:
    """A loop wakes a millisecond late each time: of fifty calls a second two or three would be lost."""
    schedule = Scheduler()
    for channel_id in range(20):
        schedule.put(job(channel_id, Urgency.EDIT), 0.0)
    now = 0.0
    while schedule.waiting:
        assert len(take_all(schedule, now)) == 1
        now = (schedule.next_look(now) or now) + 0.002
    assert now < 19 * TOTAL_GAP + 0.005


def test_what_every_call_takes_does_not_count_against_the_next() -> None:
    """Of calls that take 50 ms each fifty are made every 1.01 s, and not every 1.05 s."""
    schedule, now, answers = Scheduler(), 0.0, deque[tuple[float, StartedCall]]()
    for number in range(1_000):
        schedule.put(job(number), 0.0)
    while schedule.waiting:
        while answers and answers[0][0] <= now + ROUNDING:
            when, start = answers.popleft()
            schedule.answered(start, when, RateLimitHeaders())
            schedule.finished(start, when)
        while (taken := schedule.take(now)) is not None:
            answers.append((now + 0.05, taken))
        now += 0.001
    assert now == pytest.approx(19 * 1.01, abs=0.2)


def test_placeholders_and_signs_leave_half_of_all_calls_to_texts_for_a_while() -> None:
    """Of sixty turns that begin at once the first to have a text does not wait for the placeholders of the rest."""
    schedule = Scheduler()
    for channel_id in range(TOTAL_CALLS + 10):
        schedule.put(job(channel_id, Urgency.PLACEHOLDER), 0.0)
        schedule.put(job(None, Urgency.SIGN), 0.0)
    assert len(take_all(schedule, 0.0)) == TOTAL_CALLS // 2
    text = job(1_000, Urgency.FIRST)
    schedule.put(text, 0.1)
    assert [start.call for start in take_all(schedule, 0.1)] == [text]
    patience = HALF_SHARE_SECONDS[Urgency.PLACEHOLDER]
    after = take_all(schedule, patience + 0.01)
    assert {start.call.urgency for start in after} == {Urgency.PLACEHOLDER}
    assert len(after) == TOTAL_CALLS + 10 - TOTAL_CALLS // 2


def test_a_placeholder_that_waits_holds_up_no_edit() -> None:
    """It is more urgent than they are; still they go on while it leaves them their half."""
    schedule = Scheduler()
    for channel_id in range(200):
        schedule.put(job(channel_id, Urgency.EDIT), 0.0)
    begun, now = [], 0.0
    while now < 0.6:
        begun += take_all(schedule, now)
        now += 0.01
    placeholder = job(1_000, Urgency.PLACEHOLDER)
    schedule.put(placeholder, now)
    assert take_all(schedule, now + TOTAL_GAP) != []
    assert placeholder.waiting


@pytest.mark.parametrize("urgency", [Urgency.PLACEHOLDER, Urgency.SIGN])
def test_a_call_costs_the_same_however_many_others_wait_for_their_share(urgency: Urgency) -> None:
    """A thousand that come into line at once were each looked at again for every call."""
    spent = []
    for number in (500, 1_000):
        schedule, starts = Scheduler(), list[StartedCall]()
        for turn in range(TOTAL_CALLS // 2):  # These have taken the half, one after another.
            schedule.put(job(None), turn / TOTAL_CALLS)
            take_all(schedule, turn / TOTAL_CALLS)
        for channel_id in range(number):
            schedule.put(job(channel_id, urgency), 0.5)

        def work(schedule: Scheduler = schedule, starts: list[StartedCall] = starts) -> None:
            for moment in range(100, 149):
                starts += take_all(schedule, moment / 100)
                schedule.next_look(moment / 100)

        spent.append(calls(work) / len(starts))
    assert spent[1] < 1.1 * spent[0]


def test_a_text_that_is_not_due_waits_for_its_time_and_the_end_does_not() -> None:
    """Nor does it lose its place among those that have waited as long; what is due is said anew for each write."""
    schedule = Scheduler()
    page, other = job(7, Urgency.EDIT, Bucket.MESSAGE), job(8, Urgency.EDIT)
    page.due = other.due = 1.0
    schedule.put(page, 0.1)
    schedule.put(other, 0.2)
    assert take_all(schedule, 0.9) == []
    assert schedule.next_look(0.9) == 1.0
    assert [start.call for now in (1.0, 1.0 + TOTAL_GAP) for start in take_all(schedule, now)] == [page, other]
    assert page.due == 0.0
    schedule.put(page, 1.1)
    assert len(take_all(schedule, 1.1)) == 1
    page.due = 9.0
    schedule.put(page, 1.2)
    assert take_all(schedule, 1.3) == []
    page.urgency = Urgency.FINAL
    schedule.put(page, 1.3)
    assert len(take_all(schedule, 1.3)) == 1


def test_while_discord_is_away_probes_are_made_and_no_signs() -> None:
    """The most urgent goes first; one that fails makes room for another; an answer lets all go, by their budgets."""
    schedule = Scheduler()
    signs = [job(number, Urgency.SIGN, Bucket.REACTION) for number in range(20)]
    texts = [job(number, Urgency.FINAL) for number in range(20)]
    schedule.breaker.failed("one", 0.0, "403", blocked=True)
    for each in (*signs, *texts):
        schedule.put(each, 0.0)
    assert schedule.take(0.0) is None
    assert schedule.next_look(0.0) == FIRST_PROBE_SECONDS
    probe = schedule.take(FIRST_PROBE_SECONDS)
    assert probe is not None
    assert probe.call is texts[0]
    assert schedule.take(FIRST_PROBE_SECONDS) is None
    schedule.breaker.failed(probe.call.backoff, 1.1, "403", blocked=False)
    schedule.finished(probe, 1.1)
    schedule.put(probe.call, 1.1, delay=LONGEST_WAIT)
    assert schedule.take(3.0) is None
    second = schedule.take(3.2)
    assert second is not None
    assert second.call is texts[1]
    schedule.answered(second, 3.3, RateLimitHeaders())
    schedule.finished(second, 3.3)
    assert {start.call for start in take_all(schedule, 3.3)} == {*texts[2:]}
    later = [start.call for step in range(100) for start in take_all(schedule, 20.0 + step * TOTAL_GAP)]
    assert later[0] is texts[0]
    assert {*later[1:]} == {*signs}


def test_a_probe_with_nothing_to_do_is_none() -> None:
    """The next job takes its place at once."""
    schedule = Scheduler()
    schedule.breaker.failed("one", 0.0, "403", blocked=True)
    for number in range(2):
        schedule.put(job(number, Urgency.FINAL), 0.0)
    idle = schedule.take(FIRST_PROBE_SECONDS)
    assert idle is not None
    schedule.dropped(idle, FIRST_PROBE_SECONDS)
    assert schedule.next_look(FIRST_PROBE_SECONDS) is not None
    assert len(take_all(schedule, FIRST_PROBE_SECONDS)) == 1


def test_a_server_that_takes_no_more_is_left_alone_in_all_its_channels() -> None:
    """Discord says so of one call (20029)."""
    schedule = Scheduler({1: 100, 2: 100, 3: 300}.get)
    schedule.put(job(1), 0.0)
    (first,) = take_all(schedule, 0.0)
    schedule.answered(first, 0.1, RateLimitHeaders(retry_after=10.0, scope=Scope.SERVER))
    schedule.finished(first, 0.1)
    for number in (1, 2, 3):
        schedule.put(job(number), 0.2)
    assert [start.call.channel_id for start in take_all(schedule, 0.2)] == [3]
    assert [start.call.channel_id for start in take_all(schedule, 10.2)] == [1, 2]


def test_a_channel_that_takes_no_more_is_left_alone_for_texts_and_edits() -> None:
    """Discord says so of one call (20028); a reaction is no text."""
    schedule = Scheduler()
    schedule.put(job(1), 0.0)
    (first,) = take_all(schedule, 0.0)
    schedule.answered(first, 0.1, RateLimitHeaders(retry_after=10.0, scope=Scope.CHANNEL))
    schedule.finished(first, 0.1)
    for bucket in (Bucket.MESSAGE, Bucket.EDIT, Bucket.REACTION):
        schedule.put(job(1, bucket=bucket), 0.2)
    assert [start.call.bucket for start in take_all(schedule, 0.2)] == [Bucket.REACTION]
    assert len(take_all(schedule, 10.2)) == 2


def test_quiet_channels_are_forgotten() -> None:
    """What is remembered of a channel goes when it no longer matters; one that waits keeps its place."""
    schedule, now = Scheduler(), 0.0
    late = job(5_000_000)
    schedule.put(late, now, delay=10_000.0)
    for channel_id in range(3 * QUEUES_KEPT):
        schedule.put(job(channel_id), now)
        take_all(schedule, now)
        now += 0.1
    assert len(schedule._queues) <= QUEUES_KEPT + 1
    now += 10_000.0
    assert [start.call for start in take_all(schedule, now)] == [late]
