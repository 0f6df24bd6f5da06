"""The bot of chaos: each shortened wait exists in the bot."""

from importlib import import_module

import pytest

from bench.chaos.hurried import GRACE, WAITS


@pytest.mark.parametrize(
    ("module", "constant"), [(name, each) for name, constants in WAITS.items() for each in constants] + [GRACE[:2]]
)
def test_each_wait_that_is_shortened_is_there(module: str, constant: str) -> None:
    """A moved or renamed wait would keep its length, and chaos would prove less."""
    wait = getattr(import_module(module), constant)
    assert wait > ((0.0,) if isinstance(wait, tuple) else 0)
