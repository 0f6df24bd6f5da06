"""Draws a conversation: live and in colour on a TTY, otherwise as appended plain lines."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Final, TextIO

from loopback.demo.markup import Line, NameOf, Span, plain, styled

QUIET: Final = 2.5
"""Seconds without a change after which a block counts as finished."""

_MARGIN: Final = 4
_LEAST_ROWS: Final = 4
_RESET: Final = "\x1b[0m"
_CODES: Final = {
    "plain": "",
    "bold": "\x1b[1m",
    "italic": "\x1b[3m",
    "dim": "\x1b[2m",
    "code": "\x1b[36m",
    "mention": "\x1b[1;34m",
    "added": "\x1b[32m",
    "removed": "\x1b[31m",
    "button": "\x1b[1;7m",
    "red": "\x1b[1;31m",
    "green": "\x1b[1;32m",
    "yellow": "\x1b[1;33m",
    "blue": "\x1b[1;34m",
    "magenta": "\x1b[1;35m",
    "cyan": "\x1b[1;36m",
}
COLOURS: Final = ("cyan", "magenta", "yellow", "green", "blue")
"""The styles that distinguish channels and threads."""


@dataclass(frozen=True)
class Button:
    """A button of a message. A `closed` one cannot be pressed."""

    label: str
    closed: bool = False


@dataclass(frozen=True)
class Block:
    """One message, or with an empty `author` a note about an action. `colour` is that of its channel or thread.

    A `settled` block is not expected to change soon, so it is written immediately.
    """

    author: str
    where: str
    text: str
    colour: str = "cyan"
    buttons: tuple[Button, ...] = ()
    settled: bool = False


@dataclass
class _Entry:
    block: Block
    changed: float
    written: Block | None = None
    printed: list[str] = field(default_factory=list)


class Terminal:
    """Blocks by key, in the order of their first appearance.

    On a TTY, blocks that may still change are redrawn in place, above an input line if `footer` is set. Finished ones
    stay in the scrollback. Elsewhere, or with NO_COLOR set, a block is written when it is quiet, and later changes are
    appended. `name_of` gives the names for mentions. `clock` is in seconds.
    """

    def __init__(self, out: TextIO, name_of: NameOf, clock: Callable[[], float] = time.monotonic) -> None:
        self._out = out
        self._name_of = name_of
        self._clock = clock
        self._entries: dict[Hashable, _Entry] = {}
        self._shown: dict[Hashable, Block] = {}
        self._drawn = 0
        self._region: list[str] | None = None
        self.live = out.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"
        self.footer: str | None = None

    def say(self, text: str, style: str = "plain") -> None:
        """Write the demo's own lines above the changing blocks."""
        self._write("".join(f"{self._paint((Span(style, line),))}\n" for line in text.split("\n")))

    def show(self, key: Hashable, block: Block) -> None:
        """Add a block, or change the one with this key."""
        if self._shown.get(key) == block:
            return
        self._shown[key] = block
        entry = self._entries.setdefault(key, _Entry(block, 0))
        entry.block, entry.changed = block, self._clock()

    def forget(self, key: Hashable) -> None:
        """Remove a block that is still being drawn."""
        self._entries.pop(key, None)

    def draw(self, *, everything: bool = False) -> None:
        """Update the screen. With `everything` all blocks count as finished."""
        if self.live:
            self._redraw(everything=everything)
        else:
            self._append(everything=everything)

    def _append(self, *, everything: bool) -> None:
        now = self._clock()
        for entry in self._entries.values():
            may_change = not entry.block.settled and now - entry.changed < QUIET
            if entry.written is entry.block or (may_change and not everything):
                continue
            entry.written = entry.block
            lines = [plain(line) for line in self._lines(entry.block)]
            same = _common(entry.printed, lines)
            if len(lines) > same:
                head = [] if same == 0 else lines[:1]
                self._out.write("".join(f"{line}\n" for line in [*head, *lines[same:]]))
                entry.printed = lines
        self._out.flush()

    def _redraw(self, *, everything: bool) -> None:
        columns, rows = shutil.get_terminal_size()
        room = max(_LEAST_ROWS, rows - 2)
        now = self._clock()
        finished: list[str] = []
        blocks = {key: self._painted(entry.block) for key, entry in self._entries.items()}
        while blocks:
            key, lines = next(iter(blocks.items()))
            over = sum(map(len, blocks.values())) > room
            if not everything and not (over and now - self._entries[key].changed >= QUIET):
                break
            finished += lines
            del blocks[key], self._entries[key]
        region = _fitted(list(blocks.values()), room)
        if self.footer is not None:
            region.append(self.footer[-(columns - 1) :])
        self._write("".join(f"{line}\n" for line in finished), region)

    def _write(self, text: str, region: list[str] | None = None) -> None:
        if not self.live:
            self._out.write(text)
            self._out.flush()
            return
        if not text and region == self._region:
            return  # A redraw would clear a text selection.
        self._region = region
        up = f"\x1b[{self._drawn}F" if self._drawn else "\r"
        self._drawn = max(0, len(region or []) - 1)
        self._out.write(f"{up}\x1b[J{text}" + "\n".join(region or []))
        self._out.flush()

    def _painted(self, block: Block) -> list[str]:
        return [self._paint(line) for line in self._lines(block)]

    def _paint(self, line: Line) -> str:
        if not self.live:
            return plain(line)
        return "".join(f"{_CODES[style]}{_printable(text)}{_RESET}" for style, text in line if text)

    def _lines(self, block: Block) -> list[Line]:
        width = max(20, shutil.get_terminal_size().columns - _MARGIN)
        bar = Span(block.colour, "▌ ")
        lines = styled(block.text, width, self._name_of) if block.text else []
        if not block.author:
            notes: list[Line] = [(Span("dim", f"  · {plain(line)}"),) for line in lines]
            return [*notes, ()] if self.live else notes
        head: Line = (bar, Span("bold", block.author), Span("dim", f"  {block.where}"))
        body: list[Line] = [(bar, *line) for line in lines]
        if block.buttons:
            body.append((bar, *_buttons(block.buttons)))
        return [head, *body, ()] if self.live else [head, *body]


def _buttons(buttons: tuple[Button, ...]) -> Line:
    spans: list[Span] = []
    for button in buttons:
        spans += [Span("dim" if button.closed else "button", f"[ {button.label} ]"), Span("plain", " ")]
    return tuple(spans)


def _fitted(blocks: list[list[str]], room: int) -> list[str]:
    """Join the blocks, and cut the tallest ones to their last lines until all fit into `room`."""
    tallest = max(map(len, blocks), default=0)
    while tallest > _LEAST_ROWS and sum(min(len(lines), tallest) for lines in blocks) > room:
        tallest -= 1
    cut = [lines if len(lines) <= tallest else [lines[0], *lines[len(lines) - tallest + 1 :]] for lines in blocks]
    shown = [line for lines in cut for line in lines]
    return shown[max(0, len(shown) - room) :]


def _common(before: list[str], after: list[str]) -> int:
    same = 0
    for one, other in zip(before, after, strict=False):
        if one != other:
            break
        same += 1
    return same


def _printable(text: str) -> str:
    """Replace control characters, which would move the cursor or change the terminal."""
    return "".join(character if character.isprintable() else " " for character in text)
