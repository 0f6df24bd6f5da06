"""An agent's patterns against what people enter, in real processes."""

import pytest

from bot.questions.pattern_check import find_mismatches

pytestmark = pytest.mark.real_time


async def test_what_does_not_match_is_found() -> None:
    """Anywhere in the text, as JSON Schema has it; what cannot be told counts as a match."""
    pairs = [
        ("^a+$", "aaa"),
        ("^a+$", "aab"),
        ("b", "abc"),
        ("x", "abc"),
        ("(?<name", "a pattern of another kind"),
        ("é", "é"),
    ]
    assert await find_mismatches(pairs) == [1, 3]
    assert await find_mismatches([]) == []


async def test_a_pattern_that_takes_for_ever_ends_in_time() -> None:
    """Nothing waits for it; the agent looks at what it gets as well."""
    assert await find_mismatches([("^(a+)+$", "a" * 60 + "b"), ("x", "y")]) == []
