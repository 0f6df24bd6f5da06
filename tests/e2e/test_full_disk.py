"""The disk of the bot's journal is full for a while."""

import asyncio
import os
import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from pool.journal.database import open_database
from pool.journal.transactions import Writer
from tests.pool.journals import no_room

from .live_bot import bot_lab, numbers, said, spoken


async def test_a_disk_that_is_full_for_a_while_loses_nothing_and_holds_up_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A turn that ends then completes its reply afterwards. New authors are told, and later all works again."""
    opened: list[sqlite3.Connection] = []
    troubled = asyncio.Event()

    def remembered(path: Path) -> sqlite3.Connection:
        opened.append(open_database(path))
        return opened[-1]

    def noted(writer: Writer, trouble: str, note: object = Writer._note) -> None:
        note(writer, trouble)  # type: ignore[operator]
        if trouble:
            troubled.set()

    monkeypatch.setattr("pool.journal.journal.open_database", remembered)
    monkeypatch.setattr(Writer, "_note", noted)
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    async with bot_lab(tmp_path) as lab:
        thread = await lab.conversation(f"gate {gate}\nstream 2000 0", re.compile("Working"))
        with no_room(opened[0]):
            await asyncio.to_thread(gate.write_text, "open")
            await troubled.wait()
            await lab.ann.say(thread, "say lost")
            await lab.ann.sees(thread, "can't save messages right now", by=lab.bot)
            status = said(await lab.ann.slash(thread, "status"))
            assert "I can't save anything right now: database or disk is full" in status
        await lab.ann.say(thread, "say and so on")
        await lab.answer(thread, "and so on")
        shown = [spoken(message) for message in lab.said_by_bot(thread)]
        pages = [each for each in shown if not each.startswith("<@") and each != "and so on"]
        assert " ".join(" ".join(pages).split()) == numbers(1, 2000)
        assert "can't save" not in said(await lab.ann.slash(thread, "status"))
    with closing(sqlite3.connect(tmp_path / "threadline.db")) as db:
        assert db.execute("SELECT state FROM messages").fetchall() == [("answered",), ("answered",)]
