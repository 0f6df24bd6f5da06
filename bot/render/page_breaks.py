"""Cuts Markdown into pages of at most 2,000 characters, at good places, with balanced code blocks. Pure.

A code block begins and ends only at lines that begin with three backticks (see `bot.text.markdown`).
"""

import re
from dataclasses import dataclass
from itertools import takewhile

from bot.text.graphemes import boundary_before
from bot.text.markdown import FENCE, LIMIT, QUOTE, SUBTEXT, quote_prefix

LOOKAHEAD = 2000
"""Characters behind a page's limit that may decide where it is cut, unless the line ends sooner: atoms are shorter."""

DEEPEST = 100
"""Columns of indentation that are compared; deeper lines count as equal."""

LONGEST_INFO = 30
"""Characters behind the backticks that open a block again on the next page; Discord takes more for no language."""

CLOSING = f"\n{FENCE}"

_FENCE_LINE = re.compile(r"^```([^\n]*)$", re.MULTILINE)
_ENDING = re.compile(r"```$", re.MULTILINE)
_ITEM = re.compile(r"([ \t]+)(?:[-*+]|\d{1,9}[.)])[ \t]")
# Quantifiers that end in + are possessive: to give characters back never helps here, and costs the square.
_ATOM = re.compile(
    r"\\[!-/:-@\[-`{-~]"  # an escaped mark
    r"|(?P<code>`+)(?!`)[^\n]{1,400}?(?<!`)(?P=code)(?!`)"  # a code span
    r"|!?\[[^\[\]\n]{0,400}+\]\([^()\s]{1,1400}+(?:\([^()\s]{0,90}+\)[^()\s]{0,90}+)?"  # a masked link
    r"(?: {1,9}+\"[^\"\n]{0,90}+\")?\)"  # and its title
    r"|<(?:@[!&]?|#|a?:\w{1,40}:|/[^<>\n]{1,100}:|t:|id:)[\w:-]{1,40}+>"  # mention, emoji, command, timestamp
    r"|<?https?://[^\s<>]{1,1800}+>?|<(?:mailto|tel|sms):[^\s<>]{1,120}+>"  # an address
    r"|(?<!:):[\w+-]{1,40}+:(?!:)"  # an emoji by its name
    r"|(?P<mark>\*\*|\|\||~~|__)(?=\S)[^\n]{1,200}?(?P=mark)"  # short emphasis
)

_UNDECIDED = re.compile(
    _ATOM.pattern  # one that ends with the text may continue
    + r"|(?:"  # what may still become an atom
    r"\\|`+[^\n]{0,400}+"
    r"|!?\[[^\[\]\n]{0,400}+"
    r"(?:\](?:\([^()\s]{0,1400}+(?:\([^()\s]{0,90}+(?:\)[^()\s]{0,90}+)?)?(?: {1,9}+(?:\"[^\"\n]{0,90}+\"?)?)?)?)?"
    r"|<[^<>\n]{0,144}+"
    r"|<?h(?:t(?:t(?:p(?:s?(?::(?:/(?:/[^\s<>]{0,1800}+)?)?)?)?)?)?)?"
    r"|:[\w+-]{0,40}+"
    r"|(?:\*\*|\|\||~~|__)(?:\S[^\n]{0,200}+)?|[*|~_]"
    r")\Z"
)


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a text: what to post, where the next page begins, and what that one opens with."""

    content: str
    end: int
    opening: str


def take_page(text: str, start: int = 0, opening: str = "", limit: int = LIMIT) -> Page:
    """Return the page that begins at `start`; `opening` is what the page before left to be opened again.

    The page takes at least one character, and the next one's opening is a small part of a page, so that every text
    comes to its end.

    The cut depends on at most `LOOKAHEAD` characters behind the page's limit, and never on text behind the line that
    holds the limit: a growing text keeps its earlier cuts.
    """
    room = limit - len(opening)
    if len(text) - start <= room:
        after = opening_after(text, start, len(text), opening)
        if not after.startswith(FENCE) or len(text) - start + len(CLOSING) <= room:
            return Page(_content(text, start, len(text), opening, after), len(text), after)
    end = _cut(text, start, start + room, opening)
    after = opening_after(text, start, end, opening)
    if after.startswith(FENCE) and end - start + len(CLOSING) > room:
        end = _cut(text, start, start + room - len(CLOSING), opening)
        after = opening_after(text, start, end, opening)
    if after.startswith(FENCE):
        end, after = _beside_fence(text, start, end, after)
    else:
        after = _line_mark(text, start, end, opening)
    return Page(_content(text, start, end, opening, after), end, after)


def pages_of(text: str, opening: str = "") -> list[str]:
    """Cut a whole text into pages. Text that shows nothing has no page."""
    found, at = [], 0
    while at < len(text):
        page = take_page(text, at, opening)
        if page.content:
            found.append(page.content)
        at, opening = page.end, page.opening
    return found


def end_page(text: str, end: int, opening: str = "") -> Page | None:
    """Return the first page of `text`, ended at `end` or before although it has room; None inside a code block."""
    end = whole_until(text, 0, end)
    if end == 0 or opening_after(text, 0, end, opening).startswith(FENCE):
        return None
    after = _line_mark(text, 0, end, opening)
    return Page(_content(text, 0, end, opening, after), end, after)


def whole_until(text: str, start: int, end: int) -> int:
    """Return the last place up to `end` that cuts no atom, nor what may become one when the line continues.

    Only the text from `start` to the end of the line that holds `end` is looked at.
    """
    line_start = max(start, text.rfind("\n", start, end) + 1)
    line_end = text.find("\n", end)
    atoms = _UNDECIDED.finditer(text, line_start, len(text) if line_end < 0 else line_end)
    cut = next((atom.start() for atom in atoms if atom.start() < end < atom.end()), end)
    return boundary_before(text, cut, start)


def is_decided(text: str, start: int) -> bool:
    """Whether the full page that begins at `start` ends at the same place however the text's last line continues."""
    limit = start + LIMIT
    if len(text) >= limit + LOOKAHEAD or text.find("\n", limit) >= 0:
        return True
    line_start = max(start, text.rfind("\n", start, limit) + 1)
    atoms = takewhile(lambda atom: atom.start() < limit, _UNDECIDED.finditer(text, line_start))
    return all(atom.end() < len(text) for atom in atoms)


def opening_after(text: str, start: int, end: int, opening: str = "") -> str:
    """Return the line that opens the code block again that is open at `end`; empty where none is open."""
    is_open = opening if opening.startswith(FENCE) else ""
    for match in _FENCE_LINE.finditer(text, start, end):
        info = match[1].strip()
        is_open = "" if is_open else f"{FENCE}{info if len(info) <= LONGEST_INFO else ''}\n"
    return is_open


def _content(text: str, start: int, end: int, opening: str, after: str) -> str:
    """Return what is posted. Discord trims messages, so a page neither begins nor ends with white space."""
    inside = opening.startswith(FENCE)
    body = text[start:end].rstrip("\n") if after.startswith(FENCE) else text[start:end].rstrip()
    body = body if inside else _flush(body)
    if not body.strip():
        return ""
    closing = CLOSING if after.startswith(FENCE) else ""
    return opening + body + closing


def _flush(text: str) -> str:
    """Strip leading white space. Of a list item, strip it from the lines below too, so that siblings stay siblings."""
    shown = text.lstrip()
    item = _ITEM.match(text, text.rfind("\n", 0, len(text) - len(shown)) + 1)
    if item is None or not shown:
        return shown
    lines = shown.split("\n")
    inner = takewhile(lambda line: line.startswith(item[1]) or not line.strip(), lines[1:])
    moved = [line.removeprefix(item[1]) for line in inner]
    return "\n".join([lines[0], *moved, *lines[1 + len(moved) :]])


def _cut(text: str, start: int, most: int, opening: str) -> int:
    """Choose where a page ends, at most at `most`: behind a paragraph, else a line, else a word, else a character.

    Only ends in the second half count, so that pages are well filled.
    """
    half = start + (most - start) // 2
    window_end = min(len(text), most)
    paragraph = text.rfind("\n\n", half, window_end)
    if paragraph >= 0:
        return _behind(text, paragraph, most)
    line = _outer_line(text, start + (most - start) * 3 // 4, window_end)
    if line < 0:
        line = text.rfind("\n", half, window_end)
    if line >= 0:
        return line + 1
    word = text.rfind(" ", half, window_end)
    inside = opening_after(text, start, most, opening).startswith(FENCE)
    if inside:
        return word + 1 if word >= 0 else boundary_before(text, most, start)
    return _outside_atoms(text, start, word + 1 if word >= 0 else most, most)


def _behind(text: str, line_feed: int, most: int) -> int:
    """Return the end of the run of line feeds."""
    end = line_feed
    while end < most and end < len(text) and text[end] == "\n":
        end += 1
    return end


def _outer_line(text: str, least: int, most: int) -> int:
    """Return the line feed before the least indented line, the last of several; -1 if there is none."""
    found, indent, at = -1, DEEPEST, most
    while indent and (at := text.rfind("\n", least, at)) >= 0:
        line = text[at + 1 : at + 1 + indent]
        rest = line.lstrip(" \t")
        if rest and rest[0] != "\n":
            found, indent = at, len(line) - len(rest)
    return found


def _outside_atoms(text: str, start: int, cut: int, most: int) -> int:
    """Move a cut in a line out of links, mentions, emoji and code spans, if the page has text before them."""
    line_start = max(start, text.rfind("\n", start, cut) + 1)
    line_end = text.find("\n", cut, most + LOOKAHEAD)
    line_end = min(len(text), most + LOOKAHEAD) if line_end < 0 else line_end
    for atom in _ATOM.finditer(text, line_start, line_end):
        if atom.start() >= cut:
            break
        if atom.end() > cut:
            if atom.end() <= most:
                return atom.end()
            cut = atom.start() if atom.start() > start else most
            break
    return boundary_before(text, cut, start)


def _beside_fence(text: str, start: int, end: int, after: str) -> tuple[int, str]:
    """Move a cut that would leave an empty code block; return where to cut, and what is opened there."""
    if _ENDING.match(text, end):  # The block ends here: its last line takes no more room than the repair.
        return min(len(text), end + len(FENCE) + 1), ""
    line_start = text.rfind("\n", start, end - 1) + 1
    if line_start > start and text.startswith(FENCE, line_start) and text[line_start:end].endswith("\n"):
        return line_start, ""  # The block begins here: it moves as a whole.
    return end, after


def _line_mark(text: str, start: int, end: int, opening: str) -> str:
    """Return the mark that the rest of a cut line needs on the next page: of a quote, or of subtext.

    One mark is enough, however many the line has: Discord has quotes of one level only.
    """
    if text[end - 1] == "\n":
        return ""
    line_start = text.rfind("\n", start, end) + 1
    if line_start == 0 and opening and not opening.startswith(FENCE):
        return opening
    line = text[line_start or start : end]
    return QUOTE if quote_prefix(line) else SUBTEXT if line.startswith(SUBTEXT) else ""
