"""The bot that chaos runs: its long waits are shortened, and each of them is one of the bot's."""

from importlib import import_module

import pytest

from bench.chaos.hurried import GRACE, WAITS


@pytest.mark.parametrize(
    ("module", "constant"), [(name, each) for name, constants in WAITS.items() for each in constants] + [GRACE[:2]]
)
def test_each_wait_that_is_shortened_is_there(module: str, constant: str) -> None:
    """Moved or renamed, it would stay as long as it is, and chaos would prove less."""
    assert getattr(import_module(module), constant) > 0
