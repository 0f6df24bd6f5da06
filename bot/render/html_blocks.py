"""HTML that spans lines: a comment shows nothing, a table is one of Markdown's, preformatted text is code. Pure."""

import re
from dataclasses import dataclass, field
from typing import Literal

from bot.config.appearance import Tables

from .code_blocks import PRE, Fence
from .inline import Inline
from .tables import Table

LONGEST = 4000
"""Characters after which a comment or a table that has not ended is shown as it was written."""

Kind = Literal["comment", "table"]

# Quantifiers that end in + are possessive: to give characters back never helps here, and costs the square.
_BEGINS = re.compile(r"[ \t]*+<(?:(?P<comment>!--)|(?P<table>table)(?=[ \t>]|$)|pre(?=[ \t>]|$))", re.IGNORECASE)
_ENDS: dict[Kind, re.Pattern[str]] = {
    "comment": re.compile("-->"),
    "table": re.compile("</table[ \t]*+>", re.IGNORECASE),
}
_LANGUAGE = re.compile(r"(?:language-|lang=[\"']?)([A-Za-z0-9_+\-.#]{1,30}+)")
_PART = re.compile(
    r"<(/?)(tr|td|th|thead|tbody|tfoot|table|caption|colgroup|col)(?:[ \t\n][^<>]{0,300}+)?/?>", re.IGNORECASE
)


def begins_html(text: str, at: int = 0) -> bool:
    """Whether a line begins with HTML that may span lines."""
    return _BEGINS.match(text, at) is not None


def preformatted(line: str) -> tuple[Fence, str] | None:
    """Return the beginning of the code that a line of HTML begins, and what is behind it on the line; None if none."""
    found = PRE.match(line)
    if found is None:
        return None
    language = _LANGUAGE.search(line, 0, found.end())
    return Fence("", language[1] if language else "", html=True), line[found.end() :]


@dataclass(slots=True)
class HtmlBlock:
    """A comment or a table whose end has not come, as it was written."""

    kind: Kind
    alone: bool
    """Whether no words are right before it."""
    lines: list[str] = field(default_factory=list)
    size: int = 0
    part: str = ""
    """The beginning of a long line."""

    @classmethod
    def begun(cls, line: str, *, alone: bool) -> "tuple[HtmlBlock, int] | None":
        """Return the block that begins in this line, and where; a comment may also begin behind words."""
        found = _BEGINS.match(line)
        if found is not None and found["table"]:
            return cls("table", alone=alone), 0
        if found is not None and found["comment"]:
            return cls("comment", alone=alone), 0
        at = line.rfind("<!--")
        if at < 0 or "`" in line or line.find("-->", at) >= 0:
            return None
        return cls("comment", alone=False), at

    def add(self, line: str) -> str | None:
        """Take a line; return what is behind the end of the block, None where it has not ended."""
        line, self.part = self.part + line, ""
        found = _ENDS[self.kind].search(line)
        self.lines.append(line if found is None else line[: found.end()])
        self.size += len(self.lines[-1]) + 1
        return None if found is None else line[found.end() :]

    @property
    def is_too_long(self) -> bool:
        """Whether it is to be shown as it was written: its end is too far away, if it comes at all."""
        return self.size + len(self.part) > LONGEST

    def rendered(self, tables: Tables, inline: Inline) -> str:
        """Return what it shows, as far as it has come."""
        if self.kind == "comment":
            return ""
        around, table = table_of("\n".join(self.lines))
        words = inline.convert(around)
        return "\n".join(each for each in (words, table and table.render(tables, inline)) if each)


def table_of(text: str) -> tuple[str, Table | None]:
    """Return the words around the cells of an HTML table, as its caption, and the table; the first row is the head."""
    rows: list[list[str]] = [[]]
    around: list[str] = []
    at, in_cell = 0, False
    for part in (*_PART.finditer(text), None):
        words = " ".join(text[at : len(text) if part is None else part.start()].split())
        if in_cell:
            rows[-1].append(words)
        elif words:
            around.append(words)
        if part is not None:
            is_cell = part[2].lower() in {"td", "th"}
            in_cell, at = is_cell and not part[1], part.end()
            rows += [] if is_cell else [[]]
    rows = [row for row in rows if row]
    count = max(map(len, rows), default=0)
    head, *others = [(*row, *[""] * (count - len(row))) for row in rows] or [()]
    return " ".join(around), Table(head, ("<",) * count, tuple(others)) if head else None
