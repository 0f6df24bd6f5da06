"""A Slurm of two nodes as a place: the contract of places, jobs, its queue, and a controller that is away."""

import asyncio
import sys
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

import acp.places.far_place
from acp import Launch, PlaceUnreachable, QueuedTooLong
from acp.places.engine import ENGINES
from acp.places.far_place import FarPlace
from tests.acp.child_processes import PATIENCE, RUN, launch, listen
from tests.acp.places.contract import PlaceContract, far
from tests.cluster.slurm import Slurm

pytestmark = pytest.mark.real_time

READER = "sys.stdin.read()"
"""Code of an agent that ends with its input."""

FILLS_A_NODE = 600 << 20


def place(slurm: Slurm, *, start_seconds: float = PATIENCE) -> FarPlace:
    """Return the cluster as a place."""
    engine = replace(ENGINES["slurm"], runner=(sys.executable,), start_seconds=start_seconds)
    return far("batch", engine, env=slurm.environ)


class TestSlurm(PlaceContract):
    """The contract."""

    @pytest.fixture
    def place(self, slurm: Slurm) -> FarPlace:
        """Return the cluster."""
        return place(slurm)


def large(folder: Path, code: str = READER) -> Launch:
    """Return an agent of which a node takes one."""
    return replace(launch(code, folder), memory=FILLS_A_NODE)


def names(slurm: Slurm) -> set[str]:
    """Return the names of this place's jobs."""
    return {name for name in slurm.jobs() if name.startswith(f"threadline-{RUN}-batch-")}


async def test_an_agent_is_a_job_with_its_memory_and_its_end_ends_the_job(slurm: Slurm, tmp_path: Path) -> None:
    """Its variables and its input never are in what Slurm records."""
    given = large(tmp_path, "say('node', [os.environ['SLURM_JOB_NAME'], os.environ['KEY']]); sys.stdin.read()")
    given = replace(given, env={**given.env, "KEY": "s3cr3t"})
    agent = await place(slurm).start(given, f"{RUN}/1")
    try:
        assert names(slurm) == {f"threadline-{RUN}-batch-1"}
        recorded = slurm.ask("scontrol", "show", "job")
        assert "mem=600M" in recorded
        assert "s3cr3t" not in recorded
    finally:
        await agent.stop()
    slurm.daemon("slurmctld").until(lambda: not names(slurm))


async def test_a_full_cluster_tells_why_an_agent_waits_and_starts_it_when_another_ends(
    slurm: Slurm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In Slurm's words. Short commands do not wait: they are no jobs."""
    monkeypatch.setattr(acp.places.far_place, "POLL_SECONDS", 0.1)
    far, told = place(slurm), asyncio.Event()
    reasons: list[str] = []

    def on_waiting(reason: str) -> None:
        reasons.append(reason)
        if "Resources" in reason:
            told.set()

    running = [await far.start(large(tmp_path), f"{RUN}/{number}") for number in (1, 2)]
    waiting = asyncio.create_task(far.start(large(tmp_path, "say('here'); sys.stdin.read()"), f"{RUN}/3", on_waiting))
    async with asyncio.timeout(PATIENCE):
        await told.wait()
    assert reasons[-1] == "PENDING: Resources"
    assert (await far.run(["echo", "beside"], cwd=tmp_path)).output == b"beside\n"
    await running[0].stop()
    third = await waiting
    await listen(third).said("here")
    await third.stop()
    await running[1].stop()


async def test_a_start_that_is_given_up_leaves_no_job_in_the_queue(
    slurm: Slurm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether its time is over, or a person no longer wants it."""
    monkeypatch.setattr(acp.places.far_place, "POLL_SECONDS", 0.1)
    far = place(slurm)
    running = [await far.start(large(tmp_path), f"{RUN}/{number}") for number in (1, 2)]
    with pytest.raises(QueuedTooLong, match=r"still queued at batch after 3 s: PENDING"):
        await place(slurm, start_seconds=3).start(large(tmp_path), f"{RUN}/3")
    assert names(slurm) == {f"threadline-{RUN}-batch-{number}" for number in (1, 2)}
    told = asyncio.Event()
    unwanted = asyncio.create_task(far.start(large(tmp_path), f"{RUN}/4", lambda _reason: told.set()))
    async with asyncio.timeout(PATIENCE):
        await told.wait()
    unwanted.cancel()
    await asyncio.wait((unwanted,))
    assert names(slurm) == {f"threadline-{RUN}-batch-{number}" for number in (1, 2)}
    for agent in running:
        await agent.stop()


async def test_a_start_whose_client_dies_in_the_queue_leaves_no_job(
    slurm: Slurm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Slurm would start it when there is room."""
    monkeypatch.setattr(acp.places.far_place, "POLL_SECONDS", 0.1)
    far, told = place(slurm), asyncio.Event()
    running = [await far.start(large(tmp_path), f"{RUN}/{number}") for number in (1, 2)]
    starting = asyncio.create_task(far.start(large(tmp_path), f"{RUN}/3", lambda _reason: told.set()))
    async with asyncio.timeout(PATIENCE):
        await told.wait()
    name = f"threadline-{RUN}-batch-3"
    [client] = [each for each in psutil.Process().children() if f"--job-name={name}" in each.cmdline()]
    for process in (client, *client.children(recursive=True)):
        process.kill()
    with pytest.raises(PlaceUnreachable):
        await starting
    await asyncio.to_thread(slurm.daemon("slurmctld").until, lambda: name not in names(slurm))
    for agent in running:
        await agent.stop()


async def test_a_controller_that_is_away_is_no_confirmation(slurm: Slurm) -> None:
    """Its jobs may still run."""
    far = place(slurm)
    slurm.daemon("slurmctld").kill()
    try:
        with pytest.raises(PlaceUnreachable, match=r"(?i)slurm"):
            await far.reap(f"{RUN}/")
    finally:
        slurm.start_controller()
