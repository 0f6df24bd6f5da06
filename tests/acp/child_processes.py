"""Small real processes for tests, and the messages that they send."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

from acp import AcpError, Launch, environment
from acp.agent_transport import AgentTransport
from acp.connection import Connection
from acp.jsonrpc import Notification, Request
from acp.process.agent_process import AgentProcess

PATIENCE = 30.0
"""Seconds after which a wait for a real process is taken for a hang."""

RUN = uuid4().hex
"""Begins every marker of this run of the tests: two runs side by side must not end each other's processes."""

PRELUDE = """
import json, os, signal, subprocess, sys, time
def say(method, params=None):
    print(json.dumps({"method": method, "params": params}), flush=True)
def hang():
    time.sleep(600)
"""

SLEEPER = "import time; time.sleep(600)"
"""Code of a process that outlives every test, unless somebody ends it."""


class Child:
    """A running process, its connection, and its messages."""

    def __init__(self, process: AgentProcess) -> None:
        self.process = process
        self.heard: list[str] = []
        self._said: asyncio.Queue[Notification] = asyncio.Queue()
        self._over = asyncio.Event()
        self.connection = Connection(
            process,
            on_request=self._refuse,
            on_notification=self._hear,
            on_text=self._hear_text,
            on_unread=lambda *_: None,
        )
        self.connection.on_closed = self._over.set

    def attach(self) -> None:
        """Begin to listen."""
        self.process.attach(self.connection)

    async def said(self, method: str) -> Any:
        """Wait for a notification of `method`; return its params."""
        async with asyncio.timeout(PATIENCE):
            while (notification := await self._said.get()).method != method:
                pass
        return notification.params

    async def over(self) -> AcpError:
        """Wait until the connection is gone; return the reason."""
        async with asyncio.timeout(PATIENCE):
            await self._over.wait()
        assert self.connection.error is not None
        return self.connection.error

    def _hear(self, notification: Notification) -> None:
        self.heard.append(notification.method)
        self._said.put_nowait(notification)

    def _hear_text(self, session_id: str, kind: str, text: str) -> None:
        update = {"sessionUpdate": kind, "content": {"type": "text", "text": text}}
        self._hear(Notification("session/update", {"sessionId": session_id, "update": update}))

    @staticmethod
    def _refuse(_: Request) -> bool:
        return False


def launch(code: str, cwd: Path, env: Mapping[str, str] | None = None) -> Launch:
    """Return the launch of a Python process that runs `code`, after a prelude with imports, `say` and `hang`."""
    env = environment(os.environ, inherit=(), env={}) if env is None else env
    return Launch(sys.executable, ("-c", PRELUDE + code), cwd, env)


@asynccontextmanager
async def running(code: str, cwd: Path, marker: str = f"{RUN}/1", *, attach: bool = True) -> AsyncIterator[Child]:
    """Run `code`; stop the process and its children at the end."""
    child = Child(await AgentProcess.spawn(launch(code, cwd), marker))
    if attach:
        child.attach()
    try:
        yield child
    finally:
        await child.process.stop()


def listen(transport: AgentTransport) -> Child:
    """Take what the agent behind a place's transport says."""
    child = Child(cast("AgentProcess", transport))
    child.attach()
    return child


async def gone(pid: int) -> None:
    """Wait until the process is dead."""
    try:
        pidfd = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    loop, dead = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(pidfd, dead.set)
    try:
        async with asyncio.timeout(PATIENCE):
            await dead.wait()
    finally:
        loop.remove_reader(pidfd)
        os.close(pidfd)
