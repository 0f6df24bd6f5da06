"""The blocks of a reply, in order: the agent's words, lines of other things, runs of tool calls. Pure.

Joined, the blocks are the text that is cut into pages; what is on a frozen page is dropped here.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from bot.config.appearance import Style

from .pager import Span
from .tool_runs import MOST, Entry, Folded, fold, lines_of, summary_of


@dataclass(slots=True)
class Prose:
    """A run of the agent's words, as far as they have settled."""

    parts: list[str] = field(default_factory=list)

    def render(self) -> str:
        """Return the words; the parts are joined once."""
        if len(self.parts) > 1:
            self.parts[:] = ["".join(self.parts)]
        return self.parts[0] if self.parts else ""


@dataclass(slots=True)
class Line:
    """Lines that are not the agent's words.

    `own` lines are the bot's, and always get a page. `live` lines change while their page is open.
    """

    text: str
    own: bool = False
    live: bool = False
    frozen: str = ""
    """What they are on a page that does not change again, of the same length; empty where that is the same."""

    @property
    def goes_on(self) -> bool:
        """Whether a page that does not change again shows it otherwise."""
        return bool(self.frozen)

    def render(self, *, frozen: bool = False) -> str:
        """Return the lines."""
        return self.frozen if frozen and self.frozen else self.text


@dataclass(slots=True)
class ToolRun:
    """Tool calls and subagents that follow each other."""

    style: Style
    entries: list[Entry] = field(default_factory=list)
    folded: Folded = field(default_factory=Folded)
    followed: bool = False
    """Whether something stands behind it: then it is one line."""
    _fold_at: int = 4 * MOST

    def add(self, entry: Entry) -> None:
        """Add an entry. Those that are only counted are dropped now and then: a long run costs little to render."""
        self.entries.append(entry)
        entry.listed = True
        if self.style.tools != "full" and len(self.entries) >= self._fold_at:
            fold(self.entries, self.folded)
            self._fold_at = 2 * len(self.entries) + 2 * MOST  # What runs stays.

    def take_running(self) -> list[Entry]:
        """Remove and return the entries that have not ended."""
        running = [entry for entry in self.entries if not entry.ended]
        self.entries = [entry for entry in self.entries if entry.ended]
        for entry in running:
            entry.listed = False
        return running

    @property
    def is_long(self) -> bool:
        """Whether it has more than one entry."""
        return len(self.entries) + self.folded.entries > 1

    @property
    def goes_on(self) -> bool:
        """Whether an entry runs: a page that does not change again does not say so."""
        return any(not (entry.ended or entry.over) for entry in self.entries)

    @property
    def is_empty(self) -> bool:
        """Whether it has no lines."""
        return not self.entries and not self.folded.entries

    def render(self, *, frozen: bool = False) -> str:
        """Return the lines of the entries as they are now, or of the same length for a page that does not change."""
        render = summary_of if self.followed else lines_of
        return render(self.entries, self.style, self.folded, frozen=frozen)


Block = Prose | Line | ToolRun


class Blocks:
    """The blocks that are not wholly on frozen pages. What settles goes to the last one."""

    def __init__(self) -> None:
        """Start empty."""
        self._blocks: list[Block] = []
        self.open_run: ToolRun | None = None
        """The run of tool calls behind which nothing stands."""

    def add(self, block: Block) -> None:
        """Add a block."""
        self._blocks.append(block)

    def settle(self, text: str, *, apart: bool = False) -> None:
        """Add words to the last block if it is of words, unless they are set `apart`, else to a new one."""
        last = self._blocks[-1] if self._blocks else None
        if isinstance(last, Prose) and not apart:
            last.parts.append(text)
        elif text or apart:
            self._blocks.append(Prose([text]))

    def run(self, style: Style) -> ToolRun:
        """Return the run that a new tool call belongs to: blank lines do not separate two calls."""
        for at in range(len(self._blocks) - 1, -1, -1):
            block = self._blocks[at]
            if isinstance(block, ToolRun) and not block.followed:
                del self._blocks[at + 1 :]
                self.open_run = block
                return block
            if not isinstance(block, Prose) or block.render().strip():
                break
        self.open_run = run = ToolRun(style)
        self._blocks.append(run)
        return run

    def take_running(self) -> list[Entry]:
        """Remove and return the tool calls and subagents that have not ended."""
        taken = [entry for block in self._blocks if isinstance(block, ToolRun) for entry in block.take_running()]
        self._blocks = [block for block in self._blocks if not isinstance(block, ToolRun) or not block.is_empty]
        return taken

    def lists(self, entry: Entry) -> bool:
        """Whether an entry has a line that may still change."""
        return any(entry is each for block in self._blocks if isinstance(block, ToolRun) for each in block.entries)

    def holds(self, line: Line | None) -> bool:
        """Whether a line may still change: it is here as a whole."""
        return any(block is line for block in self._blocks)

    def pieces(self) -> list[str]:
        """Render the blocks, each on lines of its own. Joined, the pieces are the text."""
        pieces: list[str] = []
        for block in self._blocks:
            rendered = block.render()
            starts = not pieces or pieces[-1].endswith("\n")
            pieces.append(rendered if starts else "\n" + rendered)
        return pieces

    def frozen(self, pieces: Sequence[str]) -> list[str]:
        """Return the pieces as a page shows them that does not change again; each is as long as before."""
        return [_frozen(block, piece) for block, piece in zip(self._blocks, pieces, strict=True)]

    def words_end(self, pieces: Sequence[str]) -> int:
        """Return where the last piece that is not the bot's own ends in the text."""
        end = sum(map(len, pieces))
        for block, piece in zip(reversed(self._blocks), reversed(pieces), strict=True):
            if piece.strip() and not _is_own(block):
                break
            end -= len(piece)
        return end

    def live(self, pieces: Sequence[str]) -> list[Span]:
        """Return the parts of the text that may still change."""
        spans, at = [], 0
        for block, piece in zip(self._blocks, pieces, strict=True):
            if isinstance(block, ToolRun) or (isinstance(block, Line) and block.live):
                spans.append(Span(at, at + len(piece)))
            at += len(piece)
        return spans

    def take_own(self) -> list[str]:
        """Remove and return the bot's own lines."""
        taken = [block.render() for block in self._blocks if _is_own(block)]
        self._blocks = [block for block in self._blocks if not _is_own(block)]
        return taken

    def clear(self) -> None:
        """Drop all blocks."""
        self._blocks.clear()

    def drop(self, pieces: Sequence[str], length: int) -> None:
        """Drop the first `length` characters of the text. The rest of a block that is cut no longer changes."""
        kept: list[Block] = []
        for block, piece in zip(self._blocks, pieces, strict=True):
            cut = min(length, len(piece))
            length -= cut
            if cut == 0:
                if piece or not isinstance(block, Prose) or block is self._blocks[-1]:
                    kept.append(block)
            elif cut < len(piece):
                rest = piece[cut:]
                kept.append(Prose([rest]) if isinstance(block, Prose) else Line(rest, own=_is_own(block)))
        self._blocks = kept


def _frozen(block: Block, piece: str) -> str:
    if isinstance(block, Prose) or not block.goes_on:
        return piece
    rendered = block.render(frozen=True)
    return piece[: len(piece) - len(rendered)] + rendered


def _is_own(block: Block) -> bool:
    return isinstance(block, Line) and block.own
