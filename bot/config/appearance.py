"""The looks of a reply, as `[reply]` configures them, and the reactions on messages, as `[reactions]` does."""

from typing import Annotated, Literal

from pydantic import Field

from .values import ConfigTable

Finish = Literal["auto", "edit", "fresh", "ping"]
Tables = Literal["code", "bullets", "off"]
Components = Literal["v2", "plain"]

EYE = "👀"
"""Marks a message that was accepted."""

WAITING = "⏳"
"""Marks a message that waits behind another one, or for its thread to open."""

TAKEN_IN = "📥"
"""Marks a message that the running turn has taken in."""

DONE = "✅"
FAILED = "❌"


class ReplyConfig(ConfigTable):
    """`[reply]`. 0 means no bound, for pages and for lines of code."""

    tables: Tables = "code"
    tools: Literal["full", "compact", "off"] = "compact"
    thoughts: Literal["off", "spoiler", "subtext"] = "off"
    finish: Finish = "auto"
    """How the end of a turn is announced, see `bot.reply.completion`."""
    max_pages: Annotated[int, Field(ge=0, le=100)] = 8
    long_code_lines: Annotated[int, Field(ge=0, le=10_000)] = 200
    components: Components = "v2"
    """The form of questions: a card in a container, or a plain message with buttons."""

    def style(self, directory: object) -> "Style":
        """Return the style of a reply whose session works in `directory`."""
        return Style(**dict(self), directory=str(directory))


class Style(ReplyConfig):
    """The style of one reply: the configuration, and the working directory of its session."""

    directory: str = ""
    """Paths inside it are shown relative to it."""


class Reactions(ConfigTable):
    """`[reactions]`: whether there are any, whether the last one stays, and whether they show the agent's activity."""

    enabled: bool = True
    keep: bool = True
    progress: bool = False

    def end(self, reason: str | None) -> str | None:
        """Return the reaction that stays on a message; `reason` is a stop reason or the journal's close reason."""
        if not (self.enabled and self.keep):
            return None
        return FAILED if reason in {"failed", "refused"} else DONE if reason == "end_turn" else None
