"""A hanging turn in one thread changes no other thread."""

import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from bot.render.converter import MarkdownConverter
from bot.reply.completion import Completion, complete
from bot.user_messages import outcomes

from .live_bot import bot_lab, numbers, said


async def test_a_hung_turn_delays_no_other_thread_old_or_new_and_no_command(tmp_path: Path) -> None:
    """While one agent is silent for ever, all other requests are answered."""
    async with bot_lab(tmp_path) as lab:
        old = await lab.thread("say I am the old one", lab.ben)
        await lab.ben.sees(old, "I am the old one", by=lab.bot)
        hung = await lab.conversation("say now I hang\nhang deaf", "now I hang")
        await lab.ann.say(hung, "say I wait behind it")
        await lab.ann.say(hung, "say and I")

        await lab.ben.say(old, "stream 20 0")
        await lab.answer(old, numbers(1, 20))
        new = await lab.thread("stream 30 0", lab.ben)
        await lab.ben.sees(new, numbers(1, 30), by=lab.bot)
        for thread, state in ((hung, "Working"), (old, "Idle")):
            status = await lab.ann.slash(thread, "status")
            assert status.acknowledged
            assert state in said(status)


async def test_a_full_house_of_hung_turns_still_answers_commands(tmp_path: Path) -> None:
    """With a hanging turn in every slot, a new request learns its place in line; a cancel frees a slot for it."""
    async with bot_lab(tmp_path, extra="[pool]\nmax_agents = 2\n") as lab:
        first = await lab.thread("say one\nhang")
        second = await lab.thread("say two\nhang", lab.ben)
        await lab.ann.sees(first, "one", by=lab.bot)
        await lab.ben.sees(second, "two", by=lab.bot)
        third = await lab.conversation("say three", "number 1 in the queue")
        status = await lab.ann.slash(third, "status")
        assert "In the queue, number 1" in said(status)
        cancelled = await lab.ann.slash(first, "cancel")
        assert cancelled.acknowledged
        await lab.ann.sees(third, "three", by=lab.bot)


async def test_an_agent_that_crashes_ends_only_its_own_turn(tmp_path: Path) -> None:
    """The thread shows the exit code and the last lines; the next message gets a new agent."""
    async with bot_lab(tmp_path) as lab:
        hung = await lab.thread("say steady\nhang", lab.ben)
        await lab.ben.sees(hung, "steady", by=lab.bot)
        thread = await lab.thread("say so far\ncrash 7")
        ended = await lab.ann.sees(thread, "exit code 7", by=lab.bot)
        assert f"is working in this folder: <#{hung.id}>\nso far" in ended.content
        assert "```" in ended.content
        await lab.ann.say(thread, "say well again")
        await lab.ann.sees(thread, "well again", by=lab.bot)
        status = await lab.ann.slash(hung, "status")
        assert "Working" in said(status)


async def test_a_temporary_directory_that_is_gone_costs_no_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reply far too long for its pages becomes an attachment, and the next message is answered."""
    async with bot_lab(tmp_path) as lab:
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
        thread = await lab.thread("stream 30000 0")
        await lab.ann.sees(thread, lambda each: any(file.filename == "reply.md" for file in each.attachments))
        await lab.ann.say(thread, "say next")
        await lab.answer(thread, "next")


async def test_a_text_that_cannot_be_rendered_ends_its_turn_with_a_word_and_the_next_is_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a bug of ours in one reply the thread says so, and the turn, which could show no more, is stopped."""
    feed = MarkdownConverter.feed

    def failing(dialect: MarkdownConverter, text: str) -> str:
        if "trap" in text:
            raise ValueError("a mistake of ours")
        return feed(dialect, text)

    monkeypatch.setattr(MarkdownConverter, "feed", failing)
    async with bot_lab(tmp_path) as lab:
        thread = await lab.thread("say so far\nstream 20 0\nsay trap\nhang")
        await lab.answer(
            thread, lambda each: each.content.startswith("so far") and outcomes.NOT_RENDERED in each.content
        )
        await lab.ann.say(thread, "say next")
        await lab.answer(thread, "next")


async def test_an_end_that_cannot_be_told_leaves_the_thread_to_the_next_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a bug of ours in one part of a turn's end, the answer stays, without its Stop, and the next one follows."""

    def failing(*told: Any, **more: Any) -> Completion:
        monkeypatch.setattr("bot.conversation.exchange.complete", complete)
        raise ValueError("a mistake of ours")

    monkeypatch.setattr("bot.conversation.exchange.complete", failing)
    async with bot_lab(tmp_path) as lab:
        thread = await lab.thread("say first")
        await lab.answer(thread, "first")
        await lab.ann.say(thread, "say next")
        await lab.answer(thread, "next")
    with closing(sqlite3.connect(tmp_path / "threadline.db")) as db:
        assert db.execute("SELECT state FROM messages").fetchall() == [("answered",), ("answered",)]
