"""An agent that does not want to end: it ignores signals and the end of its input, and so does its child elsewhere."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from acp.places.far_place import FarPlace
from tests.acp.child_processes import RUN, Child, launch, listen

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
