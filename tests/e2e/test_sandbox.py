"""Agents in a sandbox, through the whole bot: what works there as elsewhere, and what an agent gains by an attack."""

import asyncio
import os
import re
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from loopback.agent.login import CODE
from loopback.harness import in_toml
from loopback.state.entities import Thread

from .bot_process import agent_pids, bot_run
from .live_bot import SCRIPTED, BotLab, bot_lab, idle_lab, running_bot, said
from .test_controls import git
from .test_forks import forked

pytestmark = pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed")

ROOT = Path(__file__).parents[2]
LINKING = (sys.executable, "-m", "tests.peers.linking_agent")
PLANT = """
for each in .git/hooks/pre-commit .git/config .claude/settings.json; do echo evil > $each; done
mv .git gone; mv .claude gone
"""
SECRET = "the-secret-of-this-machine"


def boxed(agent: Sequence[str] = SCRIPTED, *, more: str = 'permission = "allow_all"', **keys: object) -> dict[str, Any]:
    """Return the options of a lab whose agent has a sandbox with these keys; it shows the scripted agent's code."""
    box = {"engine": "bwrap", "read": [str(ROOT / "loopback"), str(ROOT / "tests")], "network": "none", **keys}
    extra = f'env = {{ PYTHONPATH = "{ROOT}" }}\n{more}\nsandbox = {in_toml(box)}\n'
    return {"agent": agent, "agent_extra": extra}


async def answer(lab: BotLab, thread: Thread, request: str) -> str:
    """Have the agent of a thread do something; return its whole answer."""
    asked = await lab.ann.say(thread, f"{request}\nsay that is all")
    return (await lab.answer(thread, "that is all", after=asked)).content.replace("\\", "")


async def begun(lab: BotLab) -> Thread:
    """Return a thread whose agent has answered."""
    thread = await lab.conversation("say begun", "begun")
    await lab.answer(thread, "begun")
    return thread


# ---- attacks


async def test_an_agent_reads_neither_the_bots_files_nor_a_persons(tmp_path: Path) -> None:
    """The token, the journal, keys at home, and the bot's environment."""
    key = tmp_path / "home" / ".ssh" / "id_ed25519"
    key.parent.mkdir(parents=True)
    key.write_text(SECRET)
    async with bot_lab(tmp_path, **boxed()) as lab:
        thread = await begun(lab)
        for path in (lab.config, tmp_path / "threadline.db", key):
            assert path.exists()
            assert "No such file" in await answer(lab, thread, f"shell cat {path}")
        shown = await answer(lab, thread, f"shell ls {tmp_path} /root /home; cat /proc/{os.getpid()}/environ")
        assert "threadline.db" not in shown
        assert lab.bot.token not in shown
        assert SECRET not in shown


async def test_an_agent_ends_no_process_and_reaches_no_port(tmp_path: Path) -> None:
    """It sees only its own processes; without a network neither Discord's port nor a socket with an abstract name."""
    async with bot_lab(tmp_path, **boxed()) as lab:
        thread = await begun(lab)
        assert "No such process" in await answer(lab, thread, f"shell kill -9 {os.getpid()}")
        port = lab.discord.endpoint.rpartition(":")[2].partition("/")[0]
        reach = f'import socket; socket.create_connection(("127.0.0.1", {port}))'
        assert "Connection refused" in await answer(lab, thread, f"shell {sys.executable} -c '{reach}'")


async def test_an_agent_plants_nothing_that_runs_outside(tmp_path: Path) -> None:
    """By itself, or through the files and the terminals of its client."""
    async with bot_lab(tmp_path, **boxed(more='permission = "allow_all"\nclient = ["fs", "terminal"]')) as lab:
        git("init", "--quiet", at=lab.project)
        (lab.project / ".claude").mkdir()
        (lab.project / "plant.sh").write_text(PLANT)
        before = sorted(each for each in lab.project.rglob("*"))
        config = (lab.project / ".git" / "config").read_text()
        thread = await begun(lab)
        for directive in ("shell", "client-run"):
            assert (await answer(lab, thread, f"{directive} sh plant.sh")).count("Read-only") == 3
        for name in (".git/hooks/pre-commit", ".git/config", ".claude/settings.json", "deep/.envrc"):
            assert "refused" in await answer(lab, thread, f"client-write {lab.project}/{name} evil")
        assert sorted(each for each in lab.project.rglob("*")) == before
        assert (lab.project / ".git" / "config").read_text() == config


async def test_no_process_of_a_sandboxed_agent_outlives_the_bot(tmp_path: Path) -> None:
    """Also one that has left its session."""
    async with bot_lab(tmp_path, **boxed()) as lab:
        thread = await begun(lab)
        await answer(lab, thread, "child deaf setsid")
        assert len(agent_pids(lab.config)) >= 3
    assert agent_pids(lab.config) == []


async def test_an_agent_whose_sandbox_cannot_be_made_does_not_start(tmp_path: Path) -> None:
    """The thread is told why."""
    async with idle_lab(tmp_path, **boxed(read=[str(tmp_path / "tools")])) as lab:
        (tmp_path / "tools").mkdir()
        async with running_bot(lab):
            (tmp_path / "tools").rmdir()
            thread = await lab.thread("say never")
            told = await lab.ann.sees(thread, "could not start", by=lab.bot)
            assert f"its sandbox needs {tmp_path}/tools, which could not be found" in told.content.replace("\\", "")


# ---- what works inside


async def test_an_agent_gets_the_files_of_its_thread_and_not_those_of_another(tmp_path: Path) -> None:
    """Attachments of the first message too, for which the thread's directory was just made."""
    async with bot_lab(tmp_path, **boxed()) as lab:
        asked = await lab.ann.say(lab.channel, f"{lab.bot.mention} echo", files=[("data.bin", b"first\0")])
        thread = await lab.ann.sees_thread(asked)
        shown = (await lab.answer(thread, "data.bin")).content.replace("\\", "")
        path = _path_in(shown, "data.bin")
        assert "first" in await answer(lab, thread, f"shell tr -d '\\000' < {path}; touch {path}.seen")
        assert files_in(tmp_path / "threadline.attachments" / str(thread.id)) >= {"data.bin", "data.bin.seen"}
        other = await begun(lab)
        assert "No such file" in await answer(lab, other, f"shell cat {path}")


async def test_a_fork_and_a_side_question_see_the_files_of_their_parent(tmp_path: Path) -> None:
    """Each in a process and a sandbox of its own; the session is kept in the agent's home."""
    state = ("--state", str(tmp_path / "threadline.homes" / "default" / "sessions"))
    async with bot_lab(tmp_path, **boxed((*SCRIPTED, "--fork", "head", *state))) as lab:
        asked = await lab.ann.say(lab.channel, f"{lab.bot.mention} echo", files=[("data.bin", b"first\0")])
        thread = await lab.ann.sees_thread(asked)
        path = _path_in((await lab.answer(thread, "data.bin")).content.replace("\\", ""), "data.bin")
        await lab.ann.slash(thread, "btw", text=f"shell wc -c < {path}")
        await lab.ann.sees(thread, re.compile("Side question.*\n6\n", re.DOTALL), by=lab.bot)
        await lab.ann.slash(thread, "fork")
        fork = await forked(lab, thread)
        assert "6\n" in await answer(lab, fork, f"shell wc -c < {path}")
        assert "2 prompts" in await answer(lab, thread, "recall")


async def test_what_an_agent_writes_is_posted_and_shown_as_a_change(tmp_path: Path) -> None:
    """Files that it links, and `/diff`, which the bot makes outside."""
    async with bot_lab(tmp_path, **boxed(LINKING)) as lab:
        git("init", "--quiet", at=lab.project)
        thread = await begun(lab)
        await lab.ann.say(thread, f"shell echo made > mine.txt\nlink {lab.project}/mine.txt")
        posted = await lab.ann.sees(thread, lambda each: bool(each.attachments), by=lab.bot)
        assert [(each.filename, each.content) for each in posted.attachments] == [("mine.txt", b"made\n")]
        shown = await lab.ann.slash(thread, "diff")
        await lab.discord.until(lambda: shown.message is not None and "mine.txt" in said(shown))


async def test_the_terminals_and_files_of_the_client_work(tmp_path: Path) -> None:
    """A command gets the agent's directory, the thread's files and its home; a file is written as outside."""
    more = 'preset = "claude"\npermission = "allow_all"\nclient = ["fs", "terminal"]'
    async with bot_lab(tmp_path, **boxed(more=more)) as lab:
        thread = await begun(lab)
        shown = await answer(lab, thread, "client-run pwd; echo $HOME; touch ~/kept made; ls /proc | grep -c '^[0-9]'")
        assert str(lab.project) in shown
        home = tmp_path / "threadline.homes" / "default"
        assert str(home) in shown
        assert (home / "kept").exists()
        assert (lab.project / "made").exists()
        assert "In a terminal" not in said(
            await lab.ann.slash(thread, "status")
        )  # Nothing is there to continue outside.
        written = await answer(lab, thread, f"client-write {lab.project}/notes.txt two words\nshell cat notes.txt")
        assert "written\ntwo words" in written
        files = tmp_path / "threadline.attachments" / str(thread.id)
        assert "exit code 0" in await answer(lab, thread, f"client-run test -d {files}")


async def test_a_login_is_kept_in_the_agents_own_home(tmp_path: Path) -> None:
    """A person logs in from Discord; the agent inside finds the login, also in the next process."""
    home = tmp_path / "threadline.homes" / "default"
    async with idle_lab(tmp_path) as lab:
        gate = lab.project / "gate"
        os.mkfifo(gate)
        lab.configure(**boxed((*SCRIPTED, "--login", str(home / "login"), "--login-gate", str(gate))))
        async with running_bot(lab):
            thread = await lab.thread("say hello")
            notice = await lab.ann.sees(thread, "is logged out", by=lab.bot)
            pressed = await lab.ann.click(notice, "Log in")
            assert pressed is not None
            await pressed.settled(CODE)
            await asyncio.to_thread(gate.write_text, "yes")
            await lab.discord.until(lambda: notice.deleted)
            assert (home / "login").exists()
            await lab.ann.say(thread, "say well again")
            await lab.ann.sees(thread, "well again", by=lab.bot)


async def test_a_session_is_resumed_inside_after_a_restart(tmp_path: Path) -> None:
    """It was kept in the agent's home. The sandbox is made again."""
    state = ("--state", str(tmp_path / "threadline.homes" / "default" / "sessions"))
    async with idle_lab(tmp_path, **boxed((*SCRIPTED, *state))) as lab:
        async with bot_run(lab):
            thread = await begun(lab)
        async with bot_run(lab):
            assert "2 prompts, the first: say begun" in await answer(lab, thread, "recall")
            assert "No such file" in await answer(lab, thread, f"shell cat {lab.config}")


def files_in(directory: Path) -> set[str]:
    """Return the names of all files below a directory."""
    return {each.name for each in directory.rglob("*") if each.is_file()}


def _path_in(text: str, name: str) -> str:
    found = re.search(rf"(/[^)\s>`]*/{re.escape(name)})", text)
    assert found is not None
    return found[1]
