"""The reaction for what an agent does: the newest after a moment, also for an agent that never rests."""

import asyncio

import pytest

from acp import Text, Thought
from acp.schema import ToolCall, ToolCallUpdate, UsageUpdate
from bot.reply.activity import SETTLE_SECONDS, SILENT, Activity
from tests.bot.fake_discord import settle
from tests.support.virtual_time import elapse

pytestmark = pytest.mark.virtual_time


async def test_each_activity_has_its_reaction() -> None:
    """The end of a tool call, and events without activity, change no reaction."""
    shown: list[str] = []
    activity = Activity(shown.append)
    for event in (
        Thought("hm"),
        ToolCall(tool_call_id="a", title="x", kind="read"),
        ToolCallUpdate(tool_call_id="a", status="completed"),
        ToolCall(tool_call_id="b", title="x", kind="invented"),
        UsageUpdate(used=1, size=2),
        Text("words"),
        Text("more"),
    ):
        activity.event(event)
        await settle()
    activity.note(SILENT)
    await settle()
    assert shown == ["🤔", "📖", "🔧", "✍️", "💤"]


async def test_of_many_changes_the_last_one_shows_also_for_an_agent_that_never_rests() -> None:
    """One change in `SETTLE_SECONDS`; a change does not delay the reaction to an earlier one (P70)."""
    shown: list[tuple[int, str]] = []
    start = asyncio.get_running_loop().time()
    activity = Activity(lambda emoji: shown.append((round(asyncio.get_running_loop().time() - start), emoji)))
    for number in range(100):
        activity.event(Thought("hm") if number % 2 else Text("word"))
        await elapse(0.1)
    activity.event(Text("word"))
    await settle()
    assert [emoji for _, emoji in shown][-1] == "✍️"
    assert 2 <= len(shown) <= 10 / SETTLE_SECONDS + 1
    assert shown[0][0] == SETTLE_SECONDS


async def test_a_turn_that_has_ended_shows_nothing_more() -> None:
    """Its last activity does not replace the reaction of its end; to stop twice does no harm."""
    shown: list[str] = []
    activity = Activity(shown.append)
    activity.event(Text("word"))
    activity.stop()
    activity.stop()
    await settle()
    assert shown == []
