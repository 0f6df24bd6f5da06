"""A second library, not in Python: discord.js as a process."""

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

# Without install scripts, and without requests other than for the packages.
NPM_CI = ("ci", "--ignore-scripts", "--no-audit", "--no-fund", "--omit=optional")


async def installed() -> str:
    """Install the locked discord.js, and return the path of node. Skips the test if that is impossible."""
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
    """The bot's reports, one a line."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        self._lines = process.stdout

    async def tells(self, event: str) -> dict[str, Any]:
        """Return the next report of that kind. An error report fails."""
        async with asyncio.timeout(BOUND):
            while line := await self._lines.readline():
                told: dict[str, Any] = json.loads(line)
                assert told["event"] != "error", told
                if told["event"] == event:
                    return told
        raise AssertionError(f"the bot ended without {event!r}")


@asynccontextmanager
async def running(node: str, server: Loopback) -> AsyncIterator[Peer]:
    """Run the bot as a process."""
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
    """The strict server inspects all requests, answers and events."""
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
