"""Renders file changes as unified diffs, in time that grows no faster than their size. Pure."""

import io
import os.path
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from acp.schema import Diff
from bot.text.markdown import shortened
from bot.user_messages import reply_lines

from .line_diff import DiffBudget, Operation, operations

CONTEXT = 3
"""Lines around a change, as `diff -u` has them."""

LONGEST = 20_000
"""Lines that are compared; longer texts are shown as all out, all in."""

MOST, MOST_CHARACTERS = 250, 8_000_000
"""Changes of one tool call that are compared, and characters of both texts of all of them."""

WIDEST = 100
"""Characters of a line in an excerpt."""

_ODD = re.compile(r'[\x00-\x1f"\\\x7f]| $')
_NO_LINE_FEED = "\\ No newline at end of file\n"


@dataclass(frozen=True, slots=True)
class Change:
    """A file's change: how many lines were added and removed, and the patch."""

    path: str
    added: int
    removed: int
    patch: str


def changes_of(diffs: Sequence[Diff], directory: str, budget: DiffBudget) -> tuple[Change, ...]:
    """Compare the texts of several changes, as `change_of` does; the patch only names those that are too large."""
    changes, characters = [], 0
    for each in diffs[:MOST]:
        characters += len(each.old_text or "") + len(each.new_text)
        if characters > MOST_CHARACTERS:
            changes.append(left_out(place_of(each.path, directory)))
        elif (change := change_of(each, directory, budget)) is not None:
            changes.append(change)
    if len(diffs) > MOST:
        changes.append(left_out(reply_lines.more_changes(len(diffs) - MOST)))
    return tuple(changes)


def left_out(what: str) -> Change:
    """Return a change whose patch is only a comment, which programs that read patches skip."""
    return Change(what, 0, 0, reply_lines.too_large_to_list(what))


def change_of(diff: Diff, directory: str = "", budget: DiffBudget | None = None) -> Change | None:
    """Compare the two texts; None where they are equal. The path is relative to `directory`.

    What would take more than `budget` is shown as all out, all in.
    """
    old, new = diff.old_text or "", diff.new_text
    if old == new and diff.old_text is not None:
        return None
    path = place_of(diff.path, directory)
    parts = _parts(old, new)
    body, added, removed = _hunks(parts, budget or DiffBudget())
    return Change(path, added, removed, _head(diff, _inside(diff.path, directory).lstrip("/")) + body)


def place_of(path: str, directory: str) -> str:
    """Return a path on one line, relative to `directory` if it is inside."""
    return " ".join(_inside(path, directory).split())


def excerpt(change: Change, most: int) -> str:
    """Return the first changed lines of a patch, at most `most`, and the number of the others.

    It neither begins nor ends with an empty line of context.
    """
    # A head of three lines, context, and no more than a mark for a missing line feed behind each line.
    lines = change.patch.split("\n", 3 + 2 * (CONTEXT + most + 1))[3:-1]
    lines = [line for line in lines if line and not line.startswith("\\")]
    first = next((at for at, line in enumerate(lines) if line[0] in "+-"), 0)
    shown = ["⋯" if line.startswith("@@") else line for line in lines[max(0, first - 1) :]]
    shown = [shortened(line, WIDEST) for line in shown]
    if len(shown) > most:
        shown = shown[: most - 1]
        rest = change.added + change.removed - sum(line[0] in "+-" for line in shown)
        shown.append(f"⋯ {rest} more")
    while shown and shown[-1].isspace():
        shown.pop()
    return "\n".join(shown[1:] if shown and shown[0].isspace() else shown)


def is_whole(change: Change, shown: str) -> bool:
    """Whether an excerpt has all lines of the change, none of them shortened."""
    lines = [line for line in shown.split("\n") if line[:1] in {"+", "-"}]
    changed = change.added + change.removed
    return 0 < changed == len(lines) and all(line in change.patch for line in lines)


@dataclass(frozen=True, slots=True)
class _Parts:
    """The parts of two texts that differ, with a few equal lines around them; and how many lines come before."""

    before: int
    lead: str
    old: str
    new: str
    trail: str


def _parts(old: str, new: str) -> _Parts:
    """Leave out the equal ends, without looking at each of their lines."""
    head = old.rfind("\n", 0, _common_start(old, new)) + 1
    tail = _common_end(old, new, min(len(old), len(new)) - head)
    if not (_begins_line(old, len(old) - tail, head) and _begins_line(new, len(new) - tail, head)):
        line_feed = old.find("\n", len(old) - tail)
        tail = 0 if line_feed < 0 else len(old) - line_feed - 1
    start, old_end = head, len(old) - tail
    stop = old_end
    for _ in range(CONTEXT):
        start = old.rfind("\n", 0, start - 1) + 1 if start else 0
        line_feed = old.find("\n", stop)
        stop = len(old) if line_feed < 0 else line_feed + 1
    before = old.count("\n", 0, start)
    return _Parts(before, old[start:head], old[head:old_end], new[head : len(new) - tail], old[old_end:stop])


def _hunks(parts: _Parts, budget: DiffBudget) -> tuple[str, int, int]:
    """Return the hunks, and how many lines were added and removed."""
    lead, trail, old, new = map(_count, (parts.lead, parts.trail, parts.old, parts.new))
    if old + new > LONGEST:
        whole = [("equal", 0, lead, 0, lead), ("replace", lead, lead + old, lead, lead + new)]
        last = ("equal", lead + old, lead + old + trail, lead + new, lead + new + trail)
        texts = (_marked(" ", parts.lead), _marked("-", parts.old), _marked("+", parts.new), _marked(" ", parts.trail))
        return _hunk_head([*whole, last], parts.before) + "".join(texts), new, old
    olds, news = _lines(parts.lead + parts.old + parts.trail), _lines(parts.lead + parts.new + parts.trail)
    hunks, added, removed = [], 0, 0
    for group in _grouped(operations(olds, news, budget)):
        hunks.append(_hunk_head(group, parts.before))
        for tag, a, b, c, d in group:
            if tag == "equal":
                hunks.append(_marked(" ", "".join(olds[a:b])))
            else:
                hunks += [_marked("-", "".join(olds[a:b])), _marked("+", "".join(news[c:d]))]
                removed, added = removed + b - a, added + d - c
    return "".join(hunks), added, removed


def _count(text: str) -> int:
    return text.count("\n") + (not text.endswith("\n") and text != "")


def _common_start(old: str, new: str) -> int:
    """Return the length of the beginning that two texts have in common."""
    low, high = 0, min(len(old), len(new))
    while low < high:
        middle = (low + high + 1) // 2
        if new.startswith(old[low:middle], low):
            low = middle
        else:
            high = middle - 1
    return low


def _common_end(old: str, new: str, most: int) -> int:
    """Return the length of the end that two texts have in common, at most `most`."""
    low, high = 0, most
    while low < high:
        middle = (low + high + 1) // 2
        if new.endswith(old[len(old) - middle : len(old) - low], 0, len(new) - low):
            low = middle
        else:
            high = middle - 1
    return low


def _begins_line(text: str, at: int, start: int) -> bool:
    return at == start or text[at - 1] == "\n"


def _inside(path: str, directory: str) -> str:
    inside = directory and path.startswith(directory.rstrip("/") + "/")
    return os.path.relpath(path, directory) if inside else path


def _head(diff: Diff, path: str) -> str:
    """Return the lines that name the file; Git's where only those can say that a file is new."""
    old, new = _quoted(f"a/{path}"), _quoted(f"b/{path}")
    if diff.old_text is None and not diff.new_text:
        return f"diff --git {old.rstrip()} {new.rstrip()}\nnew file mode 100644\n"
    return f"--- {'/dev/null' if diff.old_text is None else old}\n+++ {new}\n"


def _quoted(path: str) -> str:
    """Quote a name for a patch: a tab ends a name with spaces, as in Git and GNU patch."""
    if _ODD.search(path):
        return f'"{_ODD.sub(_octal, path)}"'
    return f"{path}\t" if " " in path else path


def _octal(odd: re.Match[str]) -> str:
    return f"\\{ord(odd[0]):03o}"


def _lines(text: str) -> list[str]:
    """Split into lines, each with its line feed; the last one may have none."""
    return list(io.StringIO(text, newline="\n"))


def _grouped(operations: Sequence[Operation]) -> Iterator[list[Operation]]:
    """Group operations into hunks: changes with `CONTEXT` lines around them; near ones share a hunk."""
    group: list[Operation] = []
    for number, (tag, a, b, c, d) in enumerate(operations):
        if tag != "equal":
            group.append((tag, a, b, c, d))
            continue
        last = number == len(operations) - 1
        if group and not last and b - a <= 2 * CONTEXT:
            group.append((tag, a, b, c, d))
            continue
        if group:
            yield [*group, (tag, a, min(b, a + CONTEXT), c, min(d, c + CONTEXT))]
        group = [] if last else [(tag, max(a, b - CONTEXT), b, max(c, d - CONTEXT), d)]
    if group:
        yield group


def _hunk_head(group: Sequence[Operation], before: int) -> str:
    old, new = (before + group[0][1], before + group[-1][2]), (before + group[0][3], before + group[-1][4])
    return f"@@ -{_range(*old)} +{_range(*new)} @@\n"


def _range(start: int, stop: int) -> str:
    """Format lines `start` to `stop` (from 0) for a hunk's head (from 1; an empty range names the line before)."""
    length = stop - start
    return f"{start + 1}" if length == 1 else f"{start + 1 if length else start},{length}"


def _marked(mark: str, text: str) -> str:
    """Return the lines with a mark before each."""
    if not text:
        return ""
    body = text.removesuffix("\n").replace("\n", f"\n{mark}")
    return f"{mark}{body}\n{'' if text.endswith(chr(10)) else _NO_LINE_FEED}"
