"""Text into pages that Discord takes: at most 2,000 characters each, cut at good places, code fences balanced. Pure."""

import re
from dataclasses import dataclass

__all__ = ["LIMIT", "Fence", "Page", "code_block", "escape", "fence_after", "take_page"]

LIMIT = 2000
"""Characters that a bot may put into one message (Discord, Create Message)."""

LONGEST_MARKER = 40
"""A run of more backticks or tildes is closed where a page ends, but no later page opens it again."""

LONGEST_INFO = 40

_FENCE_LINE = re.compile(r"^ {0,3}(`{3,}|~{3,})([^\n]*)$", re.MULTILINE)
_RUN = re.compile(r"`{3,}|~{3,}")
_MARKUP = re.compile(r"([\\`*_~|>\[\]()#@<]|^[-+]|:(?=//))")


@dataclass(frozen=True, slots=True)
class Fence:
    """An open code fence: its run of backticks or tildes, and what stands behind it."""

    marker: str
    info: str

    @property
    def opening(self) -> str:
        """The line that opens it again on the next page."""
        return f"{self.marker}{self.info}\n"


@dataclass(frozen=True, slots=True)
class Page:
    """The first page of a text: what to post, the number of the text's characters in it, the fence open behind."""

    content: str
    length: int
    fence: Fence | None


def take_page(text: str, fence: Fence | None = None) -> Page:
    """Cut the first page off `text`, which begins inside `fence` if one is given.

    A page is full at the first character with which it would not fit, and where it is cut depends only on what stands
    before that character: a text that grows at its end keeps its earlier cuts, in whatever pieces it arrives.
    """
    opening = fence.opening if fence else ""
    room = LIMIT - len(opening)
    full = _first_too_much(text, fence, room)
    length = len(text) if full is None else _cut(text, full - 1)
    after = fence_after(text[:length], fence)
    content = opening + text[:length].rstrip("\n")
    if after is not None:
        content += f"\n{after.marker}"
        if len(after.marker) > LONGEST_MARKER:
            after = None
    return Page(content, length, after)


def _first_too_much(text: str, fence: Fence | None, room: int) -> int | None:
    """Return the length of the shortest beginning that does not fit with its closing fence; None if all fits."""
    longest = max(map(len, _RUN.findall(text, 0, room + 1)), default=0)
    fits = max(0, room - 1 - max(longest, len(fence.marker) if fence is not None else 0))
    for length in range(fits + 1, min(len(text), room + 1) + 1):
        open_fence = fence_after(text[:length], fence)
        closing = 1 + len(open_fence.marker) if open_fence is not None else 0
        if length + closing > room:
            return length
    return None


def fence_after(text: str, fence: Fence | None = None) -> Fence | None:
    """Return the fence that is open at the end of `text` (CommonMark, section 4.5)."""
    for match in _FENCE_LINE.finditer(text):
        marker, info = match[1], match[2].strip()
        if fence is None:
            if marker[0] == "~" or "`" not in info:
                fence = Fence(marker, info[:LONGEST_INFO].rstrip())
        elif marker[0] == fence.marker[0] and len(marker) >= len(fence.marker) and not info:
            fence = None
    return fence


def _cut(text: str, most: int) -> int:
    """Choose where a page ends, at most at `most`: behind a paragraph, else a line, else a word.

    They count only in the second half, so that pages are well filled.
    """
    for separator in ("\n\n", "\n", " "):
        place = text.rfind(separator, most // 2, most)
        if place > 0:
            return place + len(separator)
    return most


def code_block(text: str, info: str = "") -> str:
    """Wrap `text` so that nothing in it ends the block."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    marker = "`" * max(3, longest + 1)
    return f"{marker}{info}\n{text}\n{marker}"


def escape(text: str) -> str:
    """Make one line of foreign text plain: no markup, no mention, no line feed."""
    return _MARKUP.sub(r"\\\1", " ".join(text.split()))
