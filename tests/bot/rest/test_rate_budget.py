"""The budget of calls: never refused by a server with fixed windows, whatever the delays; and what it believes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.rest.rate_budget import UNANSWERED_SECONDS, Budget, RateLimitHeaders, Reservation


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
    """Each call is sent when the budget allows it, arrives late, and is answered later (0 calls refused).

    No call arrives sooner, nor is any answer here sooner, than the `ways` take; both together are known.
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
    """Not from its sending: it may have arrived as late as its answer."""
    budget = Budget(1, 5.0)
    reservation = Reservation(0.0)
    budget.spend(reservation)
    reservation.answered = 0.5
    assert budget.wait(1.0) == 4.5
    assert budget.wait(5.5) == 0


def test_what_every_call_takes_shortens_the_wait_for_the_window_that_an_answer_tells_of() -> None:
    """That was over so much sooner, and the next call arrives so much later."""
    budget = Budget(5, 5.0)
    budget.round_trip = 0.25
    budget.learn(RateLimitHeaders(5, 0, 2.0), 1.0)
    assert budget.wait(1.0) == 1.75


def test_a_call_that_hangs_does_not_keep_its_place_for_ever() -> None:
    """After two seconds it is taken to have arrived."""
    budget = Budget(1, 5.0)
    budget.spend(Reservation(0.0))
    assert budget.wait(0.0) == UNANSWERED_SECONDS + 5.0


def test_a_call_that_was_not_made_is_given_back() -> None:
    """Deciding that there is nothing to write costs nothing."""
    budget = Budget(1, 5.0)
    reservation = Reservation(0.0)
    budget.spend(reservation)
    budget.give_back(reservation)
    assert budget.wait(0.0) == 0
    assert repr(budget) == "<Budget 0 of 1 in 5 s>"


def test_what_is_kept_is_left_to_others() -> None:
    """Four of five for edits; the fifth is there for the final text."""
    budget = Budget(5, 5.0)
    for _ in range(4):
        budget.spend(Reservation(0.0, answered=0.0))
    assert budget.wait(0.0, keep=1) == 5.0
    assert budget.wait(0.0) == 0


def test_what_is_left_is_spread_over_the_window() -> None:
    """After two quick writes the other two do not go at once, and then nothing for seconds."""
    budget = Budget(5, 5.0)
    for sent in (0.0, 0.2):
        budget.spend(Reservation(sent, answered=sent))
    assert budget.pace(0.2, keep=1) == pytest.approx(1.6)
    now = 1.8
    budget.spend(Reservation(now, answered=now))
    assert budget.pace(now, keep=1) == pytest.approx(1.6)


def test_at_a_steady_pace_the_edits_come_at_even_distances() -> None:
    """Four in five seconds."""
    budget, now, sent = Budget(5, 5.0), 0.0, list[float]()
    for _ in range(12):
        now += budget.pace(now, keep=1)
        sent.append(now)
        budget.spend(Reservation(now, answered=now))
    assert sent == pytest.approx([1.25 * number for number in range(12)])


def test_a_stricter_limit_than_expected_is_believed() -> None:
    """Headers count for more than figures that others observed."""
    budget = Budget(5, 5.0)
    reservation = Reservation(0.0, answered=0.1)
    budget.spend(reservation)
    budget.learn(RateLimitHeaders(limit=2, remaining=1, reset_after=9.9), 0.1)
    assert (budget.limit, budget.seconds) == (2, 9.9)
    budget.spend(Reservation(0.2, answered=0.3))
    assert budget.wait(0.3) == pytest.approx(9.7)


def test_tokens_that_somebody_else_spent_are_believed_to_be_gone() -> None:
    """Nothing is left, so nothing is sent until the window's end."""
    budget = Budget(5, 5.0)
    budget.spend(Reservation(0.0, answered=0.1))
    budget.learn(RateLimitHeaders(limit=5, remaining=0, reset_after=3.0), 0.1)
    assert budget.wait(0.1) == 3.0
    budget.spend(Reservation(3.1, answered=3.2))
    budget.learn(RateLimitHeaders(limit=5, remaining=4, reset_after=4.9), 3.2)
    assert budget.wait(3.2) == 0


def test_a_refusal_closes_it_for_as_long_as_it_says() -> None:
    """Whatever the count."""
    budget = Budget(5, 5.0)
    budget.learn(RateLimitHeaders(retry_after=280.0), 0.0)
    assert budget.wait(0.0) == 280.0
    assert not budget.is_idle(100.0)
    assert budget.is_idle(281.0)
