"""A budget is never refused by a server with fixed windows, however calls are delayed; the limits that it learns."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.rest.sliding_window import UNANSWERED_SECONDS, Budget, RateLimitHeaders, Reservation


class Server:
    """Counts in fixed windows that begin with the first call to arrive."""

    def __init__(self, limit: int, seconds: float) -> None:
        self.limit = limit
        self.seconds = seconds
        self.ends = float("-inf")
        self.left = 0

    def takes(self, now: float) -> bool:
        if now >= self.ends:
            self.ends, self.left = now + self.seconds, self.limit
        self.left -= 1
        return self.left >= 0


ways = st.floats(0.0, 0.1)
delays = st.floats(0.0, UNANSWERED_SECONDS / 2 - 0.1)


@given(
    limit=st.integers(1, 6),
    calls=st.lists(st.tuples(st.floats(0.0, 4.0), delays, delays), min_size=1, max_size=60),
    ways=st.tuples(ways, ways),
)
def test_a_server_with_fixed_windows_never_refuses_whatever_the_delays(
    limit: int, calls: list[tuple[float, float, float]], ways: tuple[float, float]
) -> None:
    """Each call is sent when the budget allows it, arrives late, and is answered later: no call is refused.

    The `ways` are the least time that a call and its answer take; their sum is the known round trip.
    """
    seconds = 5.0
    budget, server = Budget(limit, seconds), Server(limit, seconds)
    budget.round_trip = max(0.0, sum(ways) - 1e-6)  # Sums of fractions are not exact.
    calls = [(pause, ways[0] + there, ways[1] + back) for pause, there, back in calls]
    now = 0.0
    reservations: list[tuple[float, Reservation]] = []
    arrivals: list[float] = []
    for pause, there, back in calls:
        now += pause
        while True:
            for answered, reservation in reservations:
                if answered <= now:
                    reservation.answered = answered
            wait = budget.wait(now)
            if not wait:
                break
            # An answer may change the wait, so nothing is skipped.
            now = min([now + wait, *(answered for answered, reservation in reservations if answered > now)])
        reservation = Reservation(now)
        budget.spend(reservation)
        reservations.append((now + there + back, reservation))
        arrivals.append(now + there)
    assert all(server.takes(arrival) for arrival in sorted(arrivals))


def test_a_call_counts_for_one_window_from_its_answer() -> None:
    """It may have arrived as late as its answer, so the time of its sending does not count."""
    budget = Budget(1, 5.0)
    reservation = Reservation(0.0)
    budget.spend(reservation)
    reservation.answered = 0.5
    assert budget.wait(1.0) == 4.5
    assert budget.wait(5.5) == 0


def test_the_round_trip_shortens_the_wait_for_the_end_of_a_window() -> None:
    """The answer was sent before it arrived, and the next call arrives after it is sent."""
    budget = Budget(5, 5.0)
    budget.round_trip = 0.25
    budget.learn(RateLimitHeaders(5, 0, 2.0), 1.0)
    assert budget.wait(1.0) == 1.75


def test_a_call_that_hangs_does_not_keep_its_place_for_ever() -> None:
    """After two seconds it counts as arrived."""
    budget = Budget(1, 5.0)
    budget.spend(Reservation(0.0))
    assert budget.wait(0.0) == UNANSWERED_SECONDS + 5.0


def test_a_call_that_was_not_made_is_given_back() -> None:
    """A decision to write nothing costs nothing."""
    budget = Budget(1, 5.0)
    reservation = Reservation(0.0)
    budget.spend(reservation)
    budget.give_back(reservation)
    assert budget.wait(0.0) == 0
    assert repr(budget) == "<Budget 0 of 1 in 5 s>"


def test_calls_that_keep_one_leave_it_to_others() -> None:
    """Edits get four of five; the fifth is for the final text."""
    budget = Budget(5, 5.0)
    for _ in range(4):
        budget.spend(Reservation(0.0, answered=0.0))
    assert budget.wait(0.0, keep=1) == 5.0
    assert budget.wait(0.0) == 0


def test_the_calls_that_are_left_are_spread_over_the_window() -> None:
    """After two quick writes the other two are not made in a burst with seconds of silence behind it."""
    budget = Budget(5, 5.0)
    for sent in (0.0, 0.2):
        budget.spend(Reservation(sent, answered=sent))
    assert budget.pace(0.2, keep=1) == pytest.approx(1.6)
    now = 1.8
    budget.spend(Reservation(now, answered=now))
    assert budget.pace(now, keep=1) == pytest.approx(1.6)


def test_steady_edits_come_at_even_distances() -> None:
    """Four come in five seconds."""
    budget, now, sent = Budget(5, 5.0), 0.0, list[float]()
    for _ in range(12):
        now += budget.pace(now, keep=1)
        sent.append(now)
        budget.spend(Reservation(now, answered=now))
    assert sent == pytest.approx([1.25 * number for number in range(12)])


def test_a_stricter_limit_than_expected_applies() -> None:
    """Headers replace the default figures."""
    budget = Budget(5, 5.0)
    reservation = Reservation(0.0, answered=0.1)
    budget.spend(reservation)
    budget.learn(RateLimitHeaders(limit=2, remaining=1, reset_after=9.9), 0.1)
    assert (budget.limit, budget.seconds) == (2, 9.9)
    budget.spend(Reservation(0.2, answered=0.3))
    assert budget.wait(0.3) == pytest.approx(9.7)


def test_calls_that_another_program_made_count() -> None:
    """With none left, the budget waits for the window's end."""
    budget = Budget(5, 5.0)
    budget.spend(Reservation(0.0, answered=0.1))
    budget.learn(RateLimitHeaders(limit=5, remaining=0, reset_after=3.0), 0.1)
    assert budget.wait(0.1) == 3.0
    budget.spend(Reservation(3.1, answered=3.2))
    budget.learn(RateLimitHeaders(limit=5, remaining=4, reset_after=4.9), 3.2)
    assert budget.wait(3.2) == 0


def test_a_refusal_closes_the_budget_for_the_time_that_it_states() -> None:
    """The count does not matter then."""
    budget = Budget(5, 5.0)
    budget.learn(RateLimitHeaders(retry_after=280.0), 0.0)
    assert budget.wait(0.0) == 280.0
    assert not budget.is_idle(100.0)
    assert budget.is_idle(281.0)
