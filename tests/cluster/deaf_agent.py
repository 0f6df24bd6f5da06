"""The killings on the way to a deaf agent at a cluster: its child is in a session of its own, as `wire.DEAF` has it."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import psutil

from acp import AgentClosed, CloseReason
from acp.places import runner
from acp.places.far_commands import far_marker
from acp.places.far_place import FarPlace
from tests.acp.child_processes import RUN, Child, gone, launch, listen
from tests.acp.places.wire import DEAF
from tests.cluster.daemon import runs, with_ids

MEMORY = 200 << 20


@asynccontextmanager
async def deaf_agent(
    place: FarPlace, cwd: Path, *, python: str = sys.executable
) -> AsyncIterator[tuple[Child, list[psutil.Process]]]:
    """Start it at a place. Yield it, and its two processes: those of containers are in this machine's table too."""
    asked = replace(launch(DEAF + "say('ready'); hang()", cwd), command=python, memory=MEMORY)
    child = listen(await place.start(asked, f"{RUN}/1"))
    try:
        await child.said("ready")
        processes = with_ids(runner.marked(far_marker(place.name, f"{RUN}/1"), None))
        assert len(processes) == 2
        yield child, processes
    finally:
        await child.process.stop()


Kill = Callable[[Child], None]


async def ends_with_its_child(
    place: FarPlace, cwd: Path, kill: Kill, repair: Callable[[], None], *, python: str = sys.executable
) -> None:
    """See that both of its processes end after a killing, and that the near side counts the link as lost.

    Once `stop` has confirmed the end, only what was frozen is left, until `repair` lets it run.
    """
    async with deaf_agent(place, cwd, python=python) as (child, processes):
        await asyncio.to_thread(kill, child)
        error = await child.over()
        assert isinstance(error, AgentClosed)
        assert (error.reason, error.place) == (CloseReason.LINK_LOST, place.name), error
        await child.process.stop()
        frozen = [process for process in processes if runs(process) and process.status() == psutil.STATUS_STOPPED]
        assert [process for process in processes if runs(process) and process not in frozen] == []
        await asyncio.to_thread(repair)
        for process in frozen:
            await gone(process.pid)


def client_killed(child: Child) -> None:
    """Kill the engine's client."""
    psutil.Process(child.process.pid).kill()


def client_and_its_helpers_killed(child: Child) -> None:
    """Kill the engine's client with the processes of its own, which would tell the engine."""
    client = psutil.Process(child.process.pid)
    for process in (client, *client.children(recursive=True)):
        process.kill()


def client_stopped(child: Child) -> None:
    """Stop the engine's client: its streams stay open, and silent."""
    psutil.Process(child.process.pid).suspend()
