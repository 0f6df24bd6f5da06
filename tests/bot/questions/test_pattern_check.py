"""An agent's patterns against people's entries, in real processes."""

import pytest

from bot.questions.pattern_check import LONGEST_PATTERN, find_mismatches

pytestmark = pytest.mark.real_time


async def test_texts_that_do_not_match_are_found() -> None:
    """A match may be anywhere in the text, as in JSON Schema; an invalid pattern counts as a match."""
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
    """It counts as a match: the agent checks the entry as well."""
    assert await find_mismatches([("^(a+)+$", "a" * 60 + "b"), ("x", "y")]) == []


async def test_a_long_pattern_counts_as_a_match(monkeypatch: pytest.MonkeyPatch) -> None:
    """One of 900,000 characters for each line of an entry took gigabytes, and held the loop for seconds."""
    monkeypatch.setattr("bot.questions.pattern_check.SECONDS", 60.0)
    long = "a" * LONGEST_PATTERN
    assert await find_mismatches([(long + "a", "b"), (long, "b"), (long, long)]) == [1]
    assert await find_mismatches([(long + "a", "b")]) == []
