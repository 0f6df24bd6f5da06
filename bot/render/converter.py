"""Converts the agent's streamed CommonMark to Discord's: settled text, which is final, and a draft. Pure.

Most lines settle when they are complete, a table when it ends, and a code block when it ends or is so long that it
becomes a file. Only the text decides that, not the pieces in which it arrives, unless `settle_words` is called.
"""

import re
from dataclasses import dataclass, replace

from bot.config.appearance import Style
from bot.text.markdown import FENCE, break_fences, quote_prefix
from bot.user_messages.reply_lines import file_so_far

from .code_blocks import PRE_END, Fence, closing, opening
from .html_blocks import HtmlBlock, begins_html, preformatted
from .inline import Inline
from .lines import Item, MarkdownLine, code_indent, heading_of, line_of
from .open_code import OpenCode
from .page_breaks import whole_until
from .tables import Table, cells_of, columns_of_rule
from .uploads import UploadShelf, code_name

LONGEST_LINE = 600
PIECE = 300
"""A line of `LONGEST_LINE` characters is taken in pieces of `PIECE`: a reader sees a long paragraph before it ends."""

LONGEST_ROW = 4000
"""The length of a line that begins like a table's from which it is taken in pieces."""

MOST_ROWS, LONGEST_TABLE = 50, 8000
"""Rows, and characters of them, after which a table settles and continues as another one with the same head.

Until it settles each look lays it out again.
"""

MOST_BLANK, MOST_BLANK_CODE = 2, 100
"""Blank lines in a row, or blank pieces of a line, that are shown at most; and the same in code."""

_BLANKS = re.compile(r"[^\S\n]*+")
_BLANK_LINES = re.compile(r"(?:[ \t\r]*+\n)*+")
_ONLY_MARKS = re.compile(r"[ \t]*(?:[-*+>]|#{1,6})?[ \t]*$")
"""The beginning of a line that shows nothing yet. Digits do: "42" may be the whole answer."""

WIDE_LINE = 100
"""Characters a line, on average, by which `long_code_lines` also limits a code block of few very long lines."""


@dataclass(frozen=True, slots=True)
class Draft:
    """What follows the settled text for now: text, or the code block that is being written."""

    text: str = ""
    fence: Fence | None = None
    code: str = ""
    lines: int = 0


@dataclass(frozen=True, slots=True)
class _Held:
    """A line of words that may still become a heading or the head of a table, or continue in the next line."""

    text: str
    line: MarkdownLine
    alone: bool
    """Whether no words are right before it."""


class MarkdownConverter:
    """Converts one text. `feed` and `close` return what has settled, in order."""

    def __init__(self, style: Style, shelf: UploadShelf) -> None:
        """Put long code blocks on `shelf`."""
        self._style = style
        self._shelf = shelf
        self._settled: list[str] = []
        self._line = ""
        self._in_line = False
        self._inline = Inline(style.directory)
        self._items: tuple[Item, ...] = ()
        """The items of a list that the last line is inside of."""
        self._quoted = False
        self._blanks = 0
        """Blank lines below an item that are not shown yet: within an item they would end its list."""
        self._begun = False
        """Whether a line has ended: the spaces that a text begins with mean nothing."""
        self._after_words = False
        self._dropped = False
        """Whether the last line was dropped behind a blank one: a blank line behind it would be a second one."""
        self._below = ""
        """What a further line of the settled part of a line begins with."""
        self._held: _Held | None = None
        self._rows: list[str] = []
        self._aligned: tuple[str, ...] = ()
        self._code: OpenCode | None = None
        self._html: HtmlBlock | None = None
        self._as_text = False
        """Whether HTML begins nothing: it has been waited for its end for too long."""
        self._interrupted = False
        self._ends_in_backtick = False
        self._blank = self._blank_pieces = 0
        """How many blank lines, and blank pieces of a line, were taken last."""

    @property
    def in_file(self) -> bool:
        """Whether a code block is open that has become a file."""
        return self._code is not None and self._code.spool is not None

    @property
    def reopening(self) -> str:
        """The line that opens the open code block again in unconverted text; empty where none is open."""
        if self._code is None:
            return ""
        fence = self._code.fence
        if fence.html:
            return "<pre>\n"
        if fence.indented:
            return ""
        return f"{'> ' if fence.quoted else ''}{fence.marker}{fence.language}\n"

    @property
    def in_line(self) -> bool:
        """Whether the settled text ends inside a line."""
        return self._in_line

    def feed(self, text: str) -> str:
        """Convert text, which has no lone surrogates; return what has settled."""
        if self._interrupted and text:
            self._interrupted = False
            text = text.removeprefix("\n")
        text, at = self._line + text, 0
        while True:
            at = self._skip(text, at)
            line_feed = text.find("\n", at)
            end = len(text) if line_feed < 0 else line_feed
            if end - at >= LONGEST_LINE:
                is_wide = not self._in_line and (text.startswith("|", at) or begins_html(text, at))
                longest = LONGEST_ROW if is_wide else LONGEST_LINE
                while end - at >= longest:
                    at, longest = self._skip(text, self._take_piece(text, at)), LONGEST_LINE
            if line_feed < 0:
                break
            self._take(text[at:end])
            at = end + 1
        self._line = text[at:]
        return self._out()

    def _skip(self, text: str, at: int) -> int:
        """Skip many lines in one step where each alone would change nothing; return where the next one begins."""
        code = self._code
        if code is not None and code.spool is not None:
            return code.skip(text, at, in_line=self._in_line)
        if self._in_line:
            blank = _BLANKS.match(text, at) if self._blank_pieces == MOST_BLANK else None
        else:
            most = MOST_BLANK if code is None else MOST_BLANK_CODE
            blank = _BLANK_LINES.match(text, at) if self._blank == most and not self._rows else None
        return at if blank is None else blank.end()

    def settle_words(self) -> str:
        """Settle the unfinished line up to its last word; return what has settled.

        A line stays as it is where only its end tells what it is.
        """
        line, held = self._line, self._held
        plain = line[:1].isalnum() and "|" not in line and FENCE not in line and "~~~" not in line
        if held is not None and self._inline.is_open(held.line.words):
            plain = False
        if self._code is None and self._html is None and not self._rows and plain:
            end = whole_until(line, 0, line.rstrip().rfind(" ") + 1)
            end = end and self._inline.decided(line, end)
            if end:
                self._settle_piece(line[:end], end)
                self._line = line[end:]
        return self._out()

    def close(self) -> str:
        """Settle everything, for another block or the end follows. An open code block continues in a new one."""
        line, self._line, self._blank = self._line, "", 0
        if line or self._in_line:
            self._interrupted = True
            self._take(line, ended=False)
        if self._rows:
            self._end_table()
        self._settle_held()
        if self._html is not None:
            self._give_up(self._html)
        if self._code is not None:
            fence = self._code.fence
            self._end_code()
            if not fence.indented:
                self._begin_code(replace(fence, info=fence.language))
        self._put("\n" * self._blanks)
        self._blanks, self._items = 0, ()
        self._begun = self._after_words = False
        return self._out().rstrip("\n") if self._interrupted else self._out()

    def draft(self) -> Draft:
        """Return what has not settled, as well as it can be shown now."""
        if self._code is not None:
            return self._draft_of_code(self._code)
        if self._html is not None:
            return Draft(self._html.rendered(self._style.tables, self._inline))
        if self._in_line:
            words = self._inline.convert(self._line, draft=True)
            return Draft(f"\u200b{words}" if self._ends_in_backtick and words.startswith("`") else words)
        held = ""
        if self._held is not None:
            held = self._held.line.shown(self._inline) + "\n"
        elif self._rows:
            held = self._table().render(self._style.tables, self._inline) + "\n"
        if held and not self._line.strip("|:-= \t"):
            return Draft(held)
        return Draft(held + self._draft_of_line(self._line))

    def _draft_of_line(self, text: str) -> str:
        found = opening(text)
        text = found[0] if found else text
        if _ONLY_MARKS.match(text):
            return ""
        if indent := self._code_indent(text):
            return Fence("", indent=" " * indent, indented=True).shown(text.strip())
        if code := preformatted(text):
            fence, words = code
            return fence.shown(fence.content_of(PRE_END.split(words)[0]))
        if begins_html(text) and "-->" not in text:
            return ""
        line = self._line_of(text)
        return self._gap(line) + line.shown(self._inline, draft=True)

    def _draft_of_code(self, code: OpenCode) -> Draft:
        if code.spool is not None:
            return Draft(file_so_far(code.line))
        ended = None if self._in_line else closing(self._line, code.fence)
        rest = code.fence.content_of(self._line)
        if ended is not None or self._line.strip() in {"`", "``", "~", "~~"}:
            rest = ""
        behind = self._draft_of_line(ended[1]) if ended is not None and ended[1] else ""
        if code.direct:
            shown = f"{FENCE}\n{behind}" if behind and code.opened else behind or break_fences(rest)
            return Draft(f"\u200b{shown}" if self._ends_in_backtick and not behind else shown)
        shown = ("".join(code.text) + rest).removesuffix("\n")
        if behind:
            return Draft(f"{code.fence.shown(shown.rstrip())}\n{behind}".lstrip("\n"))
        return Draft("", code.fence, shown, code.lines) if shown.strip() else Draft()

    # ---- lines

    def _take(self, line: str, *, ended: bool = True) -> None:
        """Take a line to its end; one that is not `ended` was cut short."""
        line = line.removesuffix("\r")
        self._blank = 0 if line.strip() else self._blank + 1
        in_line, self._in_line, self._blank_pieces = self._in_line, False, 0
        self._take_whole(line, ended=ended, in_line=in_line)
        self._begun = True

    def _take_whole(self, line: str, *, ended: bool, in_line: bool) -> None:
        rest = self._take_part(line, ended=ended, in_line=in_line)
        while rest.strip():
            rest = self._take_part(rest, ended=True, in_line=False)

    def _take_part(self, line: str, *, ended: bool, in_line: bool) -> str:
        """Take a line up to the end of the code or HTML that ends in it; return the rest, or nothing."""
        if self._code is not None:
            return self._take_code(self._code, line, in_line=in_line)
        if self._html is not None:
            return self._take_html(self._html, line)
        if not in_line or opening(line) is not None:
            return self._take_words(line, ended=ended, in_line=in_line)
        self._put_below(self._inline.convert(line) + "\n")
        return ""

    def _take_piece(self, text: str, at: int) -> int:
        """Take the beginning of a very long line; return where it continues."""
        window = text[at : at + LONGEST_LINE]
        end = window.rfind(" ", PIECE // 2, PIECE) + 1 or PIECE
        return at + self._settle_piece(window, end)

    def _settle_piece(self, text: str, end: int) -> int:
        """Settle about `end` characters of a line that continues behind them; return how many."""
        piece = text[:end]
        if self._html is not None:
            self._html.part += piece
            if self._html.is_too_long:
                self._give_up(self._html)
            return end
        self._blank_pieces = 0 if piece.strip() else self._blank_pieces + 1
        if not self._in_line and self._code is None:
            if self._rows:
                self._end_table()
            self._settle_held()
            if indent := self._code_indent(text):
                self._begin_code(Fence("", indent=" " * indent, indented=True))
        if self._code is not None:
            fence = self._code.fence
            if fence.html and (found := PRE_END.search(text)) and found.start() < end:
                self._take_code(self._code, text[: found.end()], in_line=self._in_line)
                end = found.end()
            else:
                self._code.add(piece if self._in_line and not fence.html else fence.content_of(piece))
                self._grow(self._code)
        else:
            end = self._settle_words_of(text, end)
        self._in_line = True
        return end

    def _settle_words_of(self, text: str, end: int) -> int:
        before, start = "", 0
        if not self._in_line:
            line = self._line_of(text)
            if line.kind in {"words", "item", "heading"}:
                before, start = line.before, min(line.start, end)
            self._enter(line)
            self._after_words = True
        words, cut = self._inline.beginning(text[start:], end - start)
        self._put_below(before + words)
        return start + cut

    def _take_words(self, text: str, *, ended: bool, in_line: bool) -> str:
        if self._rows and self._take_row(text):
            return ""
        if self._held is not None and self._take_below(self._held, text):
            return ""
        found = opening(text)
        if found is not None:
            words, fence = found
            if words or in_line:
                self._put_line(self._line_of(words))
            else:
                self._enter(self._line_of(text))
            self._begin_code(fence)
        elif indent := self._code_indent(text):
            fence = Fence("", indent=" " * indent, indented=True)
            self._put("\n" * self._blanks)
            self._blanks = 0
            self._begin_code(fence)
            if self._code is not None:
                return self._take_code(self._code, text, in_line=False)
        else:
            rest = None if self._as_text or "<" not in text else self._begin_html(text)
            if rest is not None:
                return rest
            self._take_line(text, ended=ended)
        return ""

    def _take_line(self, text: str, *, ended: bool) -> None:
        line = self._line_of(text)
        alone = not self._after_words
        if line.kind == "blank" and self._dropped:
            self._dropped = self._after_words = False
        elif line.kind == "blank" and line.items and not line.quoted:
            self._blanks += 1
            self._after_words = False
        elif ended and not line.quoted and (self._may_be_row(text) or (line.kind == "words" and not line.items)):
            self._enter(line)
            self._held = _Held(text, line, alone)
        else:
            self._put_line(line)
            self._dropped = self._dropped and alone

    def _take_below(self, held: _Held, text: str) -> bool:
        """Take a line that makes a heading or a table of the line before, or continues its words; else settle that."""
        self._held = None
        aligned = columns_of_rule(text) if self._may_be_row(held.text) else ()
        if aligned and len(cells_of(held.text)) == len(aligned):
            self._aligned = aligned
            self._rows = [held.text, text]
            return True
        words = held.line.words
        if held.line.kind == "words" and (marks := heading_of(words, text, alone=held.alone)):
            self._put(MarkdownLine("heading", marks, words).shown(self._inline) + "\n")
            self._after_words = False
            return True
        goes_on = opening(text) is None and (self._as_text or not begins_html(text))
        if held.line.kind == "words" and self._inline.is_open(words) and goes_on:
            below = self._line_of(text)
            joined = f"{words}\n{below.words}"
            if below.kind == "words" and not below.quoted and len(joined) < LONGEST_LINE:
                self._held = _Held("", held.line._replace(words=joined), alone=False)
                return True
        self._put_shown(held.line)
        self._dropped = self._dropped and held.alone
        return False

    def _settle_held(self) -> None:
        if self._held is not None:
            held, self._held = self._held, None
            self._put_shown(held.line)

    # ---- HTML that spans lines

    def _begin_html(self, text: str) -> str | None:
        """Take a line in which HTML begins that may span lines; return what is behind its end, None where none does."""
        if code := preformatted(text):
            self._enter(self._line_of(text))
            self._begin_code(code[0])
            return self._take_code(self._code, code[1], in_line=False) if self._code is not None and code[1] else ""
        if (begun := HtmlBlock.begun(text, alone=not self._after_words)) is None:
            return None
        block, start = begun
        if text[:start].strip():
            self._put_line(self._line_of(text[:start].rstrip()))
        self._html = block
        return self._take_html(block, text[start:])

    def _take_html(self, block: HtmlBlock, line: str) -> str:
        """Take a line of a block; return what is behind its end, or nothing."""
        behind = block.add(line)
        if behind is None:
            if block.is_too_long:
                self._give_up(block)
            return ""
        self._html = None
        if shown := block.rendered(self._style.tables, self._inline):
            self._put("\n" * self._blanks + shown + "\n")
            self._blanks, self._items, self._after_words = 0, (), False
        self._dropped = not shown and block.alone
        return behind.lstrip()

    def _give_up(self, block: HtmlBlock) -> None:
        """Show a block as it was written: its end has not come."""
        self._html, self._as_text = None, True
        for line in [*block.lines, *filter(None, [block.part])]:
            self._take_whole(line, ended=True, in_line=False)
        self._as_text = False

    # ---- where a line is

    def _line_of(self, text: str) -> MarkdownLine:
        quoted = bool(quote_prefix(text))
        return line_of(text, self._items if quoted == self._quoted else ())

    def _code_indent(self, text: str) -> int:
        if not self._begun or (self._quoted and self._items):
            return 0
        return code_indent(text, self._items, apart=not self._after_words and (not self._items or self._blanks > 0))

    def _gap(self, line: MarkdownLine) -> str:
        """Return the blank lines above a line that are shown."""
        return "" if line.is_inside and not line.quoted else "\n" * self._blanks

    def _enter(self, line: MarkdownLine) -> None:
        """Settle the blank lines above a line, which is the last one now."""
        self._put(self._gap(line))
        self._blanks, self._items, self._quoted = 0, line.items, line.quoted
        self._after_words = line.kind == "words"
        self._below = line.below

    def _put_line(self, line: MarkdownLine) -> None:
        self._enter(line)
        self._put_shown(line)

    def _put_shown(self, line: MarkdownLine) -> None:
        """Settle a line, unless it held only what does not show."""
        shown = line.shown(self._inline)
        self._dropped = not shown and bool(line.words.strip())
        if not self._dropped:
            self._put(shown + "\n")

    def _put_below(self, words: str) -> None:
        """Settle words; a line break in them stays in the item or the quote."""
        ended = words.endswith("\n")
        words = words.removesuffix("\n").replace("\n", f"\n{self._below}")
        self._put(words + "\n" * ended)

    # ---- tables

    def _may_be_row(self, line: str) -> bool:
        return self._style.tables != "off" and "|" in line and not quote_prefix(line)

    def _take_row(self, line: str) -> bool:
        """Take a line that follows a row; return False where it is no row and the table has settled."""
        if self._may_be_row(line) and opening(line) is None:
            if len(self._rows) - 2 == MOST_ROWS or sum(map(len, self._rows)) > LONGEST_TABLE:
                head = self._rows[:2]
                self._end_table()
                self._rows = head
            self._rows.append(line)
            return True
        self._end_table()
        return False

    def _table(self) -> Table:
        head, count = cells_of(self._rows[0]), len(self._aligned)
        return Table(head, self._aligned, tuple(cells_of(row, count) for row in self._rows[2:]))

    def _end_table(self) -> None:
        self._put(self._table().render(self._style.tables, self._inline) + "\n")
        self._rows = []

    # ---- code

    def _take_code(self, code: OpenCode, line: str, *, in_line: bool) -> str:
        """Take a line of code; return what is behind the block's end, or nothing."""
        is_raw = in_line and not code.fence.html
        ended = None if is_raw else closing(line, code.fence)
        if ended is None:
            code.add((line if is_raw else code.fence.content_of(line)) + "\n")
            self._grow(code)
            return ""
        last, behind = ended
        if last is not None:
            code.add(last + "\n")
        self._end_code()
        return behind or ""

    def _begin_code(self, fence: Fence) -> None:
        self._code = OpenCode(fence, direct=self._style.long_code_lines == 0 or self._shelf.full)

    def _settle_code(self, code: OpenCode) -> None:
        """Settle the lines so far of a block that will not become a file."""
        if not code.opened:
            code.opened = True
            self._put(code.fence.opening)
        self._put(break_fences("".join(code.text)))
        code.text.clear()

    def _grow(self, code: OpenCode) -> None:
        """Settle what was added to a block, or make a file of it when it is too long."""
        most = self._style.long_code_lines
        code.direct = code.direct or (self._shelf.closed and code.spool is None)
        if code.direct:
            self._settle_code(code)
        elif code.spool is None and (code.lines > most or code.characters > most * WIDE_LINE):
            code.spill(self._shelf.name(code_name(code.fence, code.text[0])))

    def _end_code(self) -> None:
        code, self._code = self._code, None
        if code is None:
            return
        self._after_words = False
        if code.opened:
            self._settle_code(code)
            self._put(f"{FENCE}\n")
        elif code.spool is not None:
            self._shelf.keep(code.name, code.spool, code.line)
            self._put(code.line + "\n")
        elif shown := code.fence.shown(
            "".join(code.text).rstrip("\n") if code.fence.indented else "".join(code.text).removesuffix("\n")
        ):
            self._put(shown + "\n")

    # ---- what has settled

    def _put(self, text: str) -> None:
        if self._ends_in_backtick and text.startswith("`"):
            text = "\u200b" + text
        if text:
            self._ends_in_backtick = text.endswith("`")
            self._settled.append(text)

    def _out(self) -> str:
        settled = "".join(self._settled)
        self._settled.clear()
        return settled
