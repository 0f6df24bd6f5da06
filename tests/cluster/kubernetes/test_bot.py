"""The whole bot with its agents on a Kubernetes of two nodes."""

import asyncio
from pathlib import Path

import pytest

from loopback.state.entities import Thread
from tests.cluster import far_lab
from tests.cluster.daemon import with_ids
from tests.cluster.far_lab import Site, busy, far_bot
from tests.cluster.kubernetes import network
from tests.cluster.kubernetes.cluster import Cluster
from tests.cluster.kubernetes.site import site as site_of
from tests.e2e.bot_process import agent_pids
from tests.e2e.live_bot import BotLab

pytestmark = pytest.mark.real_time


@pytest.fixture(name="site")
def _site(cluster: Cluster, tmp_path: Path) -> Site:
    """Return the cluster as the only place."""
    return site_of(cluster, tmp_path)


async def test_a_turn_is_answered_cancelled_and_survives_a_crash(tmp_path: Path, site: Site) -> None:
    """The agent's session outlives its Pod."""
    await far_lab.a_turn_is_answered_cancelled_and_survives_a_crash(tmp_path, site)


async def test_a_restart_resumes_at_the_cluster(tmp_path: Path, site: Site, cluster: Cluster) -> None:
    """No Pod outlives the run that has started it."""
    await far_lab.a_restart_resumes_at_the_same_place(tmp_path, site)
    assert cluster.pods() == {}


async def test_an_agent_that_exceeds_its_memory_is_killed_by_the_cluster(tmp_path: Path, site: Site) -> None:
    """The memory that an agent reserves is its limit."""
    await far_lab.an_agent_that_exceeds_its_memory_is_killed(tmp_path, site)


async def test_a_thread_shows_why_its_pod_is_pending(tmp_path: Path, site: Site) -> None:
    """It shows the scheduler's own reason, and goes on when a node is free."""
    reason = "Insufficient memory"
    await far_lab.a_start_that_the_engine_queues_is_told_and_runs_when_another_has_ended(tmp_path, site, reason)


async def test_a_killed_bot_leaves_no_process_of_an_agent_and_no_pod(
    tmp_path: Path, site: Site, cluster: Cluster
) -> None:
    """The agent ends by itself, and the next run removes the Pod and takes the thread on."""
    await far_lab.a_killed_bot_leaves_nothing(tmp_path, site)
    await asyncio.to_thread(cluster.drain)


async def lost(lab: BotLab, thread: Thread) -> None:
    """See that the thread is told of the lost link."""
    await lab.ann.sees(thread, "The connection to cluster was lost", by=lab.bot)


async def test_the_api_server_dies_in_a_turn(tmp_path: Path, site: Site, cluster: Cluster) -> None:
    """Every stream ends with it. The thread is told, and goes on when the server is back."""
    async with far_bot(tmp_path, site) as lab:
        thread, _ = await busy(lab, "begun")
        await asyncio.to_thread(cluster.daemon("kube-apiserver").kill)
        await lost(lab, thread)
        await asyncio.to_thread(cluster.start_api_server)
        await far_lab.a_lost_link_is_told_and_the_session_goes_on(lab, thread, "cluster")
    await asyncio.to_thread(cluster.drain)


async def test_a_kubelet_dies_in_a_turn(tmp_path: Path, site: Site, cluster: Cluster) -> None:
    """The client never notices. The thread is told, and goes on when the node is back."""
    async with far_bot(tmp_path, site) as lab:
        thread, _ = await busy(lab, "begun")
        node = cluster.node_of_the_pod()
        await asyncio.to_thread(cluster.daemon(f"kubelet-{node}").kill)
        await lost(lab, thread)
        await asyncio.to_thread(cluster.start_kubelet, node)
        await far_lab.a_lost_link_is_told_and_the_session_goes_on(lab, thread, "cluster")
    await asyncio.to_thread(cluster.drain)


async def test_the_cable_of_a_node_is_cut_in_a_turn(tmp_path: Path, site: Site, cluster: Cluster) -> None:
    """Nothing is closed, and nothing comes. The agent ends by itself; the thread is told, and goes on afterwards."""
    async with far_bot(tmp_path, site) as lab:
        thread, _ = await busy(lab, "begun")
        (agent,) = with_ids(agent_pids(lab.config))
        node = cluster.node_of_the_pod()
        await asyncio.to_thread(network.cable, node, plugged=False)
        await lost(lab, thread)
        await far_lab.skipped(lab, thread, "cluster")
        asked = await lab.ann.say(thread, "recall")
        await lab.ann.sees(thread, "Waiting until cluster confirms", by=lab.bot, after=asked)
        await asyncio.to_thread(agent.wait)
        await asyncio.to_thread(network.cable, node, plugged=True)
        await lab.ann.sees(thread, "2 prompts", by=lab.bot, after=asked)
    await asyncio.to_thread(cluster.drain)
