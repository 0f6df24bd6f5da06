"""The wait before the next client."""

from bot.gateway.supervisor import LONGEST_SECONDS, ReconnectDelay
from bot.rest.circuit_breaker import PROBE_SECONDS


def test_the_pause_doubles_from_one_second_to_a_minute() -> None:
    """The library's own wait grows to 17 minutes."""
    pauses = ReconnectDelay()
    assert [pauses.after(lasted=0.0, identified=True) for _ in range(8)] == [1, 2, 4, 8, 16, 32, 60, 60]


def test_a_client_that_does_not_reach_the_gateway_is_followed_by_the_next_as_soon_as_a_probe() -> None:
    """It costs no identify, and the first client that connects ends the outage."""
    pauses = ReconnectDelay()
    found = [pauses.after(lasted=0.0, identified=False) for _ in range(6)]
    assert found == [1, 2, 4, 8, PROBE_SECONDS, PROBE_SECONDS]


def test_after_a_client_that_lived_for_long_the_pause_is_short_again() -> None:
    """A client that dies soon after its start does not reset the pause."""
    pauses = ReconnectDelay()
    for _ in range(8):
        pauses.after(lasted=LONGEST_SECONDS, identified=True)
    assert pauses.after(lasted=LONGEST_SECONDS, identified=True) == LONGEST_SECONDS
    assert pauses.after(lasted=LONGEST_SECONDS + 1, identified=True) == 1.0
