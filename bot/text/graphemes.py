"""Finds where a text may be cut without splitting what a reader sees as one character. Pure."""

import regex

__all__ = ["boundary_before"]

FARTHEST = 100
"""Characters that one visible character may have; a longer one is noise and is cut."""

_WHOLE = regex.compile(r"\X*(?=.)", regex.DOTALL)
"""As many whole characters (UAX #29, extended grapheme clusters) as there are, if another begins behind them."""


def boundary_before(text: str, at: int, start: int = 0) -> int:
    """Return the last place behind `start` and up to `at` where `text` may be cut; `at` itself if none is near."""
    least = max(start, at - FARTHEST)
    # A copy, for in a text of flags the expression would count those from the text's beginning, each time.
    whole = _WHOLE.match(text[least : at + 1])
    return least + whole.end() if whole and whole.end() and at < len(text) else at
