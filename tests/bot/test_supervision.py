"""How long to wait before the next client."""

import pytest

from bot.supervision import IDENTIFIES, IDENTIFY_SECONDS, LONGEST_SECONDS, Pauses


def test_the_pause_doubles_from_one_second_to_a_minute() -> None:
    """The library's own grows to 17 minutes."""
    pauses = Pauses()
    found = [pauses.after(lasted=0.0, identified=False, now=0.0) for _ in range(8)]
    assert found == [1, 2, 4, 8, 16, 32, 60, 60]


def test_after_a_client_that_lived_for_long_the_pause_is_short_again() -> None:
    """One that dies again and again soon after its start does not get there."""
    pauses = Pauses()
    for _ in range(8):
        pauses.after(lasted=LONGEST_SECONDS, identified=True, now=0.0)
    assert pauses.after(lasted=LONGEST_SECONDS, identified=True, now=0.0) == LONGEST_SECONDS
    assert pauses.after(lasted=LONGEST_SECONDS + 1, identified=True, now=0.0) == 1.0


@pytest.mark.parametrize("lasted", [0.0, LONGEST_SECONDS + 1])
def test_the_gateway_is_never_asked_more_often_than_it_allows_in_a_day(lasted: float) -> None:
    """Discord takes away the token of a bot that identifies more than 1,000 times in 24 hours."""
    pauses, now = Pauses(), 0.0
    starts: list[float] = []
    while len(starts) < 3 * IDENTIFIES:
        starts.append(now)
        now += lasted
        now += pauses.after(lasted=lasted, identified=True, now=now)
    for first, last in zip(starts, starts[1000:], strict=False):
        assert last - first > IDENTIFY_SECONDS


def test_a_network_that_is_gone_for_a_day_does_not_count() -> None:
    """Who never got as far as the gateway is back within a minute."""
    pauses, now = Pauses(), 0.0
    for _ in range(5000):
        wait = pauses.after(lasted=0.0, identified=False, now=now)
        assert wait <= LONGEST_SECONDS
        now += wait
