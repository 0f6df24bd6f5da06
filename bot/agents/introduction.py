"""The line above a new session's first answer: which agent, which model, in what mode, where. Pure."""

from collections.abc import Callable
from pathlib import Path

from bot.text.markdown import escape
from bot.text.printable import visible

from .options import AgentOptions

__all__ = ["introduction"]

WIDTH = 60
"""Characters of each part."""


def introduction(agent: str, offers: AgentOptions, directory: Path, *, redact: Callable[[str], str] = str) -> str:
    """Return the line; what the agent does not tell is left out. `redact` takes secrets out."""
    mode = offers.current("mode")
    parts = [agent, offers.current("model"), mode and f"{mode} mode", _at_home(directory)]
    return "-# " + " · ".join(escape(_short(visible(redact(part)))) for part in parts if part)


def _at_home(directory: Path) -> str:
    try:
        return f"~/{directory.relative_to(Path.home())}".removesuffix("/.")
    except (ValueError, RuntimeError):
        return str(directory)


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= WIDTH else f"…{line[1 - WIDTH :]}" if "/" in line else f"{line[: WIDTH - 1]}…"
