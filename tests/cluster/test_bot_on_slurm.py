"""The whole bot with its agents on a Slurm of two nodes."""

import asyncio
import sys
from pathlib import Path

import pytest

from tests.cluster import far_lab
from tests.cluster.far_lab import Site, busy, far_bot
from tests.cluster.slurm import Slurm

pytestmark = pytest.mark.real_time


@pytest.fixture(name="site")
def _site(slurm: Slurm) -> Site:
    """Return the cluster as the only place."""
    return Site({"batch": {"engine": "slurm", "runner": [sys.executable]}}, environ=slurm.environ)


async def test_a_turn_is_answered_cancelled_and_survives_a_crash(tmp_path: Path, site: Site) -> None:
    """The agent's session outlives its job."""
    await far_lab.a_turn_is_answered_cancelled_and_survives_a_crash(tmp_path, site)


async def test_a_restart_resumes_at_the_cluster(tmp_path: Path, site: Site, slurm: Slurm) -> None:
    """No job outlives the run that has started it."""
    await far_lab.a_restart_resumes_at_the_same_place(tmp_path, site)
    assert slurm.jobs() == {}


async def test_an_agent_that_exceeds_its_memory_is_killed_by_the_cluster(tmp_path: Path, site: Site) -> None:
    """The memory that an agent reserves is its limit."""
    await far_lab.an_agent_that_exceeds_its_memory_is_killed(tmp_path, site)


async def test_a_thread_shows_why_its_start_is_queued(tmp_path: Path, site: Site) -> None:
    """It shows Slurm's own reason, and goes on when a node is free."""
    await far_lab.a_start_that_the_engine_queues_is_told_and_runs_when_another_has_ended(tmp_path, site, "Resources")


async def test_a_node_that_dies_in_a_turn_is_told_and_the_thread_goes_on_at_another(
    tmp_path: Path, site: Site, slurm: Slurm
) -> None:
    """The nodes share their files, so the session is loaded there."""
    async with far_bot(tmp_path, site) as lab:
        thread, _ = await busy(lab, "begun")
        (node,) = [node for node in slurm.nodes if slurm.on_node(node)]
        await asyncio.to_thread(slurm.die, node)
        await lab.ann.sees(thread, "The connection to batch was lost", by=lab.bot)
        await far_lab.a_lost_link_is_told_and_the_session_goes_on(lab, thread, "batch")
    await asyncio.to_thread(slurm.start_node, node)


async def test_a_killed_bot_leaves_no_process_of_an_agent_and_no_job(tmp_path: Path, site: Site, slurm: Slurm) -> None:
    """The agent ends by itself, and the next run ends the job and takes the thread on."""
    await far_lab.a_killed_bot_leaves_nothing(tmp_path, site)
    await asyncio.to_thread(slurm.drain)
