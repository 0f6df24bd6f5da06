"""`/reload` and SIGHUP: who gains or loses rights under a running turn, and a broken file without effect."""

import asyncio
import json
import os
import signal
from pathlib import Path

import pytest

from bot.access.audit import PER_MINUTE

from .live_bot import bot_lab, numbers, said
from .puppet_script import PUPPET


async def test_reloading_lets_somebody_in_and_out_while_a_turn_runs(tmp_path: Path) -> None:
    """By command, for admins only, and by signal; the turn continues, and a broken file is reported with its line."""
    audit, gate = tmp_path / "audit.jsonl", tmp_path / "gate"
    os.mkfifo(gate)
    extra = f'[audit]\npath = "{audit}"'
    async with bot_lab(tmp_path, extra=extra) as lab:
        thread = await lab.conversation(f"stream 3 0\ngate {gate}\nstream 100 0", "1 2 3")
        refused = await lab.mallory.slash(thread, "status")
        assert "have access" in said(refused)
        assert "permission to use commands for admins" in said(await lab.ben.slash(thread, "reload"))

        everybody = 'users = ["*"]'
        lab.configure(access=everybody, extra=extra + "\n[pool]\nmax_agents = 3")
        told = said(await lab.ann.slash(thread, "reload"))
        assert "Applied: access.users." in told
        assert "pool.max\\_agents" in told
        assert "Working" in said(await lab.mallory.slash(thread, "status"))

        lab.config.write_text(lab.config.read_text() + "\n[acces]\n")
        told = said(await lab.ann.slash(thread, "reload"))
        assert "nothing has changed" in told
        assert "unknown table" in told
        assert "Working" in said(await lab.mallory.slash(thread, "status"))

        lab.configure(extra=extra)
        os.kill(os.getpid(), signal.SIGHUP)
        await asyncio.to_thread(gate.write_text, "open")
        await lab.answer(thread, numbers(1, 100))
        assert "have access" in said(await lab.mallory.slash(thread, "status"))
    text = audit.read_text()
    assert '"deed": "started"' in text
    assert '"what": "/reload"' in text
    assert '"what": "configuration: access.users"' in text
    assert f'"deed": "refused", "user_id": "{lab.mallory.id}"' in text


async def test_the_audit_log_tells_who_did_what_once(tmp_path: Path) -> None:
    """Started, approved, stopped, changed, refused: a line each, in order; looking leaves none."""
    path = tmp_path / "audit.jsonl"
    async with bot_lab(tmp_path, extra=f'[audit]\npath = "{path}"') as lab:
        thread = await lab.thread("ask execute make install\nhang", lab.ben)
        card = await lab.ben.sees(thread, "Permission needed", by=lab.bot)
        await lab.ben.click(card, "Allow once")
        await lab.ben.sees(thread, "allowed (allow_once)", by=lab.bot)
        await lab.ben.slash(thread, "status")
        await lab.mallory.slash(thread, "cancel")
        await lab.ben.slash(thread, "cancel")
        await lab.ann.slash(thread, "reset")
        lines = [json.loads(line) for line in path.read_text().splitlines()]
    told = [(line["deed"], int(line["user_id"])) for line in lines]
    ann, ben, mallory = lab.ann.id, lab.ben.id, lab.mallory.id
    assert told == [("started", ben), ("approved", ben), ("refused", mallory), ("stopped", ben), ("changed", ann)]
    assert all(line["thread_id"] == str(thread.id) for line in lines)
    assert "make install" in lines[1]["what"]
    assert lines[3]["what"] == "/cancel"


async def test_the_audit_log_tells_who_dropped_what_waited_and_who_steered(tmp_path: Path) -> None:
    """A message that stops a turn counts as a stop; a dropped message is named by its id."""
    path = tmp_path / "audit.jsonl"
    extra = f'[audit]\npath = "{path}"\n[threads]\nbusy = "steer"\n'
    async with bot_lab(tmp_path, extra=extra) as lab:
        thread = await lab.conversation("say begun\nhang", "begun")
        waits = await lab.ben.say(thread, "say patient")
        notice = await lab.ann.sees(thread, "1 waiting", by=lab.bot)
        await lab.ben.click(notice, "Drop")
        await lab.ann.say(thread, "say steered")
        await lab.ann.sees(thread, "steered", by=lab.bot)
        lines = [json.loads(line) for line in path.read_text().splitlines()]
    stopped = [(int(line["user_id"]), line["what"]) for line in lines if line["deed"] == "stopped"]
    dropped = (lab.ben.id, f"1 message dropped: {waits.id}")
    assert stopped == [dropped, (lab.ann.id, "a message that steers")]


async def test_the_audit_log_counts_what_a_flooding_agent_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hundreds of questions of one turn become some lines and a number, written at the bot's stop at the latest."""
    monkeypatch.setattr("bot.access.audit.MINUTE", 3600.0)
    path = tmp_path / "audit.jsonl"
    extra = f'[audit]\npath = "{path}"'
    async with bot_lab(tmp_path, agent=PUPPET, extra=extra, agent_extra='permission = "deny"') as lab:
        thread = await lab.conversation(json.dumps(["flood", 500]), "flooded")
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    denied = [line for line in lines if line["deed"] == "denied"]
    assert len(denied) == PER_MINUTE
    (omitted,) = (line for line in lines if line["deed"] == "omitted")
    assert omitted["what"] == f"{500 - PER_MINUTE} more lines of one minute: denied"
    assert omitted["thread_id"] == str(thread.id)
