"""The looks of a reply, as `[reply]` configures them, and the reactions of messages, as `[reactions]` does."""

from dataclasses import dataclass
from typing import Literal

__all__ = ["DONE", "EYE", "FAILED", "WAITING", "Finish", "Reactions", "Style", "Tables", "Thoughts", "Tools"]

Tables = Literal["code", "bullets", "off"]
Tools = Literal["full", "compact", "off"]
Thoughts = Literal["off", "spoiler", "subtext"]
Finish = Literal["auto", "edit", "fresh", "ping"]

EYE = "👀"
"""Put on a message when it has been accepted."""

WAITING = "⏳"
"""It waits: behind another one, or because its thread cannot be opened yet."""

DONE = "✅"
FAILED = "❌"


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


@dataclass(frozen=True, slots=True)
class Reactions:
    """Which reactions messages get: any, one that stays at the end, and those of what the agent is doing meanwhile."""

    enabled: bool = True
    keep: bool = True
    progress: bool = False

    def end(self, reason: str | None) -> str | None:
        """Return the reaction that stays on a message which ended for `reason`: a stop reason, or a word or two."""
        if not (self.enabled and self.keep):
            return None
        return FAILED if reason in {"failed", "refused"} else DONE if reason == "end_turn" else None
