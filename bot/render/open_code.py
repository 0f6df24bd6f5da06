"""A code block that is being written: its lines, or the file that it has become. Pure."""

import re

from .code_blocks import PRE_END, Fence
from .spool import Spool

_THREE_MARKS = re.compile(r"[`~]{3}")


class OpenCode:
    """The code so far. `direct` code is settled line by line, for it will not become a file."""

    def __init__(self, fence: Fence, *, direct: bool) -> None:
        """Start empty."""
        self.fence = fence
        self.text: list[str] = []
        self.lines = 0
        self.characters = 0
        self.name = ""
        self.spool: Spool | None = None
        self.direct = direct
        self.opened = False
        """Whether its first lines have settled."""

    def add(self, text: str) -> None:
        """Add a line, or a part of one."""
        self.lines += text.endswith("\n")
        self.characters += len(text)
        if self.spool is not None:
            self.spool.write(text.encode())
        else:
            self.text.append(text)

    def add_lines(self, text: str) -> None:
        """Add whole lines of the text to the file."""
        text = self.fence.without_indent(text.replace("\r\n", "\n"))
        self.lines += text.count("\n") - 1
        self.add(text)

    def skip(self, text: str, at: int, *, in_line: bool) -> int:
        """Write into the file all that cannot end the block; return where the rest begins."""
        if in_line:
            if self.fence.html:
                return at  # It may end in this line.
            end = text.find("\n", at)
            end = len(text) if end < 0 else end
            self.add(text[at:end])
            return end
        if self.fence.quoted:
            return at
        pattern = self.fence.unindented if self.fence.indented else PRE_END if self.fence.html else _THREE_MARKS
        mark = pattern.search(text, at)
        end = text.rfind("\n", at, len(text) if mark is None else mark.start()) + 1
        if end > at:
            self.add_lines(text[at:end])
        return max(at, end)

    def spill(self, name: str) -> None:
        """Move the code into a file, and continue there."""
        self.name = name
        self.spool = Spool("".join(self.text).encode())
        self.text.clear()

    @property
    def line(self) -> str:
        """The line that announces its file."""
        return f"📎 `{self.name}` · {self.lines} lines"
