"""The watchdog of one turn: silence, length, and time with open questions. Pure."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acp import Event, Question, Subagent, SubagentToolCall, Text, Withdrawn
from acp.schema import ToolCall, ToolCallUpdate
from pool.turn_watchdog import LONG_SECONDS, MOST_TOOLS, TOOL_SECONDS, TurnLimits, Watchdog, WatchdogAlert

BOUNDS = TurnLimits(silence=120, ceiling=7200)
HELLO = Text("hello")


def tool(status: str | None, *, announced: bool = False) -> ToolCallUpdate:
    """Return what an agent says of its tool call."""
    return (ToolCall if announced else ToolCallUpdate)(tool_call_id="a", status=status)


def dues(watch: Watchdog, *times: float) -> list[WatchdogAlert | None]:
    """Return what is due at these times, asked in this order."""
    return [watch.due(now) for now in times]


def test_silence_is_due_once_and_again_after_an_event() -> None:
    """Never before the limit; each time with its length."""
    watch = Watchdog(BOUNDS, 1000)
    assert dues(watch, 1000, 1119.9, 1120, 1121, 1500) == [None, None, WatchdogAlert.SILENT, None, None]
    assert watch.silent_for(1500) == 500
    watch.event(HELLO, 1600)
    assert watch.silent_for(1600) == 0
    assert dues(watch, 1719, 1720, 1721) == [None, WatchdogAlert.SILENT, None]


def test_the_watchdog_remembers_a_bounded_number_of_running_tools() -> None:
    """A tool runs until as many have ended."""
    watch = Watchdog(BOUNDS, 0)
    for number in range(2 * MOST_TOOLS):
        watch.event(ToolCall(tool_call_id=f"{number}"), 0)
    assert len(watch._tools) == MOST_TOOLS
    assert watch.due(TOOL_SECONDS - 1) is None
    for number in range(MOST_TOOLS):
        watch.event(ToolCallUpdate(tool_call_id=f"{number}", status="completed"), 0)
    assert watch.due(BOUNDS.silence) is WatchdogAlert.SILENT


@pytest.mark.parametrize(
    ("events", "bound"),
    [
        ([HELLO], 120),
        ([tool(None, announced=True)], TOOL_SECONDS),
        ([tool("pending")], TOOL_SECONDS),
        ([tool("in_progress")], TOOL_SECONDS),
        ([tool("in_progress"), HELLO], TOOL_SECONDS),
        ([tool("in_progress"), tool(None)], TOOL_SECONDS),
        ([tool("in_progress"), tool("completed")], 120),
        ([tool("in_progress"), tool("failed")], 120),
        ([tool("in_progress"), tool("invented_later")], 120),
        ([tool("in_progress"), tool("completed"), tool(None)], 120),
        ([tool("completed")], 120),
    ],
    ids=str,
)
def test_a_running_tool_extends_the_limit_of_silence(events: Sequence[Event], bound: float) -> None:
    """An update of a tool that has ended does not make it run again."""
    watch = Watchdog(BOUNDS, 0)
    for event in events:
        watch.event(event, 0)
    assert dues(watch, bound - 1, bound) == [None, WatchdogAlert.SILENT]


def test_a_running_tool_of_a_subagent_extends_it_too() -> None:
    """The end of another one's tool with the same id does not end it."""
    first, second = Subagent("a", 1), Subagent("b", 1)
    watch = Watchdog(BOUNDS, 0)
    watch.event(SubagentToolCall(first, tool("in_progress")), 0)
    for event in (SubagentToolCall(second, tool("completed")), tool("completed"), first):
        watch.event(event, 0)
    assert dues(watch, TOOL_SECONDS - 1, TOOL_SECONDS) == [None, WatchdogAlert.SILENT]
    watch.event(SubagentToolCall(first, tool("completed")), TOOL_SECONDS)
    assert watch.due(TOOL_SECONDS + 120) is WatchdogAlert.SILENT


def test_a_long_limit_of_silence_is_not_shortened_by_a_tool() -> None:
    """The longer limit counts."""
    watch = Watchdog(TurnLimits(silence=TOOL_SECONDS + 300), 0)
    watch.event(tool("in_progress"), 0)
    assert dues(watch, TOOL_SECONDS + 299, TOOL_SECONDS + 300) == [None, WatchdogAlert.SILENT]


def test_a_long_turn_is_due_once_without_silence_too() -> None:
    """At half an hour, and not again."""
    watch = Watchdog(BOUNDS, 0)
    found = []
    for now in range(0, 7100, 60):
        watch.event(HELLO, now)
        found.append(watch.due(now))
    assert found[int(LONG_SECONDS / 60)] is WatchdogAlert.LONG
    assert found.count(WatchdogAlert.LONG) == 1
    assert set(found) == {None, WatchdogAlert.LONG}


def test_the_ceiling_is_due_from_its_time_on_without_silence_too() -> None:
    """A turn that is never silent still ends."""
    watch = Watchdog(BOUNDS, 0)
    watch.event(HELLO, 7199)
    assert dues(watch, 7199, 7200, 7201) == [WatchdogAlert.LONG, WatchdogAlert.CEILING, WatchdogAlert.CEILING]


def test_time_with_an_open_question_is_neither_silence_nor_length() -> None:
    """However long a person thinks; the time runs on from the answer."""
    watch = Watchdog(BOUNDS, 0)
    watch.event(question(), 100)
    watch.questions(waiting=True, now=100)
    watch.questions(waiting=True, now=5000)
    assert dues(watch, 101, 7200, 99_999) == [None, None, None]
    watch.questions(waiting=False, now=100_000)
    watch.questions(waiting=False, now=100_050)
    assert dues(watch, 100_119, 100_120) == [None, WatchdogAlert.SILENT]
    assert dues(watch, 100_000 + LONG_SECONDS - 101, 100_000 + LONG_SECONDS - 100) == [None, WatchdogAlert.LONG]
    assert dues(watch, 107_099, 107_100) == [None, WatchdogAlert.CEILING]


def test_a_withdrawn_question_ends_a_silence() -> None:
    """As every event of the agent does."""
    watch = Watchdog(BOUNDS, 0)
    watch.event(Withdrawn(0), 100)
    assert dues(watch, 219, 220) == [None, WatchdogAlert.SILENT]


def question() -> Question:
    """Return a question of an agent."""
    return Question(0, ToolCallUpdate(tool_call_id="a"), ())


# A turn as steps of time, each followed by a text, or by a question that is open for this long.
turns = st.lists(st.tuples(st.integers(1, 900), st.none() | st.integers(1, 100_000)), max_size=30)


def played(turn: Sequence[tuple[int, int | None]], *, people_take_time: bool) -> list[WatchdogAlert | None]:
    """Return what was due in the agent's time, checked every 30 s."""
    watch, now = Watchdog(BOUNDS, 0), 0
    found = []
    for pause, answered_after in turn:
        for _ in range(0, pause, 30):
            now += 30
            found.append(watch.due(now))
        if answered_after is None:
            watch.event(HELLO, now)
        else:
            watch.event(question(), now)
            watch.questions(waiting=True, now=now)
            now += answered_after if people_take_time else 0
            assert watch.due(now) is None
            watch.questions(waiting=False, now=now)
    return found


@given(turns)
def test_the_time_that_people_take_does_not_matter(turn: Any) -> None:
    """A turn with immediate answers and one with answers after a day have the same alerts."""
    assert played(turn, people_take_time=True) == played(turn, people_take_time=False)


@given(turns)
def test_no_alert_comes_twice(turn: Any) -> None:
    """`LONG` once, `SILENT` once between two events, and only `CEILING` from its time on."""
    found = played(turn, people_take_time=True)
    assert found.count(WatchdogAlert.LONG) <= 1
    assert found.count(WatchdogAlert.SILENT) <= len(turn)
    if WatchdogAlert.CEILING in found:
        assert set(found[found.index(WatchdogAlert.CEILING) :]) == {WatchdogAlert.CEILING}
