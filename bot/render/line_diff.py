"""Finds the common lines of two texts within a budget of steps. Pure.

Lines that occur once in each text, and in the same order in both, split the texts into small pieces ("patience diff").
Those are split in the same way, and at last compared line by line, which costs the cube of a piece's length where all
of its lines are equal.
"""

import difflib
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

PER_UPDATE: Final = 200_000
PER_TURN: Final = 4_000_000
"""Steps: about 20 ms for one update of an agent, and less than half a second for a whole turn."""

DEEPEST: Final = 8
"""How often a piece is split."""

Operation = tuple[str, int, int, int, int]
"""As in `difflib`: what is done, and the lines of the old and of the new text."""

_Piece = tuple[int, int, int, int, int]
"""Lines of the old and of the new text, and how often they have been split."""


@dataclass(slots=True)
class DiffBudget:
    """The steps that are left, for one update of an agent and for its turn."""

    now: int = PER_UPDATE
    turn: int = PER_TURN

    def renew(self) -> None:
        """Begin with the agent's next update."""
        self.now = min(PER_UPDATE, self.turn)

    def take(self, steps: int) -> bool:
        """Take so many steps; return False, and take none, where fewer are left."""
        if steps > self.now:
            return False
        self.now -= steps
        self.turn -= steps
        return True


def operations(old: Sequence[str], new: Sequence[str], budget: DiffBudget) -> list[Operation]:
    """Return how the old lines become the new ones. What takes too many steps is replaced as a whole."""
    found: list[Operation] = []
    a = c = 0
    for b, d, size in [*_same(old, new, budget), (len(old), len(new), 0)]:
        if a < b or c < d:
            tag = "replace" if a < b and c < d else "delete" if a < b else "insert"
            found.append((tag, a, b, c, d))
        if size and found and found[-1][0] == "equal":
            found[-1] = ("equal", found[-1][1], b + size, found[-1][3], d + size)
        elif size:
            found.append(("equal", b, b + size, d, d + size))
        a, c = b + size, d + size
    return found


def _same(old: Sequence[str], new: Sequence[str], budget: DiffBudget) -> list[tuple[int, int, int]]:
    """Return the runs of equal lines in order: where each is in both texts, and how many lines it has."""
    found: list[tuple[int, int, int]] = []
    pieces: list[_Piece] = [(0, len(old), 0, len(new), 0)]
    while pieces:
        a, b, c, d, depth = pieces.pop()
        if not budget.take(b - a + d - c):
            continue
        head = tail = 0
        least = min(b - a, d - c)
        while head < least and old[a + head] == new[c + head]:
            head += 1
        while tail < least - head and old[b - 1 - tail] == new[d - 1 - tail]:
            tail += 1
        found += [(a, c, head)] * bool(head) + [(b - tail, d - tail, tail)] * bool(tail)
        a, b, c, d = a + head, b - tail, c + head, d - tail
        if a == b or c == d:
            continue
        if anchors := _anchors(old[a:b], new[c:d], budget) if depth < DEEPEST else []:
            pieces += _between([(a + one, c + other) for one, other in anchors], (a, b, c, d, depth))
            found += [(a + one, c + other, 1) for one, other in anchors]
        elif budget.take((b - a) * (d - c) * min(b - a, d - c)):
            matcher = difflib.SequenceMatcher(None, old[a:b], new[c:d], autojunk=False)
            found += [(a + one, c + other, size) for one, other, size in matcher.get_matching_blocks() if size]
    return sorted(found)


def _between(anchors: Sequence[tuple[int, int]], piece: _Piece) -> list[_Piece]:
    a, b, c, d, depth = piece
    starts = [(a, c), *((one + 1, other + 1) for one, other in anchors)]
    ends = [*anchors, (b, d)]
    return [(one, end, other, last, depth + 1) for (one, other), (end, last) in zip(starts, ends, strict=True)]


def _anchors(old: Sequence[str], new: Sequence[str], budget: DiffBudget) -> list[tuple[int, int]]:
    """Return the lines that occur once in both, as many as are in the same order."""
    if not budget.take(4 * (len(old) + len(new))):
        return []
    places = _once(new)
    pairs = [(one, places[line]) for line, one in _once(old).items() if line in places]
    return _rising(pairs)


def _once(lines: Sequence[str]) -> dict[str, int]:
    """Return the place of each line that occurs once, in order."""
    found: dict[str, int] = {}
    twice: set[str] = set()
    for at, line in enumerate(lines):
        if line in found:
            twice.add(line)
        else:
            found[line] = at
    return {line: at for line, at in found.items() if line not in twice}


def _rising(pairs: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the longest subsequence of pairs whose second numbers rise as the first do."""
    lasts: list[int] = []
    ends: list[int] = []
    before: list[int] = []
    for at, (_, other) in enumerate(pairs):
        place = bisect_left(lasts, other)
        before.append(ends[place - 1] if place else -1)
        if place == len(lasts):
            lasts.append(other)
            ends.append(at)
        else:
            lasts[place], ends[place] = other, at
    found = []
    at = ends[-1] if ends else -1
    while at >= 0:
        found.append(pairs[at])
        at = before[at]
    return found[::-1]
