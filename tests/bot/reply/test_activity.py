"""The sign of what an agent does: after a moment, the newest, and also for one that never rests."""

import asyncio

import pytest

from acp import Text, Thought
from acp.schema import ToolCall, ToolCallUpdate, UsageUpdate
from bot.reply.activity import SETTLE_SECONDS, SILENT, Activity
from tests.bot.fake_discord import settle
from tests.support.virtual_time import elapse

pytestmark = pytest.mark.virtual_time


async def test_each_thing_that_is_done_has_its_sign() -> None:
    """What ends, or is no doing, changes nothing."""
    shown: list[str] = []
    progress = Activity(shown.append)
    for event in (
        Thought("hm"),
        ToolCall(tool_call_id="a", title="x", kind="read"),
        ToolCallUpdate(tool_call_id="a", status="completed"),
        ToolCall(tool_call_id="b", title="x", kind="invented"),
        UsageUpdate(used=1, size=2),
        Text("words"),
        Text("more"),
    ):
        progress.event(event)
        await settle()
    progress.note(SILENT)
    await settle()
    assert shown == ["🤔", "📖", "🔧", "✍️", "💤"]


async def test_of_many_changes_the_last_one_shows_and_an_agent_that_never_rests_has_its_sign_too() -> None:
    """One change in `SETTLE_SECONDS`; no change puts off the sign of another (P70)."""
    shown: list[tuple[int, str]] = []
    start = asyncio.get_running_loop().time()
    progress = Activity(lambda emoji: shown.append((round(asyncio.get_running_loop().time() - start), emoji)))
    for number in range(100):
        progress.event(Thought("hm") if number % 2 else Text("word"))
        await elapse(0.1)
    progress.event(Text("word"))
    await settle()
    assert [emoji for _, emoji in shown][-1] == "✍️"
    assert 2 <= len(shown) <= 10 / SETTLE_SECONDS + 1
    assert shown[0][0] == SETTLE_SECONDS


async def test_a_turn_that_has_ended_shows_nothing_more() -> None:
    """Its last doing is not shown over the sign of its end; to stop twice is no harm."""
    shown: list[str] = []
    progress = Activity(shown.append)
    progress.event(Text("word"))
    progress.stop()
    progress.stop()
    await settle()
    assert shown == []
