"""Agents at the end of a route, for the tests of the near half."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

from acp.places import far_commands, runner
from acp.places.engine import Job
from acp.places.far_commands import Route, far_marker
from acp.places.far_process import FarProcess
from acp.places.reaps import Reaps
from tests.acp.child_processes import PATIENCE, RUN, Child, launch
from tests.acp.places.routes import environment


class FarChild(Child):
    """An agent at the end of a route, its connection, and its messages."""

    process: Any

    def __init__(self, process: FarProcess, route: Route, marker: str) -> None:
        super().__init__(cast("Any", process))
        self.marker = far_marker(route.place, marker)

    def alive(self) -> list[int]:
        """Return the processes of the agent that run; the far side is on this machine in tests."""
        return runner.marked(self.marker, None)


def new_marker() -> str:
    """Return the marker of a journal of its own."""
    return f"{RUN}-{uuid4().hex}/1"


async def start(
    route: Route,
    code: str,
    cwd: Path,
    marker: str,
    *,
    env: Mapping[str, str] | None = None,
    made: tuple[Path, ...] = (),
    **options: Any,
) -> FarProcess:
    """Start an agent that runs `code` after the prelude of child processes, once the directories `made` are there."""
    reaps = Reaps(route.place, lambda jobs: far_commands.reap(route, [job.marker for job in jobs]))
    reap = partial(reaps.end, Job(route.place, marker))
    fixed = {"reap": reap, "inherit": ["PATH", "TMPDIR"], "alive": PATIENCE}
    agent = replace(launch(code, cwd, env or environment()), made=made)
    return await FarProcess.start(route, agent, marker, **{**fixed, **options})


@asynccontextmanager
async def running(
    route: Route, code: str, cwd: Path, *, attach: bool = True, **options: Any
) -> AsyncIterator[FarChild]:
    """Start an agent; at the end stop it, and see that none of its processes is left."""
    marker = new_marker()
    child = FarChild(await start(route, code, cwd, marker, **options), route, marker)
    try:
        if attach:
            child.attach()
        yield child
    finally:
        try:
            await child.process.stop()
            left = child.alive()
        finally:
            runner.end_marked(child.marker, None, gently=False, wait=lambda _: None)
    assert left == []
