"""Invisible characters become visible, and only the wanted part of a long text is read."""

from typing import Any

import pytest
from pydantic import BaseModel

from bot.questions.description_size import LINE, NODE, exceeds
from bot.text.printable import visible


class Watched(str):  # noqa: SLOT000 - one is made, and it needs a field
    """A text that records how far it was read."""

    reach = 0

    def __getitem__(self, place: Any) -> str:
        self.reach = max(self.reach, place.stop)
        return super().__getitem__(place)


@pytest.mark.parametrize("most", [0, 1, 7, 8, 9, 80_000, 80_001, 10**9])
def test_the_beginning_is_what_all_of_it_begins_with(most: int) -> None:
    """At any length, also within a code, also where pieces meet."""
    text = "\u200b" * 10_001 + "a\tb\nc\x00\u2800" + "d" * 10_001
    assert visible(text, most) == visible(text)[:most]


def test_for_the_beginning_of_an_endless_text_not_all_of_it_is_looked_at() -> None:
    """An invisible title of ten megabytes took a second at each cut to its first words."""
    text = Watched("\u202e" * 1_000_000)
    assert visible(text, 100) == ("\\u{202e}" * 13)[:100]
    assert text.reach <= 10_000


class Part(BaseModel, extra="allow"):
    """A part of an agent's question."""

    text: str


@pytest.mark.parametrize(
    "part",
    [
        "x" * 1_001,
        "\n" * (1_000 // LINE),
        {"x" * 1_001: None},
        [0] * (1_000 // NODE),
        [[["x" * 1_001]]],
        (Part(text="x" * 1_001),),
        Part.model_validate({"text": "", "more": "x" * 1_001}),
    ],
)
def test_what_takes_long_to_write_out_is_known_before(part: Any) -> None:
    """Much text, very many lines or parts, at any depth; unknown fields count too."""
    assert exceeds([part], 1_000)
    assert not exceeds([part], 3_000)
