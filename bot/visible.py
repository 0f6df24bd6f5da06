"""Text as it is: characters that show as nothing, or turn text around, written as codes. Pure."""

import re

__all__ = ["visible"]

_BLANK = re.compile("[\u115f\u1160\u2800\u3164\uffa0]")
"""Characters that count as printable and show as nothing."""


class _Codes(dict[int, str]):
    """A table for `str.translate` that learns each character when it first comes: fast also for a megabyte."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        shows = character in "\n\t" or _shows(character)
        self[code] = character if shows else f"\\u{{{code:x}}}"
        return self[code]


_CODES = _Codes()


_PIECE = 10_000
"""Characters that are looked at together where not all of a text is wanted."""


def visible(text: str, most: int | None = None) -> str:
    r"""Write what nobody would see as `\u{202e}`: a command must look like what it is. Lines and tabs stay.

    Returns at most `most` characters, and looks at no more of the text than it takes for them.
    """
    if most is None:
        return _visible(text)
    pieces: list[str] = []
    room = most
    for start in range(0, len(text), _PIECE):
        if room <= 0:
            break
        pieces.append(_visible(text[start : start + _PIECE])[:room])
        room -= len(pieces[-1])
    return "".join(pieces)


def _visible(text: str) -> str:
    if text.isascii():
        return text.translate(_CODES)  # Fast, as long as it is.
    # Line by line, for mostly all of one shows, and to see that is faster than to look up each character.
    return "\n".join(line if _shows(line) else line.translate(_CODES) for line in text.split("\n"))


def _shows(text: str) -> bool:
    return text.isprintable() and _BLANK.search(text) is None
