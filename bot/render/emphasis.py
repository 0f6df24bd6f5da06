"""Pairs the marks of emphasis in a line by CommonMark's rules (section 6.2), and writes Discord's marks. Pure.

Discord pairs marks over any distance, and cannot show emphasis inside the same emphasis. So marks without a partner are
escaped, as far as Discord could read them as marks, and inner marks of the same kind are left out.
"""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from .html import PAIRED

APART = "\u200b"
"""Stands, without a width, between marks that would be read as one."""

LONGEST_RUN = 3
"""Marks in a row that can be emphasis."""

_WIDE = re.compile("[\u1100-\u11ff\u2e80-\ud7ff\uf900-\ufaff\uff00-\uffef\U0001f000-\U0003ffff]")
_NAME = re.compile(r"[a-z0-9]+(?:_[a-z0-9]+)*(?:__(?!\w)|_{0,2}$)")


@dataclass(slots=True)
class Run:
    """Marks that stand together, or one HTML tag. `left` counts those without a partner."""

    mark: str
    left: int
    start: int
    end: int
    raw: str
    opens: bool
    closes: bool
    is_text: bool = False
    """Whether Discord reads a single one of them as text here."""
    closing: str = ""
    opening: str = ""

    @property
    def is_tag(self) -> bool:
        """Whether it is an HTML tag."""
        return len(self.mark) > 1

    def shown(self) -> str:
        """Return the marks of both sides, and those without a partner between them."""
        alone = self._alone()
        return self.closing + (alone or APART * bool(self.closing and self.opening)) + self.opening

    def _alone(self) -> str:
        if not self.left or self.is_tag or (self.is_text and self.left == 1):
            return self.plain_text()
        return f"\\{self.mark}" * self.left

    def plain_text(self) -> str:
        """Return what is text where marks have no meaning."""
        return self.raw[: self.left]


Pair = tuple[Run, Run, str]
"""What begins and what ends emphasis, and its mark on Discord."""


def run_of(text: str, found: re.Match[str]) -> Run:
    """Return a run of marks; what is around it says whether it can begin and whether it can end emphasis.

    CommonMark asks for a space between punctuation and letters, which Chinese and Japanese do not have.
    """
    start, end, mark = found.start(), found.end(), text[found.start()]
    before, behind = text[start - 1 : start] or " ", text[end : end + 1] or " "
    is_text = False
    if mark in "*_":
        left, right = _faces(behind, before), _faces(before, behind)
        is_text = behind.isspace() and before.isspace()
        if mark == "_":
            is_text = before.isalnum() and behind.isalnum()
            left, right = left and not (right and before.isalnum()), right and not (left and behind.isalnum())
            left = left and not _is_name(text, end)
        if end - start > LONGEST_RUN:
            left = right = False
    else:
        exact = end - start == len("||")
        left, right = exact and not behind.isspace(), exact and not before.isspace()
        if mark == "|":
            left, right = left and not before.isalnum(), right and not behind.isalnum()
    return Run(mark, end - start, start, end, found[0], left, right, is_text)


def tag_of(found: re.Match[str]) -> Run | None:
    """Return an HTML tag as a run, if it marks the words between it and its end."""
    name, raw = found["element"].lower(), found[0]
    if name not in PAIRED:
        return None
    closes = raw.startswith("</")
    return Run(f"<{name}>", len(raw), found.start(), found.end(), raw, not closes, closes)


def _is_name(text: str, at: int) -> bool:
    """Whether two underscores begin a name as Python has them, as in `__init__`."""
    return text.startswith("__", at - 2) and not text.startswith("_", at) and _NAME.match(text, at) is not None


def _faces(inner: str, outer: str) -> bool:
    """Whether marks between these two characters belong to the inner one."""
    if inner.isspace():
        return False
    return inner.isalnum() or not outer.isalnum() or _WIDE.match(outer) is not None


def paired(runs: Sequence[Run], draft_end: int) -> tuple[list[Pair], list[Run]]:
    """Return the pairs, inner ones first, and the runs that begin nothing. Each run is put aside once.

    Marks at `draft_end`, where a draft ends, may be half of what they will be: they end what they fit, or go.
    """
    pairs: list[Pair] = []
    opened: list[Run] = []
    unpaired: list[Run] = []
    waiting: defaultdict[str, int] = defaultdict(int)
    for run in runs:
        at_end = run.end == draft_end and not run.is_tag
        while run.closes and run.left and waiting[run.mark]:
            while opened[-1].mark != run.mark:
                waiting[(passed := opened.pop()).mark] -= 1
                unpaired.append(passed)
            opener = opened[-1]
            if _are_apart(opener, run) or (at_end and run.left < opener.left):
                break
            pairs.append((opener, run, _take(opener, run)))
            if not opener.left:
                waiting[opened.pop().mark] -= 1
        if at_end:
            run.left = 0
        elif run.opens and run.left:
            opened.append(run)
            waiting[run.mark] += 1
    return pairs, sorted(unpaired + opened, key=lambda run: run.start)


def _are_apart(opener: Run, closer: Run) -> bool:
    """Whether CommonMark's rule of three keeps these marks from being a pair, as in `**/*.py`."""
    if opener.is_tag or not (opener.closes or closer.opens):
        return False
    sizes = len(opener.raw), len(closer.raw)
    return sum(sizes) % 3 == 0 and any(size % 3 for size in sizes)


def _take(opener: Run, closer: Run) -> str:
    """Take the marks of a pair from both; return what it is on Discord."""
    if opener.is_tag:
        opener.left = closer.left = 0
        return PAIRED[opener.mark[1:-1]]
    size = min(opener.left, closer.left, len("**"))
    opener.left, closer.left = opener.left - size, closer.left - size
    return ("*" if opener.mark == "_" else opener.mark) * size


def ended(unpaired: Sequence[Run], text: str, last: Run, *, draft: bool) -> list[Pair]:
    """End at `last` what has begun where the text is a draft, or begins with bold words; return those pairs."""
    pairs: list[Pair] = []
    for run in reversed(unpaired):
        if run.left and (draft or (run.start == 0 and run.raw == "**" and text[2:3].isupper())):
            mark = PAIRED[run.mark[1:-1]] if run.is_tag else ("*" if run.mark == "_" else run.mark) * run.left
            run.left = 0
            if not text[run.end :].strip("*_~| \t"):
                continue  # There is nothing to be emphasised yet.
            pairs += [(run, last, mark[-1]), (run, last, mark[:2])] if len(mark) == LONGEST_RUN else [(run, last, mark)]
    return pairs


def show_marks(pairs: Sequence[Pair], *, in_bold: bool) -> None:
    """Give the runs their marks on Discord. Inside the same emphasis, and inside bold words, a pair has none."""
    starts: dict[str, int] = {}
    for opener, closer, mark in reversed(pairs):
        is_inside = opener.start >= starts.get(mark, closer.end + 1)
        if not is_inside and not (in_bold and mark == "**"):
            starts[mark] = opener.start
            opener.opening += mark
            closer.closing = mark + closer.closing
