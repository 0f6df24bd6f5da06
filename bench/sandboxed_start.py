"""Compares starts of an agent inside a sandbox with plain ones, in turns: the time, and the memory of its processes."""

import shutil
import tempfile
import time
from pathlib import Path
from typing import Final
from uuid import uuid4

import psutil

from acp import Agent, Launch
from acp.process.sandbox import ENGINE, Sandbox
from bench.agent_command import AGENT, ROOT, agent_environment
from bench.procfs import pss
from bench.run import Failed, Measurement, Run
from bench.statistics import Against, Figure, percentile

MS_LIMIT: Final = 20.0
"""Most that a sandbox may add to a start."""

MIB_LIMIT: Final = 5.0
"""Most that a sandbox may add to the memory of an agent."""

_MIB: Final = 1024 * 1024


async def _measure(run: Run) -> list[Figure]:
    if shutil.which(ENGINE) is None:
        raise Failed("bubblewrap is not installed")
    pairs = run.choose(30, 5)
    sandbox = Sandbox(network="none", readable=(ROOT,))
    starts: dict[bool, list[float]] = {False: [], True: []}
    sizes: dict[bool, list[float]] = {False: [], True: []}
    with tempfile.TemporaryDirectory(prefix="threadline-bench-") as folder:
        _make_repository(Path(folder))
        for number in range(2 * pairs):
            run.progress.step("starts", number, 2 * pairs)
            # The first of a pair changes, so that neither profits from the other's warm caches.
            boxed = number % 4 in (1, 2)
            seconds, taken = await _start(Path(folder), sandbox if boxed else None)
            starts[boxed].append(seconds * 1e3)
            sizes[boxed].append(taken / _MIB)
    how = f"median of {pairs} alternating pairs; scripted agent"
    plain, inside = (percentile(starts[each], 50) for each in (False, True))
    plain_size, size = (percentile(sizes[each], 50) for each in (False, True))
    return [
        Figure("a start in bwrap", inside, "ms", f"start -> initialized; {how}", Against("a plain start", plain)),
        Figure("added to a start", inside - plain, "ms", "the difference", Against("the limit", MS_LIMIT)),
        Figure("memory in bwrap", size, "MiB", f"PSS of all its processes; {how}", Against("plain", plain_size)),
        Figure("added memory", size - plain_size, "MiB", "the difference", Against("the limit", MIB_LIMIT)),
    ]


MEASUREMENT: Final = Measurement("sandbox", "Agents in a sandbox", _measure)


def _make_repository(folder: Path) -> None:
    """Make what a project usually has: a repository, whose hooks and configuration are protected in a sandbox."""
    for name in ("hooks", "objects"):
        (folder / ".git" / name).mkdir(parents=True)
    for name in ("HEAD", "config"):
        (folder / ".git" / name).touch()


async def _start(folder: Path, sandbox: Sandbox | None) -> tuple[float, int]:
    """Start an agent and stop it; return the seconds until it was initialized, and the bytes of its processes."""
    launch = Launch(AGENT[0], AGENT[1:], folder, agent_environment(), sandbox=sandbox)
    began = time.monotonic()
    agent = await Agent.spawn(launch, marker=f"{uuid4().hex}/1")
    try:
        seconds = time.monotonic() - began
        first = psutil.Process(agent.pid)
        return seconds, sum(pss(each.pid) for each in (first, *first.children(recursive=True)))
    finally:
        await agent.stop()
