"""Discord's limits and whims, with the whole bot: threads that cannot be opened yet, the Stop button, faults."""

import asyncio
import os
import re
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.stage import numbers, said, spoken, stage


async def test_a_request_waits_visibly_for_a_thread_that_discord_does_not_open_yet(tmp_path: Path) -> None:
    """It is not refused: a sign stands on the message, and the answer comes when Discord lets it."""
    async with stage(tmp_path) as place:
        body = {"message": "slow down", "retry_after": 4.0, "global": False}
        place.discord.fault(method="POST", path=re.compile("/threads$"), status=429, body=body, times=1)
        message = await place.ann.say(place.channel, f"{place.bot.mention} say hello")
        await place.discord.until(lambda: "⏳" in message.reactions)
        thread = await place.ann.sees_thread(message)
        await place.ann.sees(thread, "hello", by=place.bot)
        await place.discord.until(lambda: list(message.reactions) == ["✅"])


async def test_an_edit_that_is_refused_for_its_rate_is_not_repeated_but_the_newest_text_is_sent(tmp_path: Path) -> None:
    """What Discord says reaches the schedule; the library would wait and send the old text once more (P13, P16)."""
    async with stage(tmp_path) as place:
        thread = await place.thread("say ready")
        await place.ann.sees(thread, "ready", by=place.bot)
        body = {"message": "slow down", "retry_after": 0.5, "global": False}
        place.discord.fault(method="PATCH", path=re.compile("/messages/"), status=429, body=body, times=1)
        await place.ann.say(thread, "stream 300 150")
        await place.ann.sees(thread, re.compile(r"\b300\n-# \d+ s$"), by=place.bot)
        edits = [call for call in place.discord.record if call.method == "PATCH" and "/messages/" in call.path]
        refused = next(number for number, call in enumerate(edits) if call.status == 429)
        assert edits[refused].body["content"] != edits[refused + 1].body["content"]


async def test_the_stop_button_stops_the_turn_for_those_who_may_and_goes_with_it(tmp_path: Path) -> None:
    """The asker presses it; who may not is told so, and nothing stops (P53)."""
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    async with stage(tmp_path) as place:
        thread = await place.thread(f"say before\ngate {gate}\nsay after")
        reply = await place.ann.sees(thread, "before", by=place.bot)
        refused = await place.mallory.click(reply, "Stop")
        assert "may not" in said(refused).lower()
        assert "Stopping" in said(await place.ann.click(reply, "Stop"))
        done = await place.ann.sees(thread, "cancelled", by=place.bot)
        await place.discord.until(lambda: not done.components)
        assert "after" not in done.content


@pytest.mark.parametrize("fault", [{"status": 503}, {"reset": True}, {"answer_lost": True}, {"status": 429}], ids=str)
async def test_with_faults_on_every_kind_of_write_the_answer_is_complete_and_there_once(
    tmp_path: Path, fault: dict[str, Any]
) -> None:
    """A third of all sends and edits fail in one way or another (P12, P16, P20)."""
    async with stage(tmp_path) as place, asyncio.timeout(100):
        thread = await place.thread("say ready")
        await place.ann.sees(thread, "ready", by=place.bot)
        body = {"message": "made up", "retry_after": 0.2, "global": False}
        rule = {**fault, **({"body": body} if "status" in fault else {})}
        path = re.compile("/messages")
        place.discord.fault(path=path, probability=0.33, seed=7, times=None, bot=place.bot, **rule)
        await place.ann.say(thread, "stream 600 400")
        await place.ann.sees(thread, re.compile(r"\b600\n-# .* s$"), by=place.bot, timeout=90)
        pages = [spoken(message) for message in place.said_by_bot(thread)][1:]
        assert " ".join(" ".join(pages).split()) == numbers(1, 600)
