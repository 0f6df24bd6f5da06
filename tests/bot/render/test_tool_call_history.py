"""The tool calls of a turn: what they hold is bounded, and all of them are counted."""

from typing import Any

import pytest

from acp.schema import ToolCallUpdate, parse_update
from bot.config.appearance import Style
from bot.questions.tool_description import describe
from bot.render import tool_call_history as tool_calls
from bot.render.tool_call_history import MOST, MOST_WEIGHT, ToolCallHistory
from bot.render.tool_calls import TITLE, Call, weight_of
from bot.user_messages.reply_lines import FORGOTTEN

LARGE = "x" * 1_000_000


def told(calls: ToolCallHistory, number: int, **fields: Any) -> Call:
    """Let the agent report a call."""
    update = parse_update({"sessionUpdate": "tool_call_update", "toolCallId": str(number), **fields})
    assert isinstance(update, ToolCallUpdate)
    call = calls.of(str(number))
    call.take(update, Style())
    calls.lighten(call)
    return call


def diff(old: str, new: str) -> dict[str, str]:
    """A change as ACP writes it."""
    return {"type": "diff", "path": "/p/a.py", "oldText": old, "newText": new}


@pytest.mark.parametrize(
    "fields",
    [
        {"rawInput": {"command": LARGE}},
        {"content": [diff(LARGE, "y")]},
        {"title": LARGE},
        {"locations": [{"path": "/p"}] * 60_000},
    ],
    ids=lambda fields: next(iter(fields)),
)
def test_calls_that_do_not_end_hold_no_more_than_a_bound(fields: Any) -> None:
    """The latest are whole; a question about an earlier one says that a part of it is no longer known."""
    calls = ToolCallHistory()
    made = [told(calls, 0, **fields)]
    made += [told(calls, number, **fields) for number in range(1, 2 * MOST_WEIGHT // made[0].weight)]
    assert sum(call.weight for call in made) <= MOST_WEIGHT
    held = [weight_of(call.update.model_dump()) > 1_000 or call.weight > 0 for call in made]
    assert held == sorted(held)
    assert held.count(True) == MOST_WEIGHT // made[-1].weight
    assert made[-1].weight > 0
    assert made[0].update.raw_input == FORGOTTEN
    assert FORGOTTEN in describe(made[0].update).rest


def test_the_latest_call_is_whole_however_much_it_holds() -> None:
    """A question about it shows all of it."""
    calls = ToolCallHistory()
    told(calls, 1, rawInput="small")
    made = told(calls, 2, rawInput="x" * (MOST_WEIGHT + 1))
    assert made.update.raw_input != FORGOTTEN
    assert calls.of("1").update.raw_input == FORGOTTEN


def test_a_change_that_was_dropped_before_its_call_ended_is_named_in_the_patch() -> None:
    """The patch names all that it leaves out."""
    calls = ToolCallHistory()
    first = told(calls, 1, content=[diff("a\n", "b\n")])
    told(calls, 2, rawInput="x" * (MOST_WEIGHT + 1))
    told(calls, 1, status="completed")
    assert first.take_patches() == ["# too large to list: /p/a.py\n"]
    assert first.take_patches() == [""]


def test_a_call_that_has_ended_keeps_a_short_title_and_one_place() -> None:
    """Its line shows only these."""
    places = [{"path": f"/p/{number}", "line": number} for number in range(900)]
    made = told(ToolCallHistory(), 1, title="Edit " * 9_000, kind="edit", locations=places, status="completed")
    before = made.line(Style())
    assert len(made.update.title or "") == TITLE
    assert len(made.update.locations or []) == 1
    assert before.endswith(":0 +899")
    assert len(made.paths) == 900


def test_a_lone_surrogate_is_weighed_too() -> None:
    """Agents send it although it is no UTF-8."""
    assert weight_of({"a": "\ud800" * 100}) >= 100


def test_forgotten_calls_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls that have ended are forgotten first; each file that they changed counts once."""
    monkeypatch.setattr(tool_calls, "MOST_PATHS", 3)
    calls = ToolCallHistory()
    open_call = told(calls, 0, title="runs")
    for number in range(1, MOST + 50):
        told(calls, number, status="completed" if number % 2 else "failed", content=[diff("a\n", "b\nc\n")])
    assert len(list(calls)) == MOST
    remembered = {call.update.tool_call_id: call for call in calls}
    assert remembered["0"] is open_call
    assert "1" not in remembered
    tally = calls.tally()
    assert (tally.tools, tally.failed) == (MOST + 50, (MOST + 49) // 2)
    assert (tally.added, tally.removed, len(tally.paths)) == (2 * (MOST + 50) // 2, (MOST + 50) // 2, 1)


def test_while_all_calls_run_the_oldest_is_forgotten() -> None:
    """It is shown as over, because later updates cannot find it."""
    calls = ToolCallHistory()
    first = told(calls, 0, title="runs")
    for number in range(1, MOST + 1):
        told(calls, number)
    assert first.over
    assert calls.tally().tools == MOST + 1


def test_a_forgotten_call_has_no_weight(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its weight must not make later calls drop what they hold."""
    monkeypatch.setattr(tool_calls, "MOST", 1)
    monkeypatch.setattr(tool_calls, "MOST_WEIGHT", 1_500_000)
    calls = ToolCallHistory()
    told(calls, 0, rawInput=LARGE)
    for number in range(1, 4):
        assert told(calls, number, rawInput=LARGE).weight > 0
    assert calls._weight < 1_500_000


def test_files_beyond_a_bound_are_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """A receipt names their number, and must not hold a million paths for it."""
    monkeypatch.setattr(tool_calls, "MOST_PATHS", 10)
    calls = ToolCallHistory()
    for number in range(30):
        told(calls, number, status="completed", content=[{**diff("", "x"), "path": f"/p/{number}"}])
    assert len(calls.tally().paths) == 10
