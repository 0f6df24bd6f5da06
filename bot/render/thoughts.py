"""Renders the agent's reasoning as subtext or spoilers, line by line, so that a page may end after any line. Pure."""

import re
from typing import Literal

from bot.text.graphemes import boundary_before
from bot.text.markdown import escape

LONGEST = 300
"""Characters of a line of thought."""

_BLANK_LINES = re.compile(r"\n(?:[ \t\r]*+\n)++")
"""Blank lines, which show nothing but take time one by one."""


class Thoughts:
    """A run of reasoning. Settled lines never change, in whatever pieces the text arrives."""

    def __init__(self, shown_as: Literal["spoiler", "subtext"]) -> None:
        """Show it behind spoilers or as subtext."""
        self._before, self._behind = ("||", "||") if shown_as == "spoiler" else ("-# ", "")
        self._line = ""
        self._as_written = False

    def feed(self, text: str) -> str:
        """Take text; return the lines that are complete."""
        settled: list[str] = []
        *lines, rest = _BLANK_LINES.sub("\n", self._line + text).split("\n")
        for line in lines:
            left = self._pieces(line, settled)
            settled.append(self._shown(left))
        self._line = self._pieces(rest, settled)
        return "".join(settled)

    def close(self) -> str:
        """Return the last line."""
        line, self._line = self._line, ""
        ended, self._as_written = "\n" if self._as_written else "", False
        return self._shown(line) + ended

    def quote(self, text: str) -> str:
        """Take text for the file, not for a page; return it as a quote, otherwise as it was written."""
        begun = "" if self._as_written else f"{self.close()}> "
        self._as_written = True
        return begun + text.replace("\n", "\n> ")

    def draft(self) -> str:
        """Return the unfinished line as it is now."""
        return self._shown(self._line)

    def _pieces(self, line: str, settled: list[str]) -> str:
        """Settle the beginning of a line that is too long; return the rest."""
        at = 0
        while len(line) - at >= 2 * LONGEST:
            end = line.rfind(" ", at + LONGEST // 2, at + LONGEST) + 1 or boundary_before(line, at + LONGEST)
            settled.append(self._shown(line[at:end]))
            at = end
        return line[at:]

    def _shown(self, line: str) -> str:
        return f"{self._before}{plain}{self._behind}\n" if (plain := escape(line)) else ""
