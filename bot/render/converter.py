"""Converts the agent's streamed CommonMark to Discord's: settled text, which is final, and a draft. Pure.

Most lines settle when they are complete, a table when it ends, and a code block when it ends or is so long that it
becomes a file. Only the text decides that, not the pieces in which it arrives, unless `settle_words` is called.
"""

import re
from dataclasses import dataclass, replace

from bot.config.appearance import Style
from bot.text.markdown import FENCE, break_fences, convert_inline, convert_line, quote_prefix

from .code_blocks import Fence, closing, opening
from .page_breaks import whole_until
from .spool import Spool
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
_THREE_MARKS = re.compile(r"[`~]{3}")

WIDE_LINE = 100
"""Characters a line, on average, by which `long_code_lines` also limits a code block of few very long lines."""


@dataclass(frozen=True, slots=True)
class Draft:
    """What follows the settled text for now: text, or the code block that is being written."""

    text: str = ""
    fence: Fence | None = None
    code: str = ""
    lines: int = 0


class _Code:
    """A code block that is being written."""

    def __init__(self, fence: Fence, *, direct: bool) -> None:
        self.fence = fence
        self.text: list[str] = []
        self.lines = 0
        self.characters = 0
        self.name = ""
        self.spool: Spool | None = None
        self.direct = direct
        self.opened = False

    def add(self, text: str) -> None:
        self.lines += text.endswith("\n")
        self.characters += len(text)
        if self.spool is not None:
            self.spool.write(text.encode())
        else:
            self.text.append(text)

    def add_lines(self, text: str) -> None:
        """Add whole lines of the text to the file."""
        text = text.replace("\r\n", "\n")
        if self.fence.indent:
            text = re.sub(rf"^{self.fence.indent}", "", text, flags=re.MULTILINE)
        self.lines += text.count("\n") - 1
        self.add(text)

    def spill(self, name: str) -> None:
        """Move the code into a file, and continue there."""
        self.name = name
        self.spool = Spool("".join(self.text).encode())
        self.text.clear()

    @property
    def line(self) -> str:
        """The line that announces its file."""
        return f"📎 `{self.name}` · {self.lines} lines"


class MarkdownConverter:
    """Converts one text. `feed` and `close` return what has settled, in order."""

    def __init__(self, style: Style, shelf: UploadShelf) -> None:
        """Put long code blocks on `shelf`."""
        self._style = style
        self._shelf = shelf
        self._settled: list[str] = []
        self._line = ""
        self._in_line = False
        self._rows: list[str] = []
        self._aligned: tuple[str, ...] = ()
        self._code: _Code | None = None
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
            longest = LONGEST_ROW if text.startswith("|", at) and not self._in_line else LONGEST_LINE
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
            return self._skip_file(code, text, at)
        if self._in_line:
            blank = _BLANKS.match(text, at) if self._blank_pieces == MOST_BLANK else None
        else:
            most = MOST_BLANK if code is None else MOST_BLANK_CODE
            blank = _BLANK_LINES.match(text, at) if self._blank == most and not self._rows else None
        return at if blank is None else blank.end()

    def _skip_file(self, code: _Code, text: str, at: int) -> int:
        """Write into the file all lines that cannot end its block; return where the next one begins."""
        if self._in_line:
            end = text.find("\n", at)
            end = len(text) if end < 0 else end
            code.add(text[at:end])
            return end
        if code.fence.quoted:
            return at
        mark = _THREE_MARKS.search(text, at)
        end = text.rfind("\n", at, len(text) if mark is None else mark.start()) + 1
        if end > at:
            code.add_lines(text[at:end])
        return max(at, end)

    def settle_words(self) -> str:
        """Settle the unfinished line up to its last word; return what has settled.

        A line stays as it is where only its end tells what it is.
        """
        line = self._line
        plain = line[:1].isalnum() and "|" not in line and FENCE not in line and "~~~" not in line
        if self._code is None and not self._rows and plain:
            end = whole_until(line, 0, line.rstrip().rfind(" ") + 1)
            if end:
                self._settle_piece(line[:end])
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
        if self._code is not None:
            fence = self._code.fence
            self._end_code()
            self._begin_code(replace(fence, info=fence.language))
        return self._out().rstrip("\n") if self._interrupted else self._out()

    def draft(self) -> Draft:
        """Return what has not settled, as well as it can be shown now."""
        if self._code is not None:
            return self._draft_of_code(self._code)
        held = ""
        if len(self._rows) == 1:
            held = convert_line(self._rows[0]) + "\n"
        elif self._rows:
            held = self._table().render(self._style.tables) + "\n"
        if self._rows and not self._line.strip("|:- \t"):
            return Draft(held)
        if self._in_line:
            words = convert_inline(self._line)
            return Draft(f"\u200b{words}" if self._ends_in_backtick and words.startswith("`") else words)
        found = opening(self._line)
        return Draft(held + (convert_line(found[0]) if found else convert_line(self._line)))

    def _draft_of_code(self, code: _Code) -> Draft:
        if code.spool is not None:
            return Draft(f"{code.line} so far")
        rest = code.fence.content_of(self._line)
        if code.direct:
            return Draft(f"\u200b{break_fences(rest)}" if self._ends_in_backtick else break_fences(rest))
        if closing(self._line, code.fence) is not None or self._line.strip() in {"`", "``", "~", "~~"}:
            rest = ""
        shown = ("".join(code.text) + rest).removesuffix("\n")
        return Draft("", code.fence, shown, code.lines) if shown.strip() else Draft()

    # ---- lines

    def _take(self, line: str, *, ended: bool = True) -> None:
        """Take a line to its end; one that is not `ended` was cut short."""
        line = line.removesuffix("\r")
        self._blank = 0 if line.strip() else self._blank + 1
        in_line, self._in_line, self._blank_pieces = self._in_line, False, 0
        if self._code is not None:
            self._take_code(self._code, line, in_line=in_line)
        elif in_line and opening(line) is None:
            self._put(convert_inline(line) + "\n")
        else:
            self._take_words(line, ended=ended, in_line=in_line)

    def _take_piece(self, text: str, at: int) -> int:
        """Take the beginning of a very long line; return where it continues."""
        end = text.rfind(" ", at + PIECE // 2, at + PIECE) + 1 or at + PIECE
        while end > at + PIECE // 2 and text[end - 1] == text[end] == "`":
            end -= 1
        self._settle_piece(text[at:end])
        return end

    def _settle_piece(self, piece: str) -> None:
        """Settle a part of a line that continues behind it."""
        self._blank_pieces = 0 if piece.strip() else self._blank_pieces + 1
        if self._code is not None:
            self._code.add(piece if self._in_line else self._code.fence.content_of(piece))
            self._grow(self._code)
        else:
            if self._rows:
                self._end_table()
            self._put(convert_inline(piece) if self._in_line else convert_line(piece))
        self._in_line = True

    def _take_words(self, line: str, *, ended: bool, in_line: bool = False) -> None:
        if self._rows and self._take_row(line):
            return
        found = opening(line)
        if found is not None:
            words, fence = found
            if words or in_line:
                self._put(convert_line(words) + "\n")
            self._begin_code(fence)
        elif ended and self._may_be_row(line):
            self._rows = [line]
        else:
            self._put(convert_line(line) + "\n")

    # ---- tables

    def _may_be_row(self, line: str) -> bool:
        return self._style.tables != "off" and "|" in line and not quote_prefix(line)

    def _take_row(self, line: str) -> bool:
        """Take a line that follows a row; return False where it is no row and the table has settled."""
        if len(self._rows) == 1:
            aligned = columns_of_rule(line)
            if aligned and len(cells_of(self._rows[0])) == len(aligned):
                self._aligned = aligned
                self._rows.append(line)
                return True
        elif self._may_be_row(line) and opening(line) is None:
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
        if len(self._rows) == 1:
            self._put(convert_line(self._rows[0]) + "\n")
        else:
            self._put(self._table().render(self._style.tables) + "\n")
        self._rows = []

    # ---- code

    def _take_code(self, code: _Code, line: str, *, in_line: bool) -> None:
        ended = None if in_line else closing(line, code.fence)
        if ended is None:
            code.add((line if in_line else code.fence.content_of(line)) + "\n")
            self._grow(code)
            return
        last, behind = ended
        if last is not None:
            code.add(last + "\n")
        self._end_code()
        if behind is not None and behind.strip():
            self._take_words(behind, ended=True)

    def _begin_code(self, fence: Fence) -> None:
        self._code = _Code(fence, direct=self._style.long_code_lines == 0 or self._shelf.full)

    def _settle_code(self, code: _Code) -> None:
        """Settle the lines so far of a block that will not become a file."""
        if not code.opened:
            code.opened = True
            self._put(code.fence.opening)
        self._put(break_fences("".join(code.text)))
        code.text.clear()

    def _grow(self, code: _Code) -> None:
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
        if code.opened:
            self._settle_code(code)
            self._put(f"{FENCE}\n")
        elif code.spool is not None:
            self._shelf.keep(code.name, code.spool, code.line)
            self._put(code.line + "\n")
        elif shown := code.fence.shown("".join(code.text).removesuffix("\n")):
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
