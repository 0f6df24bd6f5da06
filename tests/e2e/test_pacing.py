"""Discord's limits and faults, with the whole bot: delayed threads, the Stop button, failing calls."""

import asyncio
import os
import re
from pathlib import Path
from typing import Any

import discord
import pytest

from .live_bot import bot_lab, numbers, said, spoken


async def test_a_request_waits_visibly_for_a_thread_that_discord_does_not_open_yet(tmp_path: Path) -> None:
    """A reaction on the message shows the wait; the answer comes when Discord opens the thread."""
    async with bot_lab(tmp_path) as lab:
        body = {"message": "slow down", "retry_after": 4.0, "global": False}
        lab.discord.fault(method="POST", path=re.compile("/threads$"), status=429, body=body, times=1)
        message = await lab.ann.say(lab.channel, f"{lab.bot.mention} say hello")
        await lab.discord.until(lambda: "⏳" in message.reactions)
        thread = await lab.ann.sees_thread(message)
        await lab.ann.sees(thread, "hello", by=lab.bot)
        await lab.discord.until(lambda: list(message.reactions) == ["✅"])


async def test_an_edit_that_is_refused_for_its_rate_is_not_repeated_but_the_newest_text_is_sent(tmp_path: Path) -> None:
    """Discord's limit reaches the schedule; the library alone would send the old text again."""
    gates = [tmp_path / "first", tmp_path / "second"]
    for gate in gates:
        os.mkfifo(gate)
    async with bot_lab(tmp_path) as lab:
        thread = await lab.thread("say ready")
        await lab.answer(thread, "ready")
        body = {"message": "slow down", "retry_after": 4.0, "global": False}
        second = lab.discord.fault(method="PATCH", says=" 21", status=429, body=body, times=1)
        await lab.ann.say(thread, f"stream 20 0\ngate {gates[0]}\nstream 40 0\ngate {gates[1]}\nstream 300 0")
        await lab.ann.sees(thread, "20", by=lab.bot)
        await asyncio.to_thread(gates[0].write_text, "open")
        await lab.discord.until(lambda: second.spent)
        await asyncio.to_thread(gates[1].write_text, "open")
        await lab.answer(thread, lambda each: spoken(each).endswith(" 300"))
        edits = [call for call in lab.discord.record if call.method == "PATCH" and "/messages/" in call.path]
        refused = next(number for number, call in enumerate(edits) if call.status == 429)
        assert edits[refused].body["content"] != edits[refused + 1].body["content"]


async def test_the_stop_button_stops_the_turn_for_those_who_may_and_goes_with_it(tmp_path: Path) -> None:
    """The asker presses it. Another person is refused, and the turn continues."""
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    async with bot_lab(tmp_path) as lab:
        thread = await lab.thread(f"say before\ngate {gate}\nsay after")
        reply = await lab.ann.sees(thread, "before", by=lab.bot)
        refused = await lab.mallory.click(reply, "Stop")
        assert "have access" in said(refused)
        pressed = await lab.ann.click(reply, "Stop")
        assert pressed.response is not None
        (row,) = pressed.response["data"]["components"]
        assert [(one["label"], one["disabled"]) for one in row["components"]] == [("Stopping…", True)]
        done = await lab.ann.sees(thread, f"Stopped by {lab.ann.mention}", by=lab.bot)
        assert done is reply
        await lab.discord.until(lambda: not done.components)
        assert "after" not in done.content


async def test_a_stop_that_is_answered_after_the_end_leaves_no_button(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer to the press shows a button that is not removed again."""
    answer = discord.InteractionResponse.edit_message
    async with bot_lab(tmp_path) as lab:
        thread = await lab.thread("say before\nhang")
        reply = await lab.ann.sees(thread, "before", by=lab.bot)

        async def late(self: discord.InteractionResponse[Any], **options: Any) -> Any:
            await lab.discord.until(lambda: "Stopped by" in reply.content and not reply.components)
            return await answer(self, **options)

        monkeypatch.setattr(discord.InteractionResponse, "edit_message", late)
        pressed = await lab.ann.click(reply, "Stop")
        assert pressed.response is not None
        await lab.discord.until(lambda: not reply.components)


SLOW_DOWN = {"message": "made up", "retry_after": 0.2, "global": False}
FAULTS: list[dict[str, Any]] = [
    {"status": 503},
    {"status": 503, "body": {"message": "Service Unavailable", "code": 0}},
    {"reset": True},
    {"answer_lost": True},
    {"answer_lost": True, "body": "<html>"},
    {"status": 429, "body": SLOW_DOWN},
    {"status": 429, "times": 1},
]


@pytest.mark.parametrize("seed", [1, 2])
async def test_with_faults_on_every_kind_of_write_the_answer_is_complete_and_there_once(
    tmp_path: Path, seed: int
) -> None:
    """Half of all sends, edits, files, reactions, typing calls and openings fail, in any order."""
    async with bot_lab(tmp_path, extra='[reply]\nfinish = "ping"') as lab, asyncio.timeout(110):
        for number, fault in enumerate(FAULTS):
            rule = {"times": None, **fault}
            path = re.compile("^/channels/")
            lab.discord.fault(path=path, probability=0.1, seed=10 * seed + number, bot=lab.bot, **rule)
        message = await lab.ann.say(lab.channel, f"{lab.bot.mention} stream 600 400\ncode 300")
        thread = await lab.ann.sees_thread(message, timeout=90)
        await lab.ann.sees(thread, "✅ done", by=lab.bot, timeout=90)
        *pages, files, ping = lab.said_by_bot(thread)
        text = " ".join(" ".join(page.content for page in pages).split())
        assert text.startswith(numbers(1, 600))
        assert text.removeprefix(numbers(1, 600)).split()[1:2] == ["`code.py`"]
        assert [each.filename for each in files.attachments] == ["code.py"]
        assert ping.mentions == [lab.ann.id]
        await lab.discord.until(lambda: list(message.reactions) == ["✅"], timeout=60)
