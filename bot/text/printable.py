"""Writes invisible characters and those that reorder text as codes. Pure."""

_BLANK = "\u115f\u1160\u2800\u3164\uffa0"
"""Characters that count as printable but are invisible."""


class _Codes(dict[int, str]):
    """A table for `str.translate` that learns each character at its first use: fast even for a megabyte."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        self[code] = character if is_visible(character) else f"\\u{{{code:x}}}"
        return self[code]


_CODES = _Codes()


_PIECE = 10_000
"""Characters that are checked together where only the beginning of a text is wanted."""

_SHORT_PIECE = 250
"""Characters that are translated one by one if one of them is invisible."""


def visible(text: str, most: int | None = None) -> str:
    r"""Write invisible characters as `\u{202e}`: a command must look like what it is. Line feeds and tabs stay.

    Returns at most `most` characters, and reads no more of the text than that takes.
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
    if is_visible(text):
        return text
    # Translating each character takes twenty times as long as the check that all are visible, as most are.
    pieces = (text[start : start + _SHORT_PIECE] for start in range(0, len(text), _SHORT_PIECE))
    return "".join(piece if is_visible(piece) else piece.translate(_CODES) for piece in pieces)


def is_visible(text: str) -> bool:
    """Return whether every character of a text is visible as it is."""
    printable = text.replace("\n", "").replace("\t", "").isprintable()
    return printable and (text.isascii() or not any(blank in text for blank in _BLANK))
