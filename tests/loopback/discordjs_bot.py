"""A bot on discord.js, in a process of its own, for the tests that need a library of another language."""

import asyncio
import fcntl
import json
import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

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
    with (FOLDER / "package-lock.json").open() as lock:  # test files run side by side
        await asyncio.to_thread(fcntl.flock, lock, fcntl.LOCK_EX)
        await _install(npm)
    return node


async def _install(npm: str) -> None:
    stamp, lock = FOLDER / "node_modules" / ".installed", (FOLDER / "package-lock.json").read_text()
    if stamp.exists() and stamp.read_text() == lock:
        return
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
