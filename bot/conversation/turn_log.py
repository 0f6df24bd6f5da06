"""Writes one log line for each turn: its times, what the agent did, and how it ended."""

import asyncio

import structlog

from acp import Elicitation, Event, Question, SubagentToolCall, Text
from acp.schema import ToolCallUpdate
from pool.exchange import Cancelled, Completed, Dropped, Failed, LinkLost, Outcome, ShutDown, TakenBack, TimedOut

log = structlog.stdlib.get_logger("bot")


class TurnLog:
    """Counts while the turn runs. Times are in seconds from the prompt; None for what never came."""

    def __init__(self, thread_id: int, message_id: int, author_id: int) -> None:
        """Begin before the prompt, which may never be sent."""
        self._about = {"thread_id": thread_id, "turn": message_id, "author_id": author_id}
        self._began: float | None = None
        self._first_text: float | None = None
        self._characters = 0
        self._tool_calls: set[tuple[str, str]] = set()
        self._questions = 0

    def began(self) -> None:
        """Start the clock: the prompt is sent."""
        self._began = _now()

    def event(self, event: Event) -> None:
        """Count what the agent does."""
        match event:
            case Text(text):
                if self._first_text is None:
                    self._first_text = _now()
                self._characters += len(text)
            case ToolCallUpdate(tool_call_id=tool_call_id):
                self._tool_calls.add(("", tool_call_id))
            case SubagentToolCall(subagent, ToolCallUpdate(tool_call_id=tool_call_id)):
                self._tool_calls.add((subagent.session_id, tool_call_id))
            case Question() | Elicitation():
                self._questions += 1

    def ended(self, outcome: Outcome) -> None:
        """Write the line."""
        if self._began is None:
            log.info("message ended without a turn", **self._about, **_reason(outcome))
            return
        log.info(
            "turn ended",
            **self._about,
            **_reason(outcome),
            seconds=round(_now() - self._began, 3),
            first_text_seconds=None if self._first_text is None else round(self._first_text - self._began, 3),
            characters=self._characters,
            tool_calls=len(self._tool_calls),
            questions=self._questions,
        )


def _reason(outcome: Outcome) -> dict[str, object]:
    match outcome:
        case Completed(reason):
            return {"stop_reason": reason}
        case Failed(error, by):
            return {"stop_reason": None, "error": str(error)} | ({} if by is None else {"cancelled_by": by})
        case Cancelled(by, reason):
            return {"stop_reason": reason, "cancelled_by": by}
        case TimedOut(stop_reason=reason):
            return {"stop_reason": reason, "ceiling": True}
        case LinkLost(place):
            return {"stop_reason": None, "lost": place}
        case ShutDown(reason):
            return {"stop_reason": reason, "shutdown": True}
        case TakenBack() | Dropped():
            return {"stop_reason": None}


def _now() -> float:
    return asyncio.get_running_loop().time()
