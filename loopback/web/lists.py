"""Converts nested lists from Discord's indents to CommonMark's. Pure.

Discord removes an item's own width from the lines below it, and then the remaining indent of the first item, but not of
the others. Two items with four spaces below `- ` become one in the other.

    - a                - a
        - b    is        - b
        - c                - c

Source: the list rule of simple-markdown, on which Discord's clients are built, and what they show.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from .preprocess import CODE, CODE_END, QUOTE, QUOTE_END, SPOILER, SPOILER_END

_ITEM: Final = re.compile(r"([-*]|[0-9]{1,9}\.)( +)(?=\S)")


@dataclass(frozen=True)
class _Line:
    """A line in parts. `mark` is empty unless it is an item. A `fixed` line, inside code, keeps its indent."""

    indent: int
    mark: str
    gap: int
    text: str
    fixed: bool = False

    @property
    def is_item(self) -> bool:
        return bool(self.mark) and not self.fixed

    @property
    def width(self) -> int:
        """The width that Discord removes from the lines below."""
        return self.indent + len(self.mark) + self.gap

    def at(self, column: int) -> str:
        """Return the line with another indent."""
        if self.fixed:
            return self.text
        return " " * column + (f"{self.mark} " if self.mark else "") + self.text


def nested(text: str) -> str:
    """Return the text of `preprocess.marked` with its lists indented as Discord nests them."""
    return "\n".join(_moved(list(_lines(text))))


def _lines(text: str) -> Iterator[_Line]:
    in_code = False
    for line in text.split("\n"):
        marked = line.lstrip(" ")
        if in_code and marked != CODE_END:
            yield _Line(0, "", 0, line, fixed=True)
            continue
        in_code = marked.startswith(CODE)
        found = _ITEM.match(marked)
        mark, gap = found.groups() if found else ("", "")
        yield _Line(len(line) - len(marked), mark, len(gap), marked.removeprefix(mark + gap))


def _moved(lines: Sequence[_Line]) -> Iterator[str]:
    at = 0
    while at < len(lines):
        end = at
        if lines[at].is_item:
            end = next((n for n in range(at + 1, len(lines)) if not _continues(lines[n])), len(lines))
            yield from _list(lines[at:end], lines[at].indent)
        else:
            yield lines[at].at(lines[at].indent)
        at = max(end, at + 1)


def _continues(line: _Line) -> bool:
    """Return whether a line below an item belongs to its list."""
    if line.fixed or line.is_item:
        return True
    return line.indent > 0 and line.text not in ("", QUOTE, QUOTE_END, SPOILER, SPOILER_END)


def _list(lines: Sequence[_Line], column: int) -> Iterator[str]:
    """Yield a list at this column. Its items are those with the indent of its first line."""
    starts = [n for n, line in enumerate(lines) if line.is_item and line.indent == lines[0].indent]
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        item = lines[start]
        yield item.at(column)
        below = [replace(line, indent=max(0, line.indent - item.width)) for line in lines[start + 1 : end]]
        inner = column + len(item.mark) + 1
        first = next((n for n, line in enumerate(below) if line.is_item), len(below))
        yield from (line.at(inner) for line in below[:first])
        if first < len(below):
            yield from _list([replace(below[first], indent=0), *below[first + 1 :]], inner)
