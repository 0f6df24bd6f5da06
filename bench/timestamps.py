"""Numbered chunks of text, found again in messages. Pure.

A stamp is `NUMBER:MICROSECONDS `, with the time of writing by the machine's monotonic clock. A token is only a number,
so it is as long as a model's; the agent keeps the times of writing.
"""

import re
import string
from collections.abc import Iterable, Iterator
from typing import Final

STAMP: Final = re.compile(r"\b(\d+):(\d+)\b")
"""A stamp in a text: its number and its time in microseconds."""

TOKEN: Final = re.compile(r"(?<!\S)[0-9A-Z]{3}(?!\S)")
"""A token in a text: its number to the base of 36."""

TOKEN_CHARACTERS: Final = 4
"""The length of a token with the space behind it."""

_DIGITS: Final = string.digits + string.ascii_uppercase
_TOKENS_IN_LINE: Final = 20


def stamp(number: int, seconds: float) -> str:
    """Return a stamp. All processes of the machine share its monotonic clock.

    It ends with a space, because pages end after whole words.
    """
    return f"{number}:{int(seconds * 1e6)} "


def first_seen(history: Iterable[tuple[float, str]]) -> Iterator[tuple[int, float, float]]:
    """Yield number, time of writing and time of first sight (seconds) of each stamp in a message's history.

    While the text only grows, this skips the stamps of the content before. After any other change all text is new.
    """
    for match, seen in _first_matches(STAMP, history):
        yield int(match[1]), int(match[2]) / 1e6, seen


def token(number: int) -> str:
    """Return a token of `TOKEN_CHARACTERS`, for numbers below 36 ** 3. Every twentieth ends its line."""
    tens, last = divmod(number, 36)
    most, middle = divmod(tens, 36)
    return _DIGITS[most] + _DIGITS[middle] + _DIGITS[last] + ("\n" if number % _TOKENS_IN_LINE == 19 else " ")


def tokens_first_seen(history: Iterable[tuple[float, str]]) -> Iterator[tuple[int, float]]:
    """Yield number and time of first sight (seconds) of each token in a message's history, as `first_seen`."""
    for match, seen in _first_matches(TOKEN, history):
        yield int(match[0], 36), seen


def _first_matches(
    pattern: re.Pattern[str], history: Iterable[tuple[float, str]]
) -> Iterator[tuple[re.Match[str], float]]:
    before = ""
    for seen, content in history:
        same = len(before) if content.startswith(before) else 0
        for match in pattern.finditer(content, same):
            yield match, seen
        before = content
