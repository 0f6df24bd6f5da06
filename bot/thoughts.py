"""The agent's reasoning as subtext or behind spoilers, line by line: a page may be cut between any two. Pure."""

from typing import Literal

from .graphemes import boundary_before
from .markdown import escape

__all__ = ["Thoughts"]

LONGEST = 300
"""Characters of a line of thought."""


class Thoughts:
    """A run of reasoning. What is settled never changes, however the text arrives."""

    def __init__(self, shown_as: Literal["spoiler", "subtext"]) -> None:
        """Choose how it shows."""
        self._before, self._behind = ("||", "||") if shown_as == "spoiler" else ("-# ", "")
        self._line = ""

    def feed(self, text: str) -> str:
        """Take text; return the lines that are complete."""
        settled: list[str] = []
        *lines, rest = (self._line + text).split("\n")
        for line in lines:
            left = self._pieces(line, settled)
            settled.append(self._shown(left))
        self._line = self._pieces(rest, settled)
        return "".join(settled)

    def close(self) -> str:
        """Return the last line."""
        line, self._line = self._line, ""
        return self._shown(line)

    def draft(self) -> str:
        """Return the line that is not complete, as it is now."""
        return self._shown(self._line)

    def _pieces(self, line: str, settled: list[str]) -> str:
        """Settle as much of a line as is too long for one; return the rest."""
        at = 0
        while len(line) - at >= 2 * LONGEST:
            end = line.rfind(" ", at + LONGEST // 2, at + LONGEST) + 1 or boundary_before(line, at + LONGEST)
            settled.append(self._shown(line[at:end]))
            at = end
        return line[at:]

    def _shown(self, line: str) -> str:
        return f"{self._before}{plain}{self._behind}\n" if (plain := escape(line)) else ""
