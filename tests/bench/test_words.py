"""The words that measurements wait for are the bot's: a measurement that waits for others would end at its bound."""

from bench.hung_thread import STOPPED
from bench.scale import AT_WORK
from bot.user_messages import notices, outcomes
from pool.exchange import Cancelled
from pool.turn_watchdog import WatchdogAlert


def test_a_stopped_turn_says_what_the_measurement_of_a_hang_waits_for() -> None:
    """The measurement stops a hanging turn, and goes on when it is seen to have ended."""
    assert any(STOPPED in line for line in outcomes.closing(Cancelled(1), said=True, redact=str))


def test_a_request_that_waits_or_runs_says_what_the_measurement_of_a_thousand_waits_for() -> None:
    """In line, at work, or silent for long, and not yet while its agent only starts."""
    silent = notices.due(WatchdogAlert.SILENT, 121.0, taken_in=False)
    assert all(map(AT_WORK.search, (notices.in_line(3, ()), notices.WORKING, silent)))
    assert not AT_WORK.search(notices.STARTING)
