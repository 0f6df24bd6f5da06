"""A bot on discord.js, in a process of its own, for the tests that need a library of another language."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.npm_packages import install_locked

FOLDER = Path(__file__).parent / "discordjs"
BOUND = 30.0


async def installed() -> str:
    """Install the locked discord.js, and return the path of node. Skips the test if that is impossible."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("no node on this machine: discord.js is not tried")
    await install_locked(FOLDER, "discord.js")
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
async def running(node: str, endpoint: str, env: Mapping[str, str] | None = None) -> AsyncIterator[Peer]:
    """Run the bot as a process, against the Discord at `endpoint`."""
    process = await asyncio.create_subprocess_exec(
        node,
        str(FOLDER / "bot.mjs"),
        endpoint,
        "T",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env=env,
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
