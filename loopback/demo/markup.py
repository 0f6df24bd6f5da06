"""Renders the common part of Discord's Markdown as styled lines for a terminal. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple


class Span(NamedTuple):
    """Some text in one style: plain, bold, italic, dim, code, mention, added, removed."""

    style: str
    text: str


Line = tuple[Span, ...]
NameOf = Callable[[int], str]

_INLINE = re.compile(
    r"\\(?P<plain>[*_~`|<>#\\-])"
    r"|\*\*(?P<bold>[^\n]+?)\*\*"
    r"|`(?P<code>[^`\n]+)`"
    r"|(?<![\w*])\*(?P<italic>[^*\s][^*\n]*)\*"
    r"|\|\|(?P<dim>[^\n]+?)\|\|"
    r"|<@!?(?P<user>\d+)>"
    r"|<#(?P<channel>\d+)>"
)
_HEADING = re.compile(r"#{1,3} ")
_FENCE = "```"


def styled(text: str, width: int, name_of: NameOf) -> list[Line]:
    """Return the text's lines in at most `width` columns. `name_of` gives the names for mentions.

    Fences are not shown. Their content is code, or in a diff added and removed lines.
    """
    lines: list[Line] = []
    language: str | None = None
    for raw in text.split("\n"):
        if raw.lstrip().startswith(_FENCE):
            language = raw.strip().removeprefix(_FENCE) if language is None else None
        elif language is not None:
            lines += _folded(_code(raw, language), width)
        else:
            lines += _folded(_prose(raw, name_of), width)
    return lines


def plain(line: Line) -> str:
    """Return the line's text without its styles."""
    return "".join(span.text for span in line)


def _code(raw: str, language: str) -> Line:
    style = {"+": "added", "-": "removed"}.get(raw[:1], "code") if language == "diff" else "code"
    return (Span(style, f"  {raw}"),)


def _prose(raw: str, name_of: NameOf) -> Line:
    if raw.startswith("-# "):
        return tuple(Span("dim", span.text) for span in _inline(raw[3:], name_of))
    if heading := _HEADING.match(raw):
        return tuple(Span("bold", span.text) for span in _inline(raw[heading.end() :], name_of))
    if raw.startswith(("- ", "* ")):
        return (Span("plain", "• "), *_inline(raw[2:], name_of))
    if raw.startswith("> "):
        return (Span("dim", "┃ "), *_inline(raw[2:], name_of))
    return tuple(_inline(raw, name_of))


def _inline(text: str, name_of: NameOf) -> Iterator[Span]:
    end = 0
    for found in _INLINE.finditer(text):
        yield Span("plain", text[end : found.start()])
        end = found.end()
        style = str(found.lastgroup)
        if style == "user":
            yield Span("mention", f"@{name_of(int(found['user']))}")
        elif style == "channel":
            yield Span("mention", f"#{name_of(int(found['channel']))}")
        else:
            yield Span(style, found[style])
    yield Span("plain", text[end:])


def _folded(line: Line, width: int) -> Iterator[Line]:
    """Yield the line broken between words, or inside a word that is longer than a line."""
    row: list[Span] = []
    used = 0
    for style, text in line:
        for word in re.findall(r"\s+|\S+", text):
            rest = word
            while used + len(rest) > width:
                if used and len(rest) <= width:
                    yield tuple(row)
                    row, used, rest = [], 0, rest.lstrip()
                    continue
                yield (*row, Span(style, rest[: width - used]))
                row, used, rest = [], 0, rest[width - used :]
            before = row.pop().text if row and row[-1].style == style else ""
            row.append(Span(style, before + rest))
            used += len(rest)
    yield tuple(row)
