"""What can be killed on the way to a deaf agent that has a child in a session of its own, and what must follow."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import uuid4

import psutil

from acp import AgentClosed, CloseReason
from acp.places import runner
from acp.places.engine import Engine
from acp.places.far_commands import far_marker
from acp.places.far_place import FarPlace
from tests.acp.child_processes import PATIENCE, RUN, Child, gone, launch, listen
from tests.acp.places.routes import environment, hurried
from tests.acp.places.wire import DEAF

KEEP_ALIVE: Final = 2.0

CODE: Final = DEAF + "say('ready', os.getppid()); hang()"

RUNNER: Final = (*hurried(), "runner")
"""A runner whose steps are short: the agent ignores them anyway. It is a program of its own to the engine."""


@dataclass
class Running:
    """A deaf agent: the processes of the way to it, and its own."""

    client: int
    runner: int
    marker: str
    bot: int = 0
    """The process that has started it, if that is not the test."""

    @property
    def left(self) -> list[int]:
        """The agent's processes that run."""
        return runner.marked(self.marker, None)


Killing = Callable[[Running], None]


def _send(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(os.getpgid(pid), number)


def client_killed(running: Running) -> None:
    """Its end is the end of the link."""
    _send(running.client, signal.SIGKILL)


def client_terminated(running: Running) -> None:
    """It may say goodbye."""
    _send(running.client, signal.SIGTERM)


def client_stopped(running: Running) -> None:
    """The link stays, half open."""
    _send(running.client, signal.SIGSTOP)


def runner_killed(running: Running) -> None:
    """Nobody there ends the agent."""
    os.kill(running.runner, signal.SIGKILL)


def runner_stopped(running: Running) -> None:
    """The link stays, and nobody there ends the agent."""
    os.kill(running.runner, signal.SIGSTOP)


def runner_terminated(running: Running) -> None:
    """A scheduler or a host wants it to end."""
    os.kill(running.runner, signal.SIGTERM)


def bot_killed(running: Running) -> None:
    """The client hears of it by the end of its stdin."""
    os.kill(running.bot, signal.SIGKILL)


def bot_stopped(running: Running) -> None:
    """The link stays, and nobody gives signs of life."""
    os.kill(running.bot, signal.SIGSTOP)


def bot_and_client_killed(running: Running) -> None:
    """As by a machine that loses its power, but for the last words of its network."""
    os.kill(running.bot, signal.SIGSTOP)
    _send(running.client, signal.SIGKILL)
    os.kill(running.bot, signal.SIGKILL)


def bot_and_client_stopped(running: Running) -> None:
    """As by a machine that is cut off: every connection stays open, and silent."""
    os.kill(running.bot, signal.SIGSTOP)
    _send(running.client, signal.SIGSTOP)


NEAR_SIDE_LIVES: Final[list[Killing]] = [
    *(client_killed, client_terminated, client_stopped, runner_killed, runner_stopped, runner_terminated)
]
BOT_HIT: Final[list[Killing]] = [bot_killed, bot_stopped, bot_and_client_killed, bot_and_client_stopped]


def name(killing: Killing) -> str:
    """Return what a test's name says of it."""
    return killing.__name__.replace("_", " ")


@asynccontextmanager
async def deaf_agent(place: FarPlace, cwd: Path) -> AsyncIterator[tuple[Child, Running]]:
    """Start it from here."""
    marker = f"{RUN}-{uuid4().hex}/1"
    transport = await place.start(launch(CODE, cwd), marker)
    child = listen(transport)
    running = Running(transport.pid, await child.said("ready"), far_marker(place.name, marker))
    try:
        yield child, running
    finally:
        clean_up(running)
        await transport.stop()


def clean_up(running: Running) -> None:
    """Let what a killing stopped go on, and end all."""
    for pid in (running.runner, running.bot, running.client):
        if pid and psutil.pid_exists(pid):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
                os.killpg(os.getpgid(pid), signal.SIGCONT)
    runner.end_marked(running.marker, None, gently=False, wait=lambda _: None)


async def require_that_the_near_side_knows_and_nothing_is_left(child: Child, running: Running) -> None:
    """The link is lost, at this place; once the stop is over, all that the agent started is."""
    error = await child.over()
    assert isinstance(error, AgentClosed)
    assert error.reason is CloseReason.LINK_LOST
    await child.process.stop()
    assert running.left == []


async def require_that_nothing_is_left(running: Running) -> None:
    """The far side ends the agent by itself, and then itself."""
    for pid in (*running.left, running.runner):
        await gone(pid)
    assert running.left == []


def place(engine: Engine, name: str = "worker1") -> FarPlace:
    """Return a place with a short keep-alive."""
    return FarPlace(name, engine, RUN, run="", env=environment(), keep_alive=KEEP_ALIVE)


@asynccontextmanager
async def bot(engine: Engine, cwd: Path) -> AsyncIterator[Running]:
    """Start it from a process of its own."""
    journal = f"{RUN}-{uuid4().hex}"
    told = json.dumps([engine.enter, engine.host, engine.host_options, str(cwd), journal])
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.acp.places.killings", told),
        stdout=asyncio.subprocess.PIPE,
        env=environment(),
        start_new_session=True,
    )
    assert process.stdout is not None
    async with asyncio.timeout(PATIENCE):
        client, runner_pid = json.loads(await process.stdout.readline())
    running = Running(client, runner_pid, far_marker("worker1", f"{journal}/1"), process.pid)
    try:
        assert len(running.left) == 2
        yield running
    finally:
        clean_up(running)
        with suppress(ProcessLookupError):
            process.kill()
        await process.communicate()


async def _be_a_bot(enter: list[str], host: str, host_options: list[str], cwd: str, journal: str) -> None:
    far = place(Engine(enter=tuple(enter), host=host, host_options=tuple(host_options), runner=RUNNER))
    transport = await far.start(launch(CODE, Path(cwd)), f"{journal}/1")
    ready = await listen(transport).said("ready")
    print(json.dumps([transport.pid, ready]), flush=True)  # noqa: T201 - what the test waits for
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_be_a_bot(*json.loads(sys.argv[1])))
