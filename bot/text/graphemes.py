"""Where a text may be cut without tearing apart what a reader sees as one character. Pure.

The rules are those of Unicode's Text Segmentation (UAX #29, section 3.1.1) for combining marks, variation selectors,
zero-width joiners, emoji modifiers and tags, flags, Hangul and Indic conjuncts. Prepended marks (a dozen rare
characters) are not covered, and an emoji is not told from a letter behind a zero-width joiner: neither is cut.
"""

import unicodedata

__all__ = ["boundary_before", "is_boundary"]

FARTHEST = 100
"""Characters that one visible character may have; a longer one is noise and is cut."""

_JOINER = "\u200d"
_VIRAMA = 9
_MARKS = frozenset({"Mn", "Me", "Mc"})


def is_boundary(text: str, at: int) -> bool:
    """Whether `text` may be cut before its character number `at`."""
    if at <= 0 or at >= len(text):
        return True
    before, after = text[at - 1], text[at]
    if before < "\u0300" and after < "\u0300":
        return not (before == "\r" and after == "\n")
    if before == _JOINER or _extends(after):
        return False
    if _is_flag_letter(before) and _is_flag_letter(after):
        return _flag_letters_before(text, at) % 2 == 0
    if unicodedata.combining(before) == _VIRAMA and after.isalpha():
        return False
    return not _joins_hangul(before, after)


def boundary_before(text: str, at: int, start: int = 0) -> int:
    """Return the last place behind `start` and up to `at` where `text` may be cut; `at` itself if none is near."""
    for place in range(at, max(start, at - FARTHEST), -1):
        if is_boundary(text, place):
            return place
    return at


def _extends(character: str) -> bool:
    return (
        character in {_JOINER, "\u200c", "\uff9e", "\uff9f"}
        or "\U0001f3fb" <= character <= "\U0001f3ff"
        or "\U000e0020" <= character <= "\U000e007f"
        or unicodedata.category(character) in _MARKS
    )


def _is_flag_letter(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"


def _flag_letters_before(text: str, at: int) -> int:
    count = 0
    while count < at and count < FARTHEST and _is_flag_letter(text[at - 1 - count]):
        count += 1
    return count


def _joins_hangul(before: str, after: str) -> bool:
    """Whether two Hangul letters are parts of one syllable (UAX #29, GB6 to GB8)."""
    if "\u1100" <= before <= "\u115f":
        return "\u1100" <= after <= "\u11a7" or "\uac00" <= after <= "\ud7a3"
    open_syllable = "\uac00" <= before <= "\ud7a3" and (ord(before) - 0xAC00) % 28 == 0
    if open_syllable or "\u1160" <= before <= "\u11a7":
        return "\u1160" <= after <= "\u11ff"
    return ("\uac00" <= before <= "\ud7a3" or "\u11a8" <= before <= "\u11ff") and "\u11a8" <= after <= "\u11ff"
