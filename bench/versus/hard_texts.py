"""Texts of an agent that are hard to show in Discord, and the marks by which a scene sees that they arrived. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Style(StrEnum):
    """How Discord's client shows a mark."""

    PLAIN = "plain"
    CODE = "code"
    SPOILER = "spoiler"
    LINK = "link"


@dataclass(frozen=True, slots=True)
class HardText:
    """What the agent says, and the pieces of it that must be visible: each once, in this order, in this style."""

    title: str
    text: str
    marks: tuple[str, ...]
    style: Style = Style.PLAIN


_NESTED_WORDS: Final = ("Before_it", "in_side()", "After_it")
_ADDRESS: Final = "https://example.com/a_b_(c)?d=*e*&f=_g_"
_CODE_LINES: Final = tuple(f"    value_{number:03} = compute(first, second, {number:03})" for number in range(120))
_ROWS: Final = tuple((f"name{number:02}", f"{number * 37 % 101:03}cells") for number in range(12))
_LONG: Final = tuple(f"n{number:04};" for number in range(700))
_FACES: Final = tuple(f"{number:03}👩‍👩‍👧‍👦🏳️‍🌈𝒳e\N{COMBINING ACUTE ACCENT}" for number in range(160))
_NESTED: Final = (
    "A file with a fence of its own:\n\n````markdown\nBefore_it\n```python\nin_side()\n```\nAfter_it\n````\n"
)
_LINES: Final = tuple(
    f"Line number {number:03} of a list that is longer than a message can be." for number in range(80)
)

HARD_TEXTS: Final[Mapping[str, HardText]] = MappingProxyType(
    {
        "code": HardText(
            "code that is longer than a message",
            f"Look:\n\n```python\n{chr(10).join(_CODE_LINES)}\n```\n",
            _CODE_LINES,
            Style.CODE,
        ),
        "nested-fences": HardText("a code block in a code block", _NESTED, _NESTED_WORDS, Style.CODE),
        "table": HardText(
            "a table",
            "| name | cells |\n|---|---|\n" + "".join(f"| {left} | {right} |\n" for left, right in _ROWS),
            tuple(cell for row in _ROWS for cell in row),
        ),
        "long-line": HardText("a line that is longer than a message", "".join(_LONG), _LONG),
        "list": HardText("a list that is longer than a message", "".join(f"- {line}\n" for line in _LINES), _LINES),
        "surrogates": HardText("emoji and letters of several code points", " ".join(_FACES), _FACES),
        "spoiler": HardText("a spoiler", "The murderer is ||the_butler|| indeed.", ("the_butler",), Style.SPOILER),
        "link": HardText("a link", f"See [the page]({_ADDRESS}) for more.", (_ADDRESS,), Style.LINK),
        "escapes": HardText(
            "escaped signs",
            r"Write \*args and \_\_init\_\_ and 2 \* 3 \* 4.",
            ("*args", "__init__", "2 * 3 * 4"),
        ),
        "names": HardText(
            "signs in code",
            "Call `snake_case_name` and `a*b*c` and `||x||`.",
            ("snake_case_name", "a*b*c", "||x||"),
        ),
    }
)
