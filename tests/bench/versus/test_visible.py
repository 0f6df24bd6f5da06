"""What is read from messages as Discord shows them, and what is said to be wrong with it."""

import pytest

from bench.versus.hard_texts import HARD_TEXTS, HardText, Style
from bench.versus.visible import fault_of, shown
from loopback import Message

WORDS = HardText("words", "", ("one", "two words", "three"))


class NoNames:
    def user(self, user_id: int) -> str | None:
        return None

    role = channel = user


def written(*contents: str) -> dict[Style, str]:
    """Return what is shown of messages with these contents."""
    messages = [Message(number, 1, None, 2, content) for number, content in enumerate(contents)]
    return shown(messages, NoNames()).parts


@pytest.mark.parametrize("name", ["spoiler", "link", "escapes", "names", "long-line"])
def test_a_text_that_discord_can_show_as_it_is_arrived_if_it_was_written_as_it_is(name: str) -> None:
    """The marks of these texts are what Discord's own rules make of them."""
    text = HARD_TEXTS[name]
    assert fault_of(text, written(text.text)[text.style]) is None


def test_code_is_read_from_each_block_and_from_no_other_text() -> None:
    """A page whose fence is missing shows its lines as words."""
    parts = written("before\n```python\nfirst\n```", "second\n```")
    assert "first" in parts[Style.CODE]
    assert "second" not in parts[Style.CODE]
    assert "second" in parts[Style.PLAIN]


@pytest.mark.parametrize(
    ("visible", "fault"),
    [
        ("one two\nwords three", None),
        ("one three", "not there"),
        ("one one two words three", "more than once"),
        ("three two words one", "order"),
    ],
)
def test_each_piece_is_wanted_once_and_in_order(visible: str, fault: str | None) -> None:
    """White space does not count, as Discord drops it at the borders of messages."""
    found = fault_of(WORDS, visible)
    assert found is None if fault is None else found is not None and fault in found
