"""`/reload` and SIGHUP: who may do what changes under a running turn, and a broken file changes nothing."""

import asyncio
import json
import os
import signal
from pathlib import Path

import pytest

from bot.access.audit import PER_MINUTE
from tests.e2e.test_questions import PUPPET

from .live_bot import bot_lab, numbers, said


async def test_reloading_lets_somebody_in_and_out_while_a_turn_runs(tmp_path: Path) -> None:
    """By command and by signal; only admins may; the turn streams on, and a wrong file is told with its line."""
    audit, gate = tmp_path / "audit.jsonl", tmp_path / "gate"
    os.mkfifo(gate)
    extra = f'[audit]\npath = "{audit}"'
    async with bot_lab(tmp_path, extra=extra) as place:
        thread = await place.thread(f"stream 3 0\ngate {gate}\nstream 100 0")
        await place.ann.sees(thread, "1 2 3", by=place.bot)
        refused = await place.mallory.slash(thread, "status")
        assert "may not talk" in said(refused)
        assert "may not do what admins do" in said(await place.ben.slash(thread, "reload"))

        everybody = 'users = ["*"]'
        place.configure(access=everybody, extra=extra + "\n[pool]\nmax_agents = 3")
        told = said(await place.ann.slash(thread, "reload"))
        assert "Taken over: access.users." in told
        assert "pool.max\\_agents" in told
        assert "working" in said(await place.mallory.slash(thread, "status"))

        place.config.write_text(place.config.read_text() + "\n[acces]\n")
        told = said(await place.ann.slash(thread, "reload"))
        assert "Nothing has changed" in told
        assert "unknown key" in told
        assert "working" in said(await place.mallory.slash(thread, "status"))

        place.configure(extra=extra)
        os.kill(os.getpid(), signal.SIGHUP)
        await asyncio.to_thread(gate.write_text, "open")
        await place.answer(thread, numbers(1, 100))
        assert "may not talk" in said(await place.mallory.slash(thread, "status"))
    text = audit.read_text()
    assert '"deed": "started"' in text
    assert '"what": "/reload"' in text
    assert '"what": "configuration: access.users"' in text
    assert f'"deed": "refused", "user_id": "{place.mallory.id}"' in text


async def test_the_audit_log_tells_who_did_what_once(tmp_path: Path) -> None:
    """Started, approved, stopped, changed, refused: a line each, in order; looking leaves none."""
    path = tmp_path / "audit.jsonl"
    async with bot_lab(tmp_path, extra=f'[audit]\npath = "{path}"') as place:
        thread = await place.thread("ask execute make install\nhang", place.ben)
        card = await place.ben.sees(thread, "May I", by=place.bot)
        await place.ben.click(card, "Allow once")
        await place.ben.sees(thread, "allowed (allow_once)", by=place.bot)
        await place.ben.slash(thread, "status")
        await place.mallory.slash(thread, "cancel")
        await place.ben.slash(thread, "cancel")
        await place.ann.slash(thread, "reset")
        lines = [json.loads(line) for line in path.read_text().splitlines()]
    told = [(line["deed"], int(line["user_id"])) for line in lines]
    ann, ben, mallory = place.ann.id, place.ben.id, place.mallory.id
    assert told == [("started", ben), ("approved", ben), ("refused", mallory), ("stopped", ben), ("changed", ann)]
    assert all(line["thread_id"] == str(thread.id) for line in lines)
    assert "make install" in lines[1]["what"]
    assert lines[3]["what"] == "/cancel"


async def test_the_audit_log_tells_who_dropped_what_waited_and_who_steered(tmp_path: Path) -> None:
    """A message that stops a turn is a stop like any other; what was dropped is named by its id."""
    path = tmp_path / "audit.jsonl"
    extra = f'[audit]\npath = "{path}"\n[threads]\nbusy = "steer"\n'
    async with bot_lab(tmp_path, extra=extra) as place:
        thread = await place.thread("say begun\nhang")
        await place.ann.sees(thread, "begun", by=place.bot)
        waits = await place.ben.say(thread, "say patient")
        notice = await place.ann.sees(thread, "1 waiting", by=place.bot)
        await place.ben.click(notice, "Drop")
        await place.ann.say(thread, "say steered")
        await place.ann.sees(thread, "steered", by=place.bot)
        lines = [json.loads(line) for line in path.read_text().splitlines()]
    stopped = [(int(line["user_id"]), line["what"]) for line in lines if line["deed"] == "stopped"]
    dropped = (place.ben.id, f"1 message is dropped: {waits.id}")
    assert stopped == [dropped, (place.ann.id, "a message that steers")]


async def test_the_audit_log_counts_what_a_flooding_agent_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hundreds of questions of one turn are some lines and a number, told at the latest when the bot stops."""
    monkeypatch.setattr("bot.access.audit.MINUTE", 3600.0)
    path = tmp_path / "audit.jsonl"
    extra = f'[audit]\npath = "{path}"'
    async with bot_lab(tmp_path, agent=PUPPET, extra=extra, agent_extra='permission = "deny"') as place:
        thread = await place.thread(json.dumps(["flood", 500]))
        await place.ann.sees(thread, "flooded", by=place.bot)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    denied = [line for line in lines if line["deed"] == "denied"]
    assert len(denied) == PER_MINUTE
    (omitted,) = (line for line in lines if line["deed"] == "omitted")
    assert omitted["what"] == f"{500 - PER_MINUTE} more lines of one minute: denied"
    assert omitted["thread_id"] == str(thread.id)
