"""An agent that does not want to end: it ignores signals and the end of its input, and so does its child elsewhere."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import psutil

from acp import AgentClosed, CloseReason
from acp.places.far_place import FarPlace
from tests.acp.child_processes import RUN, Child, gone, launch, listen
from tests.cluster.daemon import runs, with_ids

DEAF = """
for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
    signal.signal(number, signal.SIG_IGN)
child = os.fork()
if child == 0:
    os.setsid()
    os.closerange(0, 3)
    hang()
say("pids", [os.getpid(), child])
hang()
"""
"""Its child is in a session of its own, and holds none of its streams."""

MEMORY = 200 << 20


@asynccontextmanager
async def deaf_agent(
    place: FarPlace, cwd: Path, *, python: str = sys.executable, number: int = 1
) -> AsyncIterator[tuple[Child, list[int]]]:
    """Start it at a place. Yield it, and the ids of its two processes there."""
    asked = replace(launch(DEAF, cwd), command=python, memory=MEMORY)
    child = listen(await place.start(asked, f"{RUN}/{number}"))
    try:
        yield child, await child.said("pids")
    finally:
        await child.process.stop()


Kill = Callable[[Child], None]


async def ends_with_its_child(
    place: FarPlace,
    cwd: Path,
    kill: Kill,
    repair: Callable[[], None],
    *,
    python: str = sys.executable,
    found: Callable[[Sequence[int]], Sequence[psutil.Process]] = with_ids,
) -> None:
    """See that both of its processes end after a killing, and that the near side counts the link as lost.

    Once `stop` has confirmed the end, only what was frozen is left, until `repair` lets it run. `found` turns the
    process ids that the agent has told into processes of this machine.
    """
    async with deaf_agent(place, cwd, python=python) as (child, pids):
        processes = found(pids)
        assert len(processes) == 2
        await asyncio.to_thread(kill, child)
        error = await child.over()
        assert isinstance(error, AgentClosed)
        assert (error.reason, error.place) == (CloseReason.LINK_LOST, place.name)
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
