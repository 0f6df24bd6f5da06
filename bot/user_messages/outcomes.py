"""How an exchange ended, and what of its answer is missing. Pure."""

import re
from collections.abc import Callable, Sequence

from bot.text.markdown import LIMIT, escape
from pool.exchange import (
    Cancelled,
    Completed,
    Dropped,
    ExchangeRefused,
    Failed,
    LinkLost,
    Outcome,
    ShutDown,
    TakenBack,
    TimedOut,
)

from . import agent_errors

_STOPS = {
    "refusal": "⚠ The agent declined to continue.",
    "max_tokens": "⚠ The agent reached its token limit.",
    "max_turn_requests": "⚠ The agent reached the limit of requests per turn.",
    "cancelled": "⏹ The agent cancelled the turn.",
}

AT_WORK = "-# ⏳ "
"""The beginning of a reply that has no content yet."""

DROPPED = "-# ⏹ Dropped before it was sent."
"""Follows a reply that had begun in the thread."""

CUT_OFF = "-# ⏹ Threadline stopped before this was finished."

CUT = "-# ⏹ Threadline stopped before there was any output."
"""Replaces CUT_OFF where the agent had written no output."""

NOT_RENDERED = (
    "-# ⚠ The rest of this answer can't be shown because of an error in Threadline. The bot's log has the reason."
)

TOO_LONG = "-# ⏹ The agent sent more than 20 MB and was stopped. What it sent until then is attached."


_LINK_LOST = re.compile("-# ⏹ The connection to .* was lost[.]")
"""What `link_lost` returns."""


def cut_off(pages: Sequence[str], *, below: bool = False) -> list[str]:
    """Add the line that says that a reply was interrupted, once; `below` the last page where it is to stand apart."""
    *before, last = pages
    if last.startswith(AT_WORK) or last == CUT:
        return [*before, CUT]
    if any(line in {CUT_OFF, CUT} or _LINK_LOST.fullmatch(line) for line in last.splitlines()):
        return [*pages]  # An orderly stop, or a lost connection, has said so, above the result of the turn.
    whole = f"{last}\n{CUT_OFF}"
    return [*before, whole] if len(whole) <= LIMIT and not below else [*pages, CUT_OFF]


def link_lost(place: str) -> str:
    """Say that a turn ended with the connection to its agent's machine."""
    return f"-# ⏹ The connection to {place} was lost."


def closing(outcome: Outcome, *, said: bool, redact: Callable[[str], str]) -> list[str]:
    """Report how an exchange ended; `said` is whether the agent has shown anything, `redact` removes secrets."""
    match outcome:
        case ShutDown():
            return [CUT_OFF if said else CUT]
        case LinkLost(place):
            return [link_lost(place)]
        case TakenBack():
            return ["-# ⏹ Deleted before it was sent."]
        case TimedOut(seconds):
            return [f"-# ⏹ Stopped at the time limit of {_minutes(seconds)}."]
        case Failed(ExchangeRefused() as error):
            return [f"-# 🚫 This was not sent to the agent: {escape(str(error))}"]
        case Failed(error):
            return agent_errors.failure(error, redact=redact)
        case Cancelled(by, None | "cancelled"):
            return [f"-# ⏹ Stopped by <@{by}>"]
        case Completed("end_turn") | Cancelled(_, "end_turn"):
            return [] if said else ["-# The agent finished without an answer."]
        case Dropped():
            return []
        case Completed(reason) | Cancelled(_, reason):
            reason = reason or ""
            return [f"-# {_STOPS.get(reason, f'The turn ended: {escape(redact(reason)[:100])}')}"]


def _minutes(seconds: float) -> str:
    minutes = seconds / 60
    return "1 minute" if minutes == 1 else f"{minutes:g} minutes"
