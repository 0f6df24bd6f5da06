"""A runner as a process of the test's own, whose wire the test speaks by itself."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

from acp.places import runner
from acp.places.messages import MessageFinder
from tests.acp.child_processes import PATIENCE, PRELUDE, RUN
from tests.acp.places.routes import environment, source

DEAF = """
for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
    signal.signal(number, signal.SIG_IGN)
if os.fork() == 0:
    os.setsid()
    os.closerange(0, 3)
    hang()
"""
"""Code of an agent that ignores signals and the end of its input; so does its child, in a session of its own."""


class Wire:
    """The near end of a runner's streams."""

    def __init__(self, process: asyncio.subprocess.Process, nonce: str) -> None:
        self.process = process
        self.nonce = nonce
        self.text = b""
        self.messages: list[Mapping[str, Any]] = []
        self._finder = MessageFinder(nonce)

    def send(self, data: bytes) -> None:
        """Write to the runner's stdin."""
        assert self.process.stdin is not None
        self.process.stdin.write(data)

    async def message(self) -> Mapping[str, Any]:
        """Wait for the next message that is no sign of life. Fails at the end of the stream."""
        while not any(self.messages):
            assert await self.read(), "the stream ended"
        self.messages = [each for each in self.messages if each]
        return self.messages.pop(0)

    async def sign_of_life(self) -> None:
        """Wait for an empty message."""
        while {} not in self.messages:
            assert await self.read(), "the stream ended"
        self.messages.remove({})

    async def says(self, text: bytes) -> None:
        """Wait until the agent's bytes contain `text`."""
        while text not in self.text:
            assert await self.read(), "the stream ended"

    async def read(self) -> bytes:
        """Read once."""
        assert self.process.stdout is not None
        async with asyncio.timeout(PATIENCE):
            data = await self.process.stdout.read(65536)
        for each in self._finder.feed(data):
            if isinstance(each, bytes):
                self.text += each
            else:
                self.messages.append(each)
        return data

    async def end(self) -> int:
        """Read to the end; return the exit status."""
        while await self.read():
            pass
        async with asyncio.timeout(PATIENCE):
            return await self.process.wait()

    def close(self) -> None:
        """Close the runner's stdin."""
        assert self.process.stdin is not None
        self.process.stdin.close()


@asynccontextmanager
async def runner_process(*command: str) -> AsyncIterator[Wire]:
    """Start a runner, and kill it at the end."""
    process = await asyncio.create_subprocess_exec(
        *(command or source()), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, env=environment()
    )
    wire = Wire(process, uuid4().hex)
    try:
        yield wire
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.communicate()


@asynccontextmanager
async def agent(
    code: str, cwd: Path, *command: str, alive: float = PATIENCE, env: Mapping[str, str] | None = None, marker: str = ""
) -> AsyncIterator[Wire]:
    """Start a runner with an agent that runs `code`, and wait until it says hello."""
    marker = marker or f"{RUN}@{uuid4().hex}/1"
    try:
        async with runner_process(*command) as wire:
            wire.send(header(wire, code, cwd, alive=alive, env=env or {}, marker=marker))
            assert "hello" in await wire.message()
            yield wire
    finally:
        runner.end_marked(marker, None, gently=False, wait=lambda _: None)


def header(wire: Wire, code: str, directory: Path, **fields: Any) -> bytes:
    """Build the header that starts an agent which runs `code`, after the prelude of child processes."""
    fixed = {"version": runner.VERSION, "do": "start", "nonce": wire.nonce, "cwd": str(directory)}
    argv = [sys.executable, "-c", PRELUDE + code]
    inherit = ["PATH", "TMPDIR"]
    return json.dumps({**fixed, "argv": argv, "inherit": inherit, **fields}).encode() + b"\n"


def marked(marker: str) -> set[int]:
    """Return the live processes with this marker in their environment."""
    return {*runner.marked(marker, None)} - {os.getpid()}
