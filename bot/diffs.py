"""Changes of files as unified diffs, in time that does not explode with their size. Pure."""

import difflib
import os.path
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from acp.schema import Diff

from .markdown import shortened

__all__ = ["Change", "change_of", "excerpt", "place_of"]

CONTEXT = 3
"""Lines around a change, as `diff -u` has them."""

COMPARED = 1_000_000
"""Pairs of lines that are compared at most; a larger change is shown as all out, all in."""

WIDEST = 100
"""Characters of a line in an excerpt."""

_ODD = re.compile(r'[\x00-\x1f"\\\x7f]| $')
_NO_LINE_FEED = "\\ No newline at end of file\n"


@dataclass(frozen=True, slots=True)
class Change:
    """A file's change: the lines that came and went, and the patch that makes it."""

    path: str
    added: int
    removed: int
    patch: str


def change_of(diff: Diff, directory: str = "") -> Change | None:
    """Compare the two texts; None where nothing changed. The path is written as seen from `directory`."""
    old, new = _lines(diff.old_text or ""), _lines(diff.new_text)
    if old == new and diff.old_text is not None:
        return None
    path = place_of(diff.path, directory)
    hunks, added, removed = [], 0, 0
    for group in _grouped(_operations(old, new)):
        body = [line for operation in group for line in _written(operation, old, new)]
        added += sum(line.startswith("+") for line in body)
        removed += sum(line.startswith("-") for line in body)
        hunks += [_hunk_head(group), *body]
    return Change(path, added, removed, _head(diff, _inside(diff.path, directory).lstrip("/")) + "".join(hunks))


def place_of(path: str, directory: str) -> str:
    """Write a path as seen from `directory`, if it is inside; on one line."""
    return " ".join(_inside(path, directory).split())


def excerpt(patch: str, most: int) -> str:
    """Return the first changed lines of a patch, at most `most`, with a word about the others."""
    lines = [line for line in patch.split("\n")[3:] if line and not line.startswith("\\")]
    first = next((at for at, line in enumerate(lines) if line[0] in "+-"), 0)
    shown = ["⋯" if line.startswith("@@") else line for line in lines[max(0, first - 1) :]]
    shown = [shortened(line, WIDEST) for line in shown]
    if len(shown) > most:
        rest = sum(line[0] in "+-" for line in shown[most - 1 :])
        shown = [*shown[: most - 1], f"⋯ {rest} more"]
    return "\n".join(shown)


def _inside(path: str, directory: str) -> str:
    inside = directory and path.startswith(directory.rstrip("/") + "/")
    return os.path.relpath(path, directory) if inside else path


def _head(diff: Diff, path: str) -> str:
    """Write the lines that say which file it is; those of Git where nothing else says that one is new."""
    old, new = _quoted(f"a/{path}"), _quoted(f"b/{path}")
    if diff.old_text is None and not diff.new_text:
        return f"diff --git {old.rstrip()} {new.rstrip()}\nnew file mode 100644\n"
    return f"--- {'/dev/null' if diff.old_text is None else old}\n+++ {new}\n"


def _quoted(path: str) -> str:
    """Write a name so that it is read back as it is: a tab ends one with spaces, as Git and GNU patch have it."""
    if _ODD.search(path):
        return f'"{_ODD.sub(_octal, path)}"'
    return f"{path}\t" if " " in path else path


def _octal(odd: re.Match[str]) -> str:
    return f"\\{ord(odd[0]):03o}"


Operation = tuple[str, int, int, int, int]


def _lines(text: str) -> list[str]:
    return text.split("\n")[:-1] + ([last + _NO_LINE_FEED] if (last := text.rpartition("\n")[2]) else [])


def _operations(old: Sequence[str], new: Sequence[str]) -> list[Operation]:
    """Compare like `difflib`, whose time grows with the square: only what lies between the ends that are the same."""
    least = min(len(old), len(new))
    head = next((at for at in range(least) if old[at] != new[at]), least)
    tail = next((at for at in range(least - head) if old[-1 - at] != new[-1 - at]), least - head)
    old_middle, new_middle = old[head : len(old) - tail], new[head : len(new) - tail]
    found: list[Operation] = [("equal", 0, head, 0, head)] if head else []
    if len(old_middle) * len(new_middle) > COMPARED or not old_middle or not new_middle:
        if old_middle or new_middle:
            found.append(("replace", head, head + len(old_middle), head, head + len(new_middle)))
    else:
        matcher = difflib.SequenceMatcher(None, old_middle, new_middle, autojunk=False)
        found += [(tag, a + head, b + head, c + head, d + head) for tag, a, b, c, d in matcher.get_opcodes()]
    if tail:
        found.append(("equal", len(old) - tail, len(old), len(new) - tail, len(new)))
    return found


def _grouped(operations: Sequence[Operation]) -> Iterator[list[Operation]]:
    """Make hunks: changes with `CONTEXT` lines around them; those that are near each other are one."""
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


def _hunk_head(group: Sequence[Operation]) -> str:
    return f"@@ -{_range(group[0][1], group[-1][2])} +{_range(group[0][3], group[-1][4])} @@\n"


def _range(start: int, stop: int) -> str:
    """Write lines `start` to `stop` (from 0) as a hunk's head does (from 1; an empty range names the line before)."""
    length = stop - start
    return f"{start + 1}" if length == 1 else f"{start + 1 if length else start},{length}"


def _written(operation: Operation, old: Sequence[str], new: Sequence[str]) -> Iterator[str]:
    tag, a, b, c, d = operation
    if tag == "equal":
        yield from (_line(" ", line) for line in old[a:b])
    else:
        yield from (_line("-", line) for line in old[a:b])
        yield from (_line("+", line) for line in new[c:d])


def _line(mark: str, line: str) -> str:
    if line.endswith(_NO_LINE_FEED):
        return f"{mark}{line.removesuffix(_NO_LINE_FEED)}\n{_NO_LINE_FEED}"
    return f"{mark}{line}\n"
