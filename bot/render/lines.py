"""Says what a line of CommonMark is, and where Discord has it: lists, quotes, headings, rules. Pure.

Discord has two spaces for each level of a list, three headings, one level of quotes, and no rules. An agent may indent
a list by any number of spaces: an item is inside another one that begins at least `NESTED` columns further left.
"""

import re
from typing import Literal, NamedTuple

from bot.text.markdown import QUOTE, RULE, quote_prefix

from .html import raised
from .inline import Inline

NESTED = 2

MOST_LEVELS = 10
"""Levels of a list; Discord shows eleven."""

CODE_INDENT = 4
"""Columns before the text of a code block that has no fence."""

HEADINGS = 3
"""Levels of headings that Discord has; deeper ones are bold."""

_WHITE = re.compile(r"[ \t]*")
_ITEM = re.compile(r"([-*+]|\d{1,9}[.)])([ \t]+|$)(?:\[([ xX])\](?:[ \t]+|$))?")
_HEADING = re.compile(r"(#{1,6})(?:[ \t]+|$)")
_RULE_LINE = re.compile(r"(?:(?:-[ \t]*){3,}|(?:\*[ \t]*){3,}|(?:_[ \t]*){3,})$")
_DEFINITION = re.compile(
    r"\[([^\[\]\n^][^\[\]\n]{0,100})\]:[ \t]*(<[^<>\n]+>|\S+)[ \t]*(?:\"[^\"]*\"|'[^']*'|\([^()]*\))?[ \t]*$"
)
_FOOTNOTE = re.compile(r"\[\^([^\s\[\]]{1,40})\]:[ \t]*")
_ALERT = re.compile(r"\[!(NOTE|TIP|IMPORTANT|WARNING|CAUTION)\][ \t]*$")
_UNDERLINE = re.compile(r" {0,3}(?:(=)=*|--+)[ \t]*$")
_SENTENCE_ENDS = (".", ":", ",", ";")

Kind = Literal["blank", "words", "item", "heading", "bold", "rule", "definition"]


class Item(NamedTuple):
    """An open item of a list: the columns where it and its words begin, and its number if it has one."""

    indent: int
    words: int
    number: int | None


class MarkdownLine(NamedTuple):
    """A line: what Discord has before its words, where these begin, and the items that it is inside of.

    A further line that belongs to it begins with `below`.
    """

    kind: Kind
    before: str = ""
    words: str = ""
    start: int = 0
    items: tuple[Item, ...] = ()
    below: str = ""
    quoted: bool = False

    @property
    def is_inside(self) -> bool:
        """Whether it is inside an item, and not an outermost one itself."""
        return len(self.items) > (self.kind == "item")

    def shown(self, inline: Inline, *, draft: bool = False) -> str:
        """Return the line as Discord has it, without a line feed at its end; empty where nothing of it shows."""
        match self.kind:
            case "rule":
                return self.before + RULE
            case "bold":
                words = inline.convert(self.words, draft=draft, in_bold=True).replace("\n", " ")
                return f"{self.before}**{words}**" if words.strip() else ""
            case "definition":
                label, target = self.words.split("\n")
                return f"{self.before}[{label}]: {inline.bare(target) if draft else inline.define(label, target)}"
        words = inline.convert(self.words, draft=draft)
        if self.words.strip() and not words.strip() and not draft:
            return ""
        return self.before + words.replace("\n", " " if self.kind == "heading" else f"\n{self.below}")


def line_of(text: str, items: tuple[Item, ...] = ()) -> MarkdownLine:
    """Return what a line is that stands below these items."""
    if quote := quote_prefix(text):
        inner = line_of(text[len(quote) :], items)
        words = inner.words
        if inner.kind == "words" and (alert := _ALERT.match(words)):
            words = f"**{alert[1].capitalize()}**"
        return inner._replace(
            before=QUOTE + inner.before,
            below=QUOTE + inner.below,
            words=words,
            start=inner.start + len(quote),
            quoted=True,
        )
    white = _WHITE.match(text)
    start = white.end() if white else 0
    if start == len(text):
        return MarkdownLine("blank", items=items)
    indent = columns(text[:start])
    if text[start].isalpha():  # Most lines are: nothing else begins so.
        return _below(text, start, indent, items)
    if _RULE_LINE.match(text, start):
        return MarkdownLine("rule", start=start)
    if item := _ITEM.match(text, start):
        return _item(text, item, indent, items)
    return _below(text, start, indent, items)


def _item(text: str, found: re.Match[str], indent: int, items: tuple[Item, ...]) -> MarkdownLine:
    mark, gap, box = found.groups()
    kept, sibling = items, None
    while kept and indent < kept[-1].indent + NESTED:
        kept, sibling = kept[:-1], kept[-1]
    kept = kept[: MOST_LEVELS - 1]
    number = int(mark[:-1]) if mark[0].isdigit() else None
    if number is not None and sibling is not None and sibling.number is not None:
        number = max(number, sibling.number + 1)
    shown = "-" if mark == "+" else mark if number is None else f"{number}."
    box = "" if box is None else "☐ " if box == " " else "☑ "
    margin = "  " * len(kept)
    # Words that begin far behind the mark are code; the item's own text then begins one column behind the mark.
    width = len(mark) + (len(gap) if len(gap) <= CODE_INDENT else 1)
    return MarkdownLine(
        "item",
        f"{margin}{shown} {box}",
        text[found.end() :],
        found.end(),
        (*kept, Item(indent, indent + width, number)),
        f"{margin}  ",
    )


def _below(text: str, start: int, indent: int, items: tuple[Item, ...]) -> MarkdownLine:
    """Return a line that is no item: inside of one where it is indented below it."""
    while items and indent <= items[-1].indent:
        items = items[:-1]
    margin = "  " * len(items)
    if text[start].isalpha():
        return MarkdownLine("words", margin, _unbroken(text[start:]), start, items, margin)
    if heading := _HEADING.match(text, start):
        level, title = len(heading[1]), _title(text[heading.end() :])
        if level > HEADINGS or not title:
            return MarkdownLine("bold", margin, title, heading.end(), items, margin)
        return MarkdownLine("heading", f"{margin}{heading[1]} ", title, heading.end(), items, margin)
    if found := _DEFINITION.match(text, start):
        target = found[2].removeprefix("<").removesuffix(">")
        return MarkdownLine("definition", margin, f"{found[1]}\n{target}", start, items, margin)
    if note := _FOOTNOTE.match(text, start):
        number = raised(note[1]) if note[1].isdigit() else f"[{note[1]}]"
        return MarkdownLine("words", f"{margin}{number} ", text[note.end() :], note.end(), items, margin)
    return MarkdownLine("words", margin, _unbroken(text[start:]), start, items, margin)


def _unbroken(words: str) -> str:
    """Return words without the mark of a line break, which Discord has at every end of a line."""
    return words[:-1] if words.endswith("\\") and not words.endswith("\\\\") else words


def _title(text: str) -> str:
    """Return a heading's words without the marks that may end it."""
    title = text.strip()
    words = title.rstrip("#")
    return words.rstrip() if not words or words.endswith((" ", "\t")) else title


def columns(white: str) -> int:
    """Return the width of white space; a tab ends at a multiple of four."""
    return len(white.expandtabs(4)) if "\t" in white else len(white)


def code_indent(text: str, items: tuple[Item, ...], *, apart: bool) -> int:
    """Return the indentation of the code block without a fence that begins with this line; 0 if none does.

    `apart` is whether no words are right before it: those would continue with it.
    """
    if not apart or not text.startswith((" ", "\t")):
        return 0
    white = _WHITE.match(text)
    start = white.end() if white else 0
    indent = columns(text[:start])
    if start == len(text) or indent < CODE_INDENT:
        return 0
    inside = [item for item in items if indent >= item.words]
    if items and not inside:
        return 0
    base = inside[-1].words if inside else 0
    return base + CODE_INDENT if indent >= base + CODE_INDENT and not _ITEM.match(text, start) else 0


def heading_of(words: str, underline: str, *, alone: bool) -> str:
    """Return the marks of the heading that a line and its underline are; empty if they are none.

    `alone` is whether the line is a paragraph. Below a longer paragraph, a sentence or a row, agents mean a rule.
    """
    found = _UNDERLINE.match(underline)
    if not found:
        return ""
    if found[1]:
        return "# "
    return "## " if alone and "|" not in words and not words.rstrip().endswith(_SENTENCE_ENDS) else ""
