"""Chunks with the time of their writing: `NUMBER:MICROSECONDS `, by the machine's monotonic clock. Pure."""

import re
from collections.abc import Iterable, Iterator
from typing import Final

__all__ = ["STAMP", "first_seen", "stamp"]

STAMP: Final = re.compile(r"\b(\d+):(\d+)\b")
"""A stamp in a text: its number, and the time in microseconds."""


def stamp(number: int, seconds: float) -> str:
    """Write a stamp; every process on the machine has the same monotonic clock. It ends with a space.

    A page is cut behind a word, so a stamp is never in two.
    """
    return f"{number}:{int(seconds * 1e6)} "


def first_seen(history: Iterable[tuple[float, str]]) -> Iterator[tuple[int, float, float]]:
    """Yield number, written and seen (seconds) of each stamp, from a message's contents in the order they were shown.

    A stamp that the content before already held is passed over as long as the text only grows; after any other change
    all of the text counts as new.
    """
    before = ""
    for seen, content in history:
        same = len(before) if content.startswith(before) else 0
        for match in STAMP.finditer(content, same):
            yield int(match[1]), int(match[2]) / 1e6, seen
        before = content
