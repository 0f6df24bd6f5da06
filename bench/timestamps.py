"""Chunks with their time of writing: `NUMBER:MICROSECONDS `, by the machine's monotonic clock. Pure."""

import re
from collections.abc import Iterable, Iterator
from typing import Final

STAMP: Final = re.compile(r"\b(\d+):(\d+)\b")
"""A stamp in a text: its number and its time in microseconds."""


def stamp(number: int, seconds: float) -> str:
    """Return a stamp. All processes of the machine share its monotonic clock.

    It ends with a space, because pages end after whole words.
    """
    return f"{number}:{int(seconds * 1e6)} "


def first_seen(history: Iterable[tuple[float, str]]) -> Iterator[tuple[int, float, float]]:
    """Yield number, time of writing and time of first sight (seconds) of each stamp in a message's history.

    While the text only grows, this skips the stamps of the content before. After any other change all text is new.
    """
    before = ""
    for seen, content in history:
        same = len(before) if content.startswith(before) else 0
        for match in STAMP.finditer(content, same):
            yield int(match[1]), int(match[2]) / 1e6, seen
        before = content
