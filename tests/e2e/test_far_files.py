"""An agent on another machine, through the whole bot: files both ways, `/diff`, and what needs no person."""

import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from loopback.harness import in_toml
from loopback.state.entities import Thread
from tests.support.other_machine import entering

from .live_bot import BotLab, idle_lab, running_bot, said
from .test_controls import git

ROOT = Path(__file__).parents[2]
LINKING = (sys.executable, "-m", "tests.peers.linking_agent")


@asynccontextmanager
async def far_lab(folder: Path, *, agent_extra: str = "", more: str = "") -> AsyncIterator[BotLab]:
    """Run a bot whose agents work on another machine, `machine`: `project` and `files` are other directories there."""
    for name in ("machine/project", "machine/files", "project", "files"):
        (folder / name).mkdir(parents=True)
    enter = (
        *entering(folder / "machine/project", folder / "project"),
        *entering(folder / "machine/files", folder / "files"),
    )
    place: dict[str, Any] = {"enter": list(enter), "runner": [sys.executable], "files": str(folder / "files")}
    extra = "\n[places.worker1]\n" + "".join(f"{key} = {in_toml(value)}\n" for key, value in place.items())
    keys = f'places = ["worker1"]\nenv = {{ PYTHONPATH = "{ROOT}" }}\n{agent_extra}'
    async with idle_lab(folder, agent=LINKING, agent_extra=keys, extra=f"{extra}{more}") as lab, running_bot(lab):
        yield lab


async def answer(lab: BotLab, thread: Thread, request: str) -> str:
    """Have the agent of a thread do something; return its whole answer."""
    asked = await lab.ann.say(thread, f"{request}\nsay that is all")
    return (await lab.answer(thread, "that is all", after=asked)).content.replace("\\", "")


async def test_files_go_there_and_come_back(tmp_path: Path) -> None:
    """A person's file is where the prompt says; what the agent has made there is posted, and shown by `/diff`."""
    async with far_lab(tmp_path) as lab:
        git("init", "--quiet", at=tmp_path / "machine/project")
        asked = await lab.ann.say(lab.channel, f"{lab.bot.mention} echo", files=[("data.bin", b"first\0")])
        thread = await lab.ann.sees_thread(asked)
        shown = (await lab.answer(thread, "data.bin")).content.replace("\\", "")
        found = re.search(r"(/[^)\s>`]*/data\.bin)", shown)
        assert found is not None
        assert found[1].startswith(f"{tmp_path}/files/")
        assert [*(tmp_path / "files").iterdir()] == []
        assert "first" in await answer(lab, thread, f"shell tr -d '\\000' < {found[1]}")
        await lab.ann.say(thread, f"shell echo made > mine.txt\nlink {lab.project}/mine.txt")
        posted = await lab.ann.sees(thread, lambda each: bool(each.attachments), by=lab.bot)
        assert [(each.filename, each.content) for each in posted.attachments] == [("mine.txt", b"made\n")]
        assert [*lab.project.iterdir()] == []
        changes = await lab.ann.slash(thread, "diff")
        await lab.discord.until(lambda: changes.message is not None and "A mine.txt" in said(changes))


async def test_what_is_read_inside_is_allowed_by_the_links_there(tmp_path: Path) -> None:
    """A person is asked about all else. The links are not on this machine."""
    async with far_lab(tmp_path, agent_extra='permission = "allow_reads"\n') as lab:
        (tmp_path / "machine/project/out").symlink_to("/etc")
        (tmp_path / "machine/project/in").symlink_to(".")
        thread = await lab.conversation("ask read in/notes.txt", "allowed")
        await lab.ann.say(thread, "ask read out/passwd")
        card = await lab.ann.sees(thread, "part of it is outside the session's directories", by=lab.bot)
        await lab.ann.click(card, "Reject")
        await lab.ann.sees(thread, "rejected", by=lab.bot)


async def test_status_and_figures_know_what_is_on_this_machine(tmp_path: Path) -> None:
    """The line that continues a session is for a terminal there; memory is that of the agents here."""
    figures = '[metrics]\nlisten = "127.0.0.1:0"\n'
    async with far_lab(tmp_path, agent_extra='preset = "claude"\n', more=figures) as lab:
        thread = await lab.conversation("say hello", "hello")
        await lab.answer(thread, "hello")
        status = said(await lab.ann.slash(thread, "status"))
        assert f"In a terminal on worker1: `cd {lab.project} && claude --resume" in status
        assert lab.app is not None
        async with aiohttp.ClientSession() as http, http.get(f"{lab.app.metrics_address}/metrics") as answered:
            assert "threadline_agents_resident_memory_bytes 0.0" in await answered.text()
