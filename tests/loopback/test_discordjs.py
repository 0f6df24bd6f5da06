"""A second library that knows nothing of Python: discord.js, as its own process."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from loopback import Loopback

from .openapi import strictly

FOLDER = Path(__file__).parent / "discordjs"
INSTALL_BOUND = 100.0
BOUND = 30.0

# Nothing that is installed runs by itself, and nothing is asked but the packages.
NPM_CI = ("ci", "--ignore-scripts", "--no-audit", "--no-fund", "--omit=optional")


async def installed() -> str:
    """Return the path of node, with discord.js installed as locked; skips the test where that cannot be."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("no node and npm on this machine: discord.js is not tried")
    stamp, lock = FOLDER / "node_modules" / ".installed", (FOLDER / "package-lock.json").read_text()
    if stamp.exists() and stamp.read_text() == lock:
        return node
    process = await asyncio.create_subprocess_exec(
        npm, *NPM_CI, cwd=FOLDER, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
    )
    try:
        async with asyncio.timeout(INSTALL_BOUND):
            _, said = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        pytest.skip("npm did not install discord.js in time")
    if process.returncode != 0:
        pytest.skip(f"npm could not install discord.js: {said.decode(errors='replace')[-300:]}")
    stamp.write_text(lock)
    return node


class Peer:
    """The bot's own story, line by line."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        self._lines = process.stdout

    async def tells(self, event: str) -> dict[str, Any]:
        """Return the next line of that kind; an error line fails."""
        async with asyncio.timeout(BOUND):
            while line := await self._lines.readline():
                told: dict[str, Any] = json.loads(line)
                assert told["event"] != "error", told
                if told["event"] == event:
                    return told
        raise AssertionError(f"the bot ended without {event!r}")


@asynccontextmanager
async def running(node: str, server: Loopback) -> AsyncIterator[Peer]:
    """The bot as a process, which has ended at the end."""
    process = await asyncio.create_subprocess_exec(
        node,
        str(FOLDER / "bot.mjs"),
        server.endpoint,
        "T",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield Peer(process)
        assert process.stdin is not None
        process.stdin.close()
        async with asyncio.timeout(BOUND):
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_discordjs_logs_in_answers_a_command_edits_and_resumes_after_a_drop() -> None:
    """All that it asks, and all that it is told, is as Discord describes it."""
    node = await installed()
    async with Loopback(strict=strictly()) as server:
        guild = server.add_guild("Lab")
        channel = server.add_channel(guild, "general")
        ann = server.add_person("ann", guilds=(guild,))
        bot = server.add_bot("peer", token="T", guilds=(guild,))
        async with running(node, server) as peer:
            assert await peer.tells("ready") == {"event": "ready", "user": str(bot.id), "guilds": 1}
            outcome = await ann.slash(channel, "ping", text="hello")
            assert outcome.acknowledged
            assert (await outcome.settled("pong hello")).author_id == bot.id
            said = await ann.say(channel, "edit")
            edited = await ann.sees(channel, "two", by=bot)
            assert [content for _, content in edited.history] == ["one", "two"]
            await ann.sees(await server.until(lambda: said.thread_id), "in the thread", by=bot)
            await server.until(lambda: said.reactions == {"👀": [bot.id]})
            server.drop_gateway(bot)
            await ann.say(channel, "while you were away")
            assert (await peer.tells("heard"))["content"] == "edit"
            assert (await peer.tells("heard"))["content"] == "while you were away"
            await peer.tells("resumed")
            assert bot.identifies == 1
