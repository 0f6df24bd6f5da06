"""The beginning of an agent's value."""

from typing import Any

import pytest

from acp.errors import RemoteError
from acp.excerpt import excerpt
from tests.support.call_count import calls


@pytest.mark.parametrize("value", ["a", 5, None, [1, "b"], {"c": [{}]}], ids=repr)
def test_what_is_short_is_written_as_it_is(value: Any) -> None:
    """A text without quotes, any other value as its repr."""
    assert excerpt(value, 100) == str(value)


@pytest.mark.parametrize("value", ["x" * 100_000, ["x" * 100_000], [0] * 100_000, {"y": {"x" * 100_000: 1}}])
def test_of_what_is_long_the_beginning_is_written(value: Any) -> None:
    """For each type."""
    assert len(excerpt(value, 100)) <= 100


def test_the_rest_of_a_long_value_is_not_written_out() -> None:
    """The hidden part costs no calls, in an agent's error too."""
    error, longer = (RemoteError("m", 1, "no", {"rows": [[row] * 10 for row in range(size)]}) for size in (200, 20_000))
    assert calls(lambda: str(error)) == calls(lambda: str(longer))
