"""Finds where a text may be cut without splitting a user-perceived character. Pure."""

import regex

FARTHEST = 100
"""Code points that a user-perceived character may have; a longer one is noise and may be cut."""

_WHOLE = regex.compile(r"\X*(?=.)", regex.DOTALL)
"""As many whole characters as possible (UAX #29, extended grapheme clusters), if another begins behind them."""


def boundary_before(text: str, at: int, start: int = 0) -> int:
    """Return the last boundary after `start` and up to `at`; `at` itself if there is none near."""
    least = max(start, at - FARTHEST)
    # A slice: in a text of flags, the expression would count from the text's beginning each time.
    whole = _WHOLE.match(text[least : at + 1])
    return least + whole.end() if whole and whole.end() and at < len(text) else at
