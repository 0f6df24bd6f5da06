"""Links that an agent sends. Pure: `bot.agents.workspace_files` reads files; other links only show."""

import re
from dataclasses import dataclass

__all__ = ["Link", "is_web"]

_WEB = re.compile(r"https?://[^\s<>\x00-\x20]{1,1500}$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Link:
    """A link to a file on the agent's machine, as the agent sent it; `number` tells equal ones apart."""

    name: str
    uri: str
    number: int


def is_web(uri: str) -> bool:
    """Whether a link is for the reader's browser. The bot itself fetches nothing."""
    return _WEB.match(uri) is not None
