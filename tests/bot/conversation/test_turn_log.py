"""One log line for each turn: its times, what the agent did, and how it ended."""

import json
from collections.abc import Callable
from typing import Any

import structlog

from acp import Subagent, SubagentToolCall, Text
from acp.schema import ToolCallUpdate
from bot.conversation.turn_log import TurnLog
from pool.exchange import Cancelled, Completed, Failed


async def logged(play: Callable[[TurnLog], None]) -> dict[str, Any]:
    """The one line of a turn."""
    with structlog.testing.capture_logs() as lines:
        play(TurnLog(1, 2, 3))
    (line,) = lines
    return json.loads(json.dumps(line))  # type: ignore[no-any-return]


async def test_a_turn_writes_one_line_that_says_what_happened() -> None:
    """A tool call counts once however often it is reported; the ids are those of other lines."""

    def play(record: TurnLog) -> None:
        record.began()
        record.event(Text("hello"))
        for _ in range(3):
            record.event(ToolCallUpdate(tool_call_id="call-1"))
        record.event(ToolCallUpdate(tool_call_id="call-2"))
        for session_id in ("a", "b", "a"):
            record.event(SubagentToolCall(Subagent(session_id, 1), ToolCallUpdate(tool_call_id="call-1")))
        record.event(Text("!"))
        record.ended(Completed("end_turn"))

    line = await logged(play)
    assert line.pop("seconds") >= line.pop("first_text_seconds") >= 0
    assert line == {
        "event": "turn ended",
        "log_level": "info",
        "thread_id": 1,
        "turn": 2,
        "author_id": 3,
        "stop_reason": "end_turn",
        "characters": 6,
        "tool_calls": 4,
        "questions": 0,
    }


async def test_a_turn_that_went_wrong_says_why() -> None:
    """Who stopped it, or the error; other fields are left out."""

    def cancelled(record: TurnLog) -> None:
        record.began()
        record.ended(Cancelled(9, "cancelled"))

    line = await logged(cancelled)
    assert (line["stop_reason"], line["cancelled_by"], "error" in line) == ("cancelled", 9, False)
    assert line["first_text_seconds"] is None
    line = await logged(lambda record: record.ended(Failed(RuntimeError("no luck"))))
    assert (line["event"], line["error"]) == ("message ended without a turn", "no luck")
