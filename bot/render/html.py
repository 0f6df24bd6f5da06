"""The HTML that agents write among Markdown: Discord shows all of it as text. Pure."""

import re

from bot.text.markdown import RULE

DROPPED = re.compile(
    r"a|abbr|article|big|center|details|div|figcaption|figure|font|footer|header|main|nav|ol|p|picture|section|small"
    r"|source|span|ul|wbr"
)
"""Tags that only arrange what is inside."""

INSTEAD = {"hr": RULE, "li": "- "}
"""What stands for a tag without content."""

PAIRED = (
    dict.fromkeys(("b", "strong", "summary", "mark", "h1", "h2", "h3", "h4", "h5", "h6", "dt", "th"), "**")
    | dict.fromkeys(("i", "em", "cite", "var", "dfn"), "*")
    | dict.fromkeys(("u", "ins"), "__")
    | dict.fromkeys(("s", "del", "strike"), "~~")
)
"""The mark of Discord's for what is between a tag and its end."""

_UP = str.maketrans("0123456789+-=()n", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ⁿ")
_DOWN = str.maketrans("0123456789+-=()", "₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎")
_HAS_UP, _HAS_DOWN = re.compile(r"[\d+\-=()n]+$"), re.compile(r"[\d+\-=()]+$")
_ATTRIBUTE = re.compile(r"\b(href|src|alt)\s*=\s*(?:\"([^\"]*)\"|'([^']*)')", re.IGNORECASE)
_MARKS = re.compile(r"([\\`*_~|<>@#\[\]+:-])")


def shown_tag(name: str, raw: str) -> str:
    """Return what stands for a tag that marks no words: itself where it is none of HTML's."""
    instead = INSTEAD.get(name.lower())
    if instead is not None:
        return "" if raw.startswith("</") else instead
    return "" if DROPPED.fullmatch(name.lower()) else raw


def raised(text: str) -> str:
    """Return a text in superscript; letters, which have none, stand behind a caret."""
    return text.translate(_UP) if _HAS_UP.match(text) else f"^{text}"


def lowered(text: str) -> str:
    """Return a text in subscript; letters, which have none, stay."""
    return text.translate(_DOWN) if _HAS_DOWN.match(text) else text


def attributes(tag: str) -> dict[str, str]:
    """Return the addresses and the description that a tag names."""
    return {found[1].lower(): unescaped(found[2] or found[3] or "") for found in _ATTRIBUTE.finditer(tag)}


def unescaped(text: str) -> str:
    """Return a text with its entities replaced."""
    from html import unescape  # noqa: PLC0415 - 0.4 MB, loaded in 2 ms with the first HTML in a reply

    return unescape(text)


def character_of(entity: str) -> str:
    """Return what an entity stands for; white space is a space; the entity itself where it stands for nothing."""
    shown = unescaped(entity)
    return " " if shown.isspace() else shown


def escaped(character: str) -> str:
    """Escape a character that Discord would read as a mark."""
    return _MARKS.sub(r"\\\1", character)
