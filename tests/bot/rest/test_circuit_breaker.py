"""Which calls an outage lets through, and when it begins and ends."""

from itertools import pairwise

from bot.rest.circuit_breaker import FIRST_PROBE_SECONDS, PROBE_SECONDS, CircuitBreaker


def test_the_failures_of_one_source_are_no_outage() -> None:
    """The source has a problem of its own."""
    breaker = CircuitBreaker()
    for now in range(100):
        assert not breaker.failed("one", now, "503", blocked=False)
    assert breaker.admits("other")
    assert repr(breaker) == "<Breaker closed>"


def test_two_sources_that_fail_with_no_answer_between_them_are_an_outage() -> None:
    """Any answer shows that Discord works."""
    breaker = CircuitBreaker()
    assert not breaker.failed("one", 0.0, "503", blocked=False)
    assert not breaker.answered(0.0)
    assert not breaker.failed("two", 1.0, "503", blocked=False)
    assert breaker.failed("one", 2.0, "reset by peer", blocked=False)
    assert breaker.reason == "reset by peer"
    assert not breaker.admits("two")
    assert not breaker.admits(None)
    assert breaker.open_seconds(5.0) == 3.0
    assert repr(breaker) == "<Breaker open: reset by peer>"


def test_a_block_is_an_outage_immediately_for_the_time_that_it_states() -> None:
    """A block concerns all calls."""
    breaker = CircuitBreaker()
    assert breaker.failed("one", 0.0, "403", blocked=True, seconds=40.0)
    assert breaker.wait(0.0) == 40.0
    breaker.begin("probe", 40.0)
    assert not breaker.failed("probe", 41.0, "429", blocked=True, seconds=60.0)
    assert breaker.wait(41.0) == 60.0
    assert breaker.reason == "429"


def test_the_time_between_probes_doubles_up_to_fifteen_seconds() -> None:
    """That bounds the calls of an outage, however many threads write."""
    breaker, now, times = CircuitBreaker(), 0.0, []
    breaker.failed("one", now, "403", blocked=True)
    while now < 3600:
        now += breaker.wait(now)
        times.append(now)
        probe = object()
        breaker.begin(probe, now)
        assert breaker.wait(now) == PROBE_SECONDS
        assert breaker.admits(probe)
        breaker.failed(probe, now, "403", blocked=True)
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert times[0] == FIRST_PROBE_SECONDS
    assert gaps[:4] == [2, 4, 8, 15]
    assert set(gaps[4:]) == {PROBE_SECONDS}
    assert breaker.answered(now)
    breaker.failed("one", now, "403", blocked=True)
    assert breaker.wait(now) == FIRST_PROBE_SECONDS


def test_a_call_sent_before_an_outage_neither_ends_nor_prolongs_it() -> None:
    """Its answer is about an earlier time, and its failure is no news."""
    breaker = CircuitBreaker()
    breaker.failed("one", 10.0, "403", blocked=True)
    before = breaker.wait(10.0)
    assert not breaker.answered(9.9)
    assert not breaker.failed("two", 10.5, "503", blocked=False)
    assert breaker.wait(10.0) == before
    assert breaker.reason == "403"
    assert breaker.answered(10.6)
    assert not breaker.is_open
    assert breaker.open_seconds(11.0) == 0.0


def test_a_probe_that_makes_no_call_gives_its_place_to_another() -> None:
    """One that hangs does so after a while."""
    breaker = CircuitBreaker()
    breaker.failed("one", 0.0, "403", blocked=True)
    breaker.begin("idle", 1.0)
    breaker.drop("idle", 1.0)
    assert breaker.wait(1.0) == 0.0
    breaker.begin("hangs", 1.0)
    assert breaker.wait(1.0) == PROBE_SECONDS
    breaker.begin("next", 1.0 + PROBE_SECONDS)
    assert not breaker.admits("hangs")
    assert breaker.answered(1.0 + PROBE_SECONDS)
