"""Renders Markdown tables, which Discord lacks, as an aligned code block or as bullets. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from bot.config.appearance import Tables
from bot.text.markdown import FENCE

from .inline import Inline

WIDEST = 44
"""Columns of code that a phone shows without wrapping."""

_RULE = re.compile(r"\s*\|?\s*:?-+:?\s*(?:\|\s*:?-+:?\s*)*\|?\s*$")
_CELL = re.compile(r"((?:\\.|`[^`\n]*`|[^|\\`]|[\\`])*)\|")
_JOINED_LETTERS = re.compile("\u200d(?=\\w)")
"""`cell_len` counts joined characters as one emoji; joined letters need a column each."""

_LINK = re.compile(r"https?://")


@dataclass(frozen=True, slots=True)
class Table:
    """A table: its head, the alignment of its columns (`<`, `^`, `>`), and its rows as the agent wrote them."""

    head: tuple[str, ...]
    aligned: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def render(self, tables: Tables, inline: Inline) -> str:
        """Return its lines, without a line feed at the end; as bullets where it has links or is wider than a phone."""
        if tables == "code" and not self._has_links():
            lines = self._aligned_lines(inline)
            if max(map(width_of, lines)) <= WIDEST:
                return "\n".join([FENCE, *lines, FENCE])
        return "\n".join(line for row in self.rows or (("",) * len(self.head),) for line in self._bullets(row, inline))

    def _has_links(self) -> bool:
        return any(_LINK.search(cell) for row in (self.head, *self.rows) for cell in row)

    def _aligned_lines(self, inline: Inline) -> list[str]:
        rows = [[inline.plain(_unbarred(cell)) for cell in row] for row in (self.head, *self.rows)]
        widths = [max(1, *map(width_of, column)) for column in zip(*rows, strict=True)]
        lines = ["  ".join(map(_padded, row, widths, self.aligned)).rstrip() for row in rows]
        return [lines[0], "  ".join("─" * width for width in widths), *lines[1:]]

    def _bullets(self, row: Sequence[str], inline: Inline) -> list[str]:
        """Return a row as a bullet: the first cell, and below it the other cells with their columns' names."""
        named = [
            f"{head}: {cell}" if head and cell else head or cell
            for head, cell in zip(_converted(self.head, inline), _converted(row, inline), strict=True)
        ]
        first, *others = named
        return [f"- {first}", *(f"  - {other}" for other in others if other)]


def columns_of_rule(line: str) -> tuple[str, ...]:
    """Return the alignment of the columns if `line` is the line below a table's head, else ()."""
    if "-" not in line or not _RULE.match(line) or ("|" not in line and ":" not in line):
        return ()
    marks = {(True, True): "^", (False, True): ">"}
    return tuple(marks.get((cell.startswith(":"), cell.endswith(":")), "<") for cell in cells_of(line))


def cells_of(line: str, count: int | None = None) -> tuple[str, ...]:
    r"""Split a table's line at its bars, but not at `\|` or inside a code span; return exactly `count` cells if given.

    Missing cells are empty; surplus ones are joined to the last.
    """
    line = line.strip().removeprefix("|")
    if line.endswith("|") and not line.endswith("\\|"):
        line = line[:-1]
    cells = [match[1].strip() for match in _CELL.finditer(line + "|")]
    if count is not None:
        cells += [""] * (count - len(cells))
        cells[count - 1 :] = [" | ".join(cells[count - 1 :])]
    return tuple(cells)


def width_of(text: str) -> int:
    """Return the columns of a text in a monospaced font: two for wide characters and emoji, none for marks."""
    if text.isascii() and text.isprintable():
        return len(text)
    from rich.cells import cell_len  # noqa: PLC0415 - 0.4 MB, loaded in 3 ms with the first table of such a text

    return cell_len(_JOINED_LETTERS.sub("", text), "latest")


def _unbarred(cell: str) -> str:
    return cell.replace("\\|", "|")


def _converted(row: Sequence[str], inline: Inline) -> list[str]:
    return [" ".join(inline.convert(_unbarred(cell)).split("\n")) for cell in row]


def _padded(cell: str, width: int, aligned: str) -> str:
    missing = width - width_of(cell)
    left = {"<": 0, ">": missing}.get(aligned, missing // 2)
    return " " * left + cell + " " * (missing - left)
