"""What a reply and a question say of an agent's subagents. Pure."""

from bot.text.markdown import escape, shortened
from bot.text.printable import visible

NAME, TASK, PLACE = 40, 80, 40
"""Characters of a subagent's name, of what it does, and of the end of its directory's path."""

NO_NAME = "subagent"

WAITING = "waiting for an answer"


def brief(text: str, most: int) -> str:
    """Return the beginning of an agent's text, plain and on one line."""
    return escape(shortened(visible(" ".join(text.split()), 4 * most), most))


def name(title: str) -> str:
    """Return a subagent's name."""
    return brief(title, NAME) or NO_NAME


def tools(count: int, failed: int) -> str:
    """Count a subagent's tool calls; empty for none."""
    counted = "1 tool" if count == 1 else f"{count} tools" if count else ""
    return f"{counted}, {failed} failed" if failed else counted


def subagents(count: int) -> str:
    """Count subagents; empty for none."""
    return "1 subagent" if count == 1 else f"{count} subagents" if count else ""


def more(count: int) -> str:
    """Count the running subagents that have no line."""
    return "1 more subagent" if count == 1 else f"{count} more subagents"


def asks(title: str, description: str, cwd: str) -> str:
    """Name the subagent that asks a question, or without a name its task.

    `cwd` is its directory where that is not the session's.
    """
    place = visible(cwd.replace("`", "'"))
    place = place if len(place) <= PLACE else "…" + place[1 - PLACE :]
    task = brief(description, NAME)
    who = f"the subagent {name(title)}" if title.strip() else f"a subagent ({task})" if task else "a subagent"
    return f"Asked by {who}" + (f", which works in `{place}`." if cwd else ".")


ELSEWHERE = "the subagent works in another directory"
"""Why a question is put to a person although the configuration might allow it."""
