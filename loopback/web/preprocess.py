"""Converts Discord's Markdown into a form that a line-based block parser can read. Pure.

Discord finds code blocks also in the middle of a line and in spoilers, and quotes before everything else. This module
puts code, quotes, and spoilers that hold code on lines of their own, between marks that are control characters, which
it removes from the text first.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

CODE: Final = "\x02"
CODE_END: Final = "\x03"
QUOTE: Final = "\x0e"
QUOTE_END: Final = "\x0f"
SPOILER: Final = "\x10"
SPOILER_END: Final = "\x11"

_CONTROLS: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f]")
_SPANS: Final = r"""
    (?P<escaped> \\[^0-9A-Za-z\s] )
  | (?P<fence> ``` (?:(?P<language>[A-Za-z0-9_+\-.\#]+)\n)? \n* (?P<code>[^\n](?s:.*?)) \n* ``` )
  | (?P<inline> (?P<ticks>`++) (?s:.+?) (?<!`) (?P=ticks) (?!`) )
  | (?P<spoiler> \|\| (?P<covered>(?s:.+?)) \|\| )
"""
_INNER: Final = re.compile(_SPANS, re.VERBOSE)
_OUTER: Final = re.compile(
    r"(?P<rest> ^[ ]*>>>[ ]+ (?P<all>(?s:.+)) )"
    r"| (?P<quote> ^[ ]*>[ ][^\n]* (?: \n[ ]*>(?:[ ][^\n]*|(?=\n|\Z)) )* )"
    r"|" + _SPANS,
    re.VERBOSE | re.MULTILINE,
)
_FENCE: Final = re.compile("```[^`](?s:.*?)```")
_QUOTE_MARK: Final = re.compile(r"^[ ]*> ?", re.MULTILINE)


def marked(text: str) -> str:
    """Return the text with each quote and code block on lines of its own between a pair of marks."""
    return "".join(_pieces(_CONTROLS.sub("", text.replace("\r\n", "\n")), _OUTER))


def _pieces(text: str, pattern: re.Pattern[str]) -> Iterator[str]:
    done = 0
    for found in pattern.finditer(text):
        before, marks = text[done : found.start()], (QUOTE, QUOTE_END)
        match found.lastgroup:
            case "rest":
                inner = found["all"]
            case "quote":
                inner = _QUOTE_MARK.sub("", found["quote"])
            case "fence":
                yield from _code(before, found)
                done = _after(text, found.end())
                continue
            case "spoiler" if _FENCE.search(found["covered"]):
                inner, marks = found["covered"], (SPOILER, SPOILER_END)
                before += "\n" if before.rpartition("\n")[2] else ""
            case _:
                continue
        yield before
        yield "\n".join((marks[0], "".join(_pieces(inner, _INNER)), marks[1], ""))
        done = _after(text, found.end())
    yield text[done:]


def _code(before: str, found: re.Match[str]) -> Iterator[str]:
    """Yield the block with the indent of its first line, so that it stays in its list item."""
    head, newline, line = before.rpartition("\n")
    indent = "" if line.strip() else line
    yield head + newline + (f"{line}\n" if line.strip() else "")
    yield f"{indent}{CODE}{found['language'] or ''}\n{found['code']}\n{indent}{CODE_END}\n"


def _after(text: str, end: int) -> int:
    """Return the position after a block and its line break."""
    return end + 1 if text.startswith("\n", end) else end
