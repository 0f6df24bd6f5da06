"""How an exchange ended, in words."""

import pytest

from bot.user_messages import outcomes
from pool.exchange import TimedOut


@pytest.mark.parametrize(
    ("seconds", "limit"), [(3600.0, "60 minutes"), (60.0, "1 minute"), (7200.0, "120 minutes"), (90.0, "1.5 minutes")]
)
def test_a_turn_that_took_too_long_names_its_limit(seconds: float, limit: str) -> None:
    """As the configuration has it: in minutes."""
    (line,) = outcomes.closing(TimedOut(seconds, "cancelled"), said=True, redact=str)
    assert line == f"-# ⏹ Stopped at the time limit of {limit}."
