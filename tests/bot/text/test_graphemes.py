"""Where a text may be cut: between two user-perceived characters."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.text.graphemes import FARTHEST, boundary_before

FLAG = "🇩🇪"


@pytest.mark.parametrize(
    "character",
    ["e\u0301", "❤\ufe0f", "👍🏽", "👩\u200d👧\u200d👦", FLAG, "🏴\U000e0067\U000e0062\U000e007f", "각", "क्ष", "\r\n"],
)
def test_a_visible_character_stays_whole(character: str) -> None:
    """A cut inside it moves before it."""
    text = f"x{character}y"
    assert [boundary_before(text, at) for at in range(1, len(text))] == [1] * len(character) + [len(text) - 1]


def test_flags_are_told_apart_in_pairs() -> None:
    """Two letters are one flag, the next two another."""
    assert [boundary_before(FLAG * 2, at) for at in range(5)] == [0, 1, 2, 2, 4]


@given(
    st.text(st.sampled_from("a\u0301\u200d👩👧🏽🇩🇪\u1100\u1161\u11a8각가\ufe0f\r\n क्ष"), max_size=30),
    st.integers(0, 30),
    st.integers(0, 30),
)
def test_a_cut_never_moves_forward_nor_to_the_start(text: str, at: int, start: int) -> None:
    """A mark stays with its letter, if the letter is behind the start."""
    cut = boundary_before(text, at, start)
    assert cut == at or start < cut < at
    assert boundary_before(text, len(text)) == len(text)
    if start < cut < min(at, len(text)):
        assert text[cut] not in "\u0301\u200d\ufe0f🏽"


@pytest.mark.parametrize("part", ["\U0001f1e6", "\u0301", "\U0001f468\u200d", "\u1100", "a"])
def test_no_more_of_a_text_is_looked_at_than_a_character_may_have(part: str) -> None:
    """A megabyte of flags or marks costs as much as a hundred."""
    text = part * 4 * FARTHEST
    for at in range(2 * FARTHEST, 2 * FARTHEST + 4):
        window = text[at - FARTHEST : at + 1]
        assert boundary_before(text, at) == at - FARTHEST + boundary_before(window, FARTHEST)
