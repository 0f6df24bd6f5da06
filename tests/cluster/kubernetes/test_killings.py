"""What is killed on the way to an agent on Kubernetes: the agent ends with its child, and the near side is told."""

import asyncio
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from acp import environment
from acp.places.engine import ENGINES
from acp.places.far_place import FarPlace
from tests.acp.child_processes import RUN
from tests.cluster.daemon import runs
from tests.cluster.deaf_agent import (
    Kill,
    client_and_its_helpers_killed,
    client_killed,
    client_stopped,
    deaf_agent,
    ends_with_its_child,
)
from tests.cluster.kubernetes import image, network
from tests.cluster.kubernetes.cluster import Cluster
from tests.cluster.kubernetes.site import environ

pytestmark = pytest.mark.real_time

KEEP_ALIVE = 6.0

SOMEWHERE = Path("/tmp")  # noqa: S108 - a directory that the image has


def place_on(cluster: Cluster) -> FarPlace:
    """Return the cluster as a place."""
    engine = replace(ENGINES["kubernetes"], image=image.NAME, namespace="default")
    env = {**environment(os.environ, inherit=(), env={}), **environ(cluster)}
    return FarPlace("cluster", engine, RUN, run="", env=env, keep_alive=KEEP_ALIVE)


def api_server_killed(cluster: Cluster) -> None:
    """Kill the API server: every stream goes through it."""
    cluster.daemon("kube-apiserver").kill()


def kubelet_killed(cluster: Cluster) -> None:
    """Kill the node's kubelet: kubectl waits for ever then."""
    cluster.daemon(f"kubelet-{cluster.node_of_the_pod()}").kill()


def containerd_killed(cluster: Cluster) -> None:
    """Kill the node's container program, through which the streams go."""
    cluster.daemon(f"containerd-{cluster.node_of_the_pod()}").kill()


def cable_cut(cluster: Cluster) -> None:
    """Cut the node's cable: nothing is closed, and nothing comes."""
    network.cable(cluster.node_of_the_pod(), plugged=False)


def pod_deleted(cluster: Cluster) -> None:
    """Have an administrator delete the Pod."""
    cluster.ask("delete", "pods", "--all", "--wait=false", "--grace-period=5")


def pod_killed(cluster: Cluster) -> None:
    """Kill the first process of the Pod's container: all others go with it."""
    (runner,) = [process for process in cluster.in_pods() if "far end" in " ".join(process.cmdline())]
    runner.kill()


def named(function: Callable[..., None]) -> str:
    """Return the words of a function's name."""
    return function.__name__.replace("_", " ")


@pytest.mark.parametrize("kill", [client_killed, client_and_its_helpers_killed, client_stopped], ids=named)
async def test_a_deaf_agent_and_its_child_end_with_the_client(cluster: Cluster, kill: Kill) -> None:
    """The link counts as lost; nothing is left, and no Pod either."""
    await ends_with_its_child(place_on(cluster), SOMEWHERE, kill, cluster.repair, python="python3")
    await asyncio.to_thread(cluster.drain)


@pytest.mark.parametrize(
    "kill",
    [api_server_killed, kubelet_killed, containerd_killed, cable_cut, pod_deleted, pod_killed],
    ids=named,
)
async def test_a_deaf_agent_and_its_child_end_when_the_cluster_loses_them(
    cluster: Cluster, kill: Callable[[Cluster], None]
) -> None:
    """The link counts as lost, whatever kubectl says; nothing runs on, and the next run removes the ended Pod."""
    place = place_on(cluster)
    await ends_with_its_child(place, SOMEWHERE, lambda _child: kill(cluster), cluster.repair, python="python3")
    await place.sweep()
    await asyncio.to_thread(cluster.drain)


async def test_a_deaf_agent_is_ended_by_the_next_run_where_the_bot_was_killed(cluster: Cluster) -> None:
    """The sweep of a place by the journal's label finds its Pod; it returns when nothing is left."""
    async with deaf_agent(place_on(cluster), SOMEWHERE, python="python3") as (child, processes):
        client_stopped(child)
        await place_on(cluster).sweep()
        assert [process for process in processes if runs(process)] == []
        assert cluster.pods() == {}
