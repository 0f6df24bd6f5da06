"""How a reply looks, as the configuration's `[reply]` says."""

from dataclasses import dataclass
from typing import Literal

__all__ = ["Finish", "Style", "Tables", "Thoughts", "Tools"]

Tables = Literal["code", "bullets", "off"]
Tools = Literal["full", "compact", "off"]
Thoughts = Literal["off", "spoiler", "subtext"]
Finish = Literal["auto", "edit", "fresh", "ping"]


@dataclass(frozen=True, slots=True)
class Style:
    """The choices of one reply. 0 is no bound, for pages and for lines of code."""

    tables: Tables = "code"
    tools: Tools = "compact"
    thoughts: Thoughts = "off"
    max_pages: int = 8
    long_code_lines: int = 200
    directory: str = ""
    """The session's working directory; places inside it are shown as seen from there."""
    finish: Finish = "auto"
    """How the end of a turn is made known, see `bot.reply.completion`."""
