"""Announces the end of a turn: on the last page, in a message of its own, or with a ping of the asker. Pure.

Discord marks a thread as unread when a message is posted in it, but not when one is edited: a person who has looked
away learns of an answer only by a new message. That message makes a sound, so it holds none of the agent's words.
"""

from dataclasses import dataclass
from typing import Final

from acp.schema import UsageUpdate
from bot.config.appearance import DONE, FAILED, Finish
from bot.render.turn_summary import QUICK_SECONDS, Receipt, cost_of
from pool.exchange import Cancelled, Completed, Dropped, Failed, LinkLost, Outcome, ShutDown
from pool.journal.trailers import Trailer

FRESH_SECONDS: Final = 20.0
"""With `auto`, an asker who has waited so long gets a new message: they may have looked away."""

PING_SECONDS: Final = 60.0
"""An asker who has waited so long is pinged."""

_STOPPED: Final = "⏹ stopped"


@dataclass(slots=True)
class TurnTiming:
    """When a request came, and what its turn began with. Times are in seconds of one clock."""

    asked: float
    prompted: float | None = None
    cost_before: float | None = None
    """What the session had cost by then; None where that is unknown."""

    def begin(self, now: float, usage: UsageUpdate | None, *, fresh: bool) -> None:
        """Note that the prompt is sent. `usage` is the session's; a `fresh` session has cost nothing yet."""
        self.prompted = now
        self.cost_before = cost_of(usage)[0] if usage is not None else 0.0 if fresh else None


@dataclass(frozen=True, slots=True)
class Completion:
    """What is said at the end: a line on the last page, or a message of its own; either may be missing."""

    line: str = ""
    message: Trailer | None = None


def complete(
    finish: Finish, outcome: Outcome, receipt: Receipt | None, *, waited: float, asker_id: int, scarce: bool = False
) -> Completion:
    """Say how a turn ended for an asker who has `waited` for so many seconds; without a `receipt` no turn began.

    A person who stopped the turn knows that it has ended, and a bot that is stopping does not ping. While calls are
    `scarce`, `auto` posts no message without a ping: the turn ends with one write.
    """
    facts = "" if receipt is None else receipt.words()
    way = _way(finish, waited, scarce=scarce)
    if way == "fresh" and receipt is not None and not facts and waited < QUICK_SECONDS:
        return Completion()  # The answer itself is a new message.
    if way == "edit" or _is_known(outcome, asker_id):
        return Completion(f"-# {facts}" if facts else "")
    state = _state(outcome)
    if way == "fresh":
        return Completion(message=Trailer(f"-# {state} · {facts}" if facts else f"-# {state}"))
    below = f"\n-# {facts}" if facts else ""
    return Completion(message=Trailer(f"<@{asker_id}> {state}{below}", mention=asker_id))


def _way(finish: Finish, waited: float, *, scarce: bool) -> Finish:
    if finish != "auto":
        return finish
    if waited >= PING_SECONDS:
        return "ping"
    return "edit" if waited < FRESH_SECONDS or scarce else "fresh"


def _is_known(outcome: Outcome, asker_id: int) -> bool:
    """Whether the asker knows the end already, or need not know it."""
    match outcome:
        case Cancelled(by=by) | Failed(cancelled_by=by):
            return by == asker_id
        case _:
            return isinstance(outcome, ShutDown | LinkLost | Dropped)  # A question about a lost link calls them.


def _state(outcome: Outcome) -> str:
    match outcome:
        case Failed():
            return f"{FAILED} failed"
        case Completed("end_turn") | Cancelled(_, "end_turn"):
            return f"{DONE} done"
        case _:
            return _STOPPED
