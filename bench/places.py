"""Measures the ways to agents on other machines: latency and CPU by SSH, Slurm and Kubernetes, against a local pipe.

All ends are on this machine, on servers that the measurement starts. An engine that is not installed is left out.
"""

import asyncio
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import psutil

from acp import Agent, Launch, RemoteError, environment
from acp.places.engine import ENGINES, Engine
from acp.places.far_place import FarPlace
from acp.places.here import Here
from acp.places.place import Place
from acp.schema import TextBlock
from acp.session import Session
from bench.agent_command import agent_environment
from bench.run import Measurement, Run
from bench.statistics import Against, Figure, percentile
from tests.cluster import slurm as slurm_servers
from tests.cluster.kubernetes import cluster as kubernetes_servers
from tests.cluster.kubernetes import image, programs
from tests.cluster.ssh_server import SSHD, ssh_server

JOURNAL: Final = "bench"
REQUEST_SECONDS: Final = 30.0
PAUSE_SECONDS: Final = 0.002
"""Between two requests, so that none finds the way still awake from the one before."""

RATE: Final = 200
"""Lines a second: the rate of a quick model, at which each line goes alone."""

MEMORY: Final = 200 << 20

SCRIPTED: Final = ("-m", "loopback.agent")


@dataclass(frozen=True, slots=True)
class _Way:
    """A way to an agent. `servers` are the processes of its engine, on both ends."""

    name: str
    place: Place
    command: str = sys.executable
    cwd: Path = Path("/tmp")  # noqa: S108 - the agent writes nothing there
    servers: Callable[[], Iterable[psutil.Process]] = tuple
    env: Mapping[str, str] = field(default_factory=agent_environment)


@dataclass(slots=True)
class _Measured:
    """What was measured on one way: milliseconds of each round trip, and CPU seconds for `lines`."""

    way: _Way
    agent: Agent
    session: Session
    trips: list[float] = field(default_factory=list)
    cpu: float = 0.0
    lines: int = 0


async def _measure(run: Run) -> list[Figure]:
    trips, lines = run.choose((1_000, 2_000), (50, 400))
    with tempfile.TemporaryDirectory(prefix="threadline-bench-") as folder, _ways(run, Path(folder)) as ways:
        async with AsyncExitStack() as stack:
            run.progress.step("starting", 0, 1)
            all_of_them = [await stack.enter_async_context(_started(way)) for way in ways]
            for number in range(trips):
                run.progress.step("round trips", number, trips)
                for each in all_of_them:  # In turn, so that all see the same machine.
                    await _ask(each)
            for each in all_of_them:
                async with run.progress.lasting(f"lines, {each.way.name}", 2 * lines / RATE):
                    await _stream(each, lines)
    local, *far = all_of_them
    return [figure for each in far for figure in _figures(each, local)]


MEASUREMENT: Final = Measurement("places", "The way to other machines", _measure)


@asynccontextmanager
async def _started(way: _Way) -> AsyncIterator[_Measured]:
    launch = Launch(way.command, SCRIPTED, way.cwd, way.env)
    agent = await Agent.spawn(replace(launch, memory=MEMORY), marker=f"{JOURNAL}/{way.name}", place=way.place)
    try:
        yield _Measured(way, agent, await agent.new_session(way.cwd))
    finally:
        await agent.stop()


async def _ask(measured: _Measured) -> None:
    await asyncio.sleep(PAUSE_SECONDS)
    began = time.perf_counter()
    with suppress(RemoteError):  # The agent knows no such method, and answers at once.
        await measured.agent.connection.request("_ping", {}, seconds=REQUEST_SECONDS)
    measured.trips.append((time.perf_counter() - began) * 1e3)


async def _stream(measured: _Measured, lines: int) -> None:
    began = _cpu(measured)
    await asyncio.sleep(lines / RATE)
    before = _cpu(measured)
    async with measured.session.prompt([TextBlock(text=f"stream {lines} {RATE}")]) as turn:
        async for _ in turn:
            pass
    idle = before - began  # Over the same time.
    measured.cpu, measured.lines = _cpu(measured) - before - idle, lines


def _cpu(measured: _Measured) -> float:
    """Return the CPU seconds of this process and of all on the way, the agent excluded."""
    client = psutil.Process(measured.agent.pid)
    seconds = time.process_time()
    for process in {client, *client.children(recursive=True), *measured.way.servers()}:
        with suppress(psutil.NoSuchProcess):
            if "loopback.agent" not in process.cmdline():
                times = process.cpu_times()
                seconds += times.user + times.system
    return seconds


def _figures(measured: _Measured, local: _Measured) -> list[Figure]:
    name = measured.way.name
    here, there = percentile(local.trips, 50), percentile(measured.trips, 50)
    costs = [each.cpu / each.lines * 1e6 for each in (measured, local)]
    how = f"a small request and its answer, {len(measured.trips)} times; local pipe subtracted"
    return [
        Figure(f"{name}, added latency: p50", there - here, "ms", how, Against("a local pipe's round trip", here)),
        Figure(
            f"{name}, CPU",
            costs[0],
            "ms per 1,000 lines",
            f"{measured.lines:,} lines, {RATE} a second: bot, client, engine and runner, idle subtracted",
            Against("a local pipe", costs[1]),
        ),
    ]


# ---- the ways


@contextmanager
def _ways(run: Run, folder: Path) -> Iterator[list[_Way]]:
    """Yield the local pipe, then each engine that is installed; its servers run for the block."""
    with ExitStack() as stack:
        ways = [_Way("a local pipe", Here())]
        if SSHD is None:
            run.progress.note("SSH is left out: no sshd here")
        else:
            ways.append(stack.enter_context(_by_ssh(folder)))
        if absent := slurm_servers.missing():
            run.progress.note(f"Slurm is left out: {absent}")
        else:
            ways.append(stack.enter_context(_by_slurm(folder)))
        if absent := kubernetes_servers.missing() or ("" if programs.built() else "`make cluster-test` builds it"):
            run.progress.note(f"Kubernetes is left out: {absent}")
        else:
            run.progress.step("starting Kubernetes", 0, 1)
            ways.append(stack.enter_context(_by_kubernetes()))
        yield ways


@contextmanager
def _by_ssh(folder: Path) -> Iterator[_Way]:
    with ssh_server("bench", folder / "ssh") as server:
        engine = replace(ENGINES["ssh"], host=server.name, host_options=server.options, runner=(sys.executable,))
        yield _Way("SSH", _far("ssh", engine), servers=server.daemon.below)


@contextmanager
def _by_slurm(folder: Path) -> Iterator[_Way]:
    with slurm_servers.slurm(folder / "slurm") as cluster:
        engine = replace(ENGINES["slurm"], runner=(sys.executable,))
        yield _Way("Slurm", _far("slurm", engine, cluster.environ), servers=cluster.processes)


@contextmanager
def _by_kubernetes() -> Iterator[_Way]:
    with kubernetes_servers.kubernetes() as cluster:
        engine = replace(ENGINES["kubernetes"], image=image.NAME, namespace="default")
        place = _far("kubernetes", engine, {"PATH": f"{cluster.bin}:{os.environ['PATH']}"})
        yield _Way("Kubernetes", place, "python3", Path("/"), cluster.all_processes, {})


def _far(name: str, engine: Engine, env: Mapping[str, str] | None = None) -> Place:
    client = {**environment(os.environ, inherit=(), env={}), **(env or {})}
    return FarPlace(name, engine, JOURNAL, run="", env=client)
