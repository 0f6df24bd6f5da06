"""What a new session learns of a lost one: the last exchanges of its thread, in the words of those who wrote. Pure."""

from collections.abc import Sequence
from typing import Final

from bot.text.markdown import FENCE, SUBTEXT
from bot.user_messages.agent_errors import is_failure

EARLIER_CHARACTERS: Final = 8000
"""Characters of all requests and answers together; the newest are kept."""


def last_exchanges(earlier: Sequence[tuple[str, str]]) -> list[dict[str, str]]:
    """Keep the end of a conversation, requests and replies; an exchange that does not fit is cut at its beginning."""
    kept: list[dict[str, str]] = []
    room = EARLIER_CHARACTERS
    for request, reply in reversed(earlier):
        if room <= 0:
            break
        end = answer_in(reply)[-room:]
        asked = request[-max(1, room - len(end)) :]
        room -= len(end) + len(asked)
        kept.append({"request": asked} | ({"answer": end} if end else {}))
    return kept[::-1]


def answer_in(reply: str) -> str:
    """Return the agent's words of a reply: without the small lines that Threadline adds, and without its error."""
    kept: list[str] = []
    in_code = False
    for line in reply.splitlines():
        if line.startswith(FENCE):
            in_code = not in_code
        elif not in_code and is_failure(line):
            break
        if in_code or not line.startswith(SUBTEXT):
            kept.append(line)
    return "\n".join(kept).strip()
