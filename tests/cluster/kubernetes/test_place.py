"""A Kubernetes of two nodes as a place: the contract of places; Pods and their queue, with the rights of the bot."""

import asyncio
import os
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path, PurePosixPath

import pytest

import acp.places.far_place
from acp import Launch, QueuedTooLong, environment
from acp.agent_transport import AgentTransport
from acp.places.engine import ENGINES, Job
from acp.places.far_place import FarPlace
from tests.acp.child_processes import PATIENCE, PRELUDE, RUN, listen
from tests.acp.places.contract import PlaceContract
from tests.acp.places.contract import far as far_place
from tests.cluster.kubernetes import site
from tests.cluster.kubernetes.cluster import Cluster
from tests.cluster.kubernetes.image import NAME
from tests.cluster.kubernetes.network import NODES

pytestmark = pytest.mark.real_time

DEPLOYED = Path(__file__).parents[3] / "deploy" / "kubernetes-agents.yaml"
NAMESPACE = "threadline-agents"
ACCOUNT = f"system:serviceaccount:{NAMESPACE}:threadline-bot"

JOURNAL = RUN[:16]
READER = "sys.stdin.read()"
"""Code of an agent that ends with its input."""

WORK = PurePosixPath("/tmp")  # noqa: S108 - of the Pod
SMALL = 64 << 20


@pytest.fixture(name="far")
def _far(cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FarPlace:
    """Return the cluster as a place, with the namespace and the account of `deploy/kubernetes-agents.yaml`."""
    monkeypatch.setattr(acp.places.far_place, "POLL_SECONDS", 0.5)
    # A new cluster does not know all kinds at once.
    cluster.daemon("kube-apiserver").until(lambda: bool(cluster.ask("apply", "-f", str(DEPLOYED))))
    kubectl = tmp_path / "bin" / "kubectl"
    kubectl.parent.mkdir()
    kubectl.write_text(f'#!/bin/sh\nexec {cluster.bin}/kubectl --as={ACCOUNT} "$@"\n')
    kubectl.chmod(0o755)
    return place(kubectl.parent)


def place(programs: Path, *, start_seconds: float = PATIENCE * 2, image: str = NAME, run: str = "") -> FarPlace:
    """Return a place whose `kubectl` is in a folder."""
    engine = replace(ENGINES["kubernetes"], image=image, namespace=NAMESPACE, start_seconds=start_seconds)
    env = {**environment(os.environ, inherit=(), env={}), "PATH": f"{programs}:{os.environ['PATH']}"}
    return FarPlace("cluster", engine, JOURNAL, run=run, env=env, keep_alive=6)


def launch(code: str = READER, memory: int = SMALL) -> Launch:
    """Return an agent for a Pod."""
    return Launch("python3", ("-c", PRELUDE + code), Path(WORK), {"KEY": "s3cr3t"}, memory=memory)


class TestKubernetes(PlaceContract):
    """The contract. Its Pods are in another namespace, as this one allows no directories of the nodes."""

    python = "python3"

    @pytest.fixture
    def place(self, cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> FarPlace:
        """Return the cluster, whose Pods have the tests' directory."""
        pod = site.pod(tmp_path_factory.getbasetemp())
        return far_place(
            "cluster",
            replace(ENGINES["kubernetes"], image=NAME, namespace="default", pod=pod),
            env=site.environ(cluster),
        )


def pods(cluster: Cluster) -> set[str]:
    """Return the names of the Pods of the namespace."""
    return set(cluster.ask("get", "pods", f"--namespace={NAMESPACE}", "--output=name").split())


def pod(number: int | str) -> str:
    """Return the name of the Pod of an agent."""
    return f"pod/threadline-{JOURNAL}-cluster-{number}"


def most(cluster: Cluster) -> int:
    """Return more than half of a node's memory, so that a node takes one such Pod."""
    said = cluster.ask("get", "node", NODES[0], "--output=jsonpath={.status.allocatable.memory}")
    return int(said.removesuffix("Ki")) * 1024 * 6 // 10


@asynccontextmanager
async def two_that_fill_the_nodes(far: FarPlace, memory: int) -> AsyncIterator[list[AgentTransport]]:
    """Run two agents for the block."""
    running = [await far.start(launch(memory=memory), f"{JOURNAL}/{number}") for number in (1, 2)]
    try:
        yield running
    finally:
        await asyncio.gather(*(each.stop() for each in running))


async def test_an_agent_is_a_pod_whose_description_has_none_of_its_variables(cluster: Cluster, far: FarPlace) -> None:
    """Nor has its log, though it has what the agent says. The agent's end deletes it."""
    agent = await far.start(launch("say('key', os.environ['KEY'][::-1]); sys.stdin.read()"), f"{JOURNAL}/1")
    try:
        assert await listen(agent).said("key") == "t3rc3s"
        described = cluster.ask("get", pod(1), f"--namespace={NAMESPACE}", "--output=yaml")
        logged = cluster.ask("logs", pod(1), f"--namespace={NAMESPACE}")
        assert "64Mi" in described
        assert "t3rc3s" in logged
        assert "s3cr3t" not in described + logged
    finally:
        await agent.stop()
    assert pods(cluster) == set()


async def test_short_commands_and_files_go_into_the_pod_of_an_agent(cluster: Cluster, far: FarPlace) -> None:
    """And into one of their own while none runs, which leaves nothing."""
    alone = await far.run(["cat", "/etc/hostname"], cwd=WORK)
    assert alone.output.decode().startswith(f"threadline-{JOURNAL}-cluster-r")
    assert pods(cluster) == set()
    agent = await far.start(launch(), f"{JOURNAL}/1")
    try:
        beside = await far.run(["cat", "/etc/hostname"], cwd=WORK)
        assert beside.output.decode().strip() == pod(1).removeprefix("pod/")
        await far.put(b"data", WORK / "folder" / "file")
        assert await far.get(WORK / "folder" / "file", [WORK], max_size=10) == b"data"
    finally:
        await agent.stop()


@pytest.mark.usefixtures("far")
async def test_pods_of_earlier_runs_are_ended_beside_those_of_this_one_and_several_by_one_command(
    cluster: Cluster, tmp_path: Path
) -> None:
    """The selectors of both mean no other Pod."""
    earlier, current = (place(tmp_path / "bin", run=run) for run in ("b000", "a000"))
    agents = [
        await each.start(launch(), f"{JOURNAL}/{number}")
        for each, number in ((earlier, 1), (current, 1), (current, 2), (current, 3))
    ]
    await current.sweep()
    assert pods(cluster) == {pod(f"a000{number}") for number in (1, 2, 3)}
    assert await current._reap([Job("cluster", f"{JOURNAL}/a000{number}", run="a000") for number in (1, 2)]) == 2
    assert pods(cluster) == {pod("a0003")}
    await asyncio.gather(*(agent.stop() for agent in agents))


async def test_a_full_cluster_tells_why_an_agent_waits_and_starts_it_when_another_ends(
    cluster: Cluster, far: FarPlace
) -> None:
    """In the words of the scheduler, which fills both nodes."""
    memory, told, reasons = most(cluster), asyncio.Event(), list[str]()

    def on_waiting(reason: str) -> None:
        reasons.append(reason)
        if "Insufficient memory" in reason:
            told.set()

    async with two_that_fill_the_nodes(far, memory) as running:
        waiting = asyncio.create_task(far.start(launch("say('here')", memory), f"{JOURNAL}/3", on_waiting))
        async with asyncio.timeout(PATIENCE):
            await told.wait()
        assert reasons[-1].startswith("Pending: 0/2 nodes are available: 2 Insufficient memory.")
        await running[0].stop()
        third = await waiting
        await listen(third).said("here")
        await third.stop()


async def test_a_start_that_is_given_up_leaves_no_pod_in_the_queue(
    cluster: Cluster, far: FarPlace, tmp_path: Path
) -> None:
    """The reason says why it was queued."""
    memory = most(cluster)
    async with two_that_fill_the_nodes(far, memory):
        with pytest.raises(QueuedTooLong, match="Insufficient memory"):
            await place(tmp_path / "bin", start_seconds=4).start(launch(memory=memory), f"{JOURNAL}/3")
        assert pods(cluster) == {pod(1), pod(2)}


async def test_an_image_that_cannot_be_pulled_is_told(tmp_path: Path, far: FarPlace) -> None:
    """As the reason for which the agent waits."""
    assert far.name == "cluster"
    told = asyncio.Event()

    def note(reason: str) -> None:
        if re.search("Pending: .*Image", reason):
            told.set()

    without = place(tmp_path / "bin", start_seconds=300, image="localhost/none:1")
    start = asyncio.create_task(without.start(launch(), f"{JOURNAL}/1", note), name="a start that cannot succeed")
    try:
        async with asyncio.timeout(4 * PATIENCE):  # The node asks a registry that does not answer.
            await told.wait()
    finally:
        start.cancel()
        await asyncio.wait([start])


async def test_the_account_of_the_bot_may_do_nothing_else(cluster: Cluster, far: FarPlace) -> None:
    """Neither in another namespace nor with secrets."""
    assert far.name == "cluster"

    def may(*asked: str) -> bool:
        return cluster.ask("auth", "can-i", f"--as={ACCOUNT}", *asked) == "yes"

    own = f"--namespace={NAMESPACE}"
    assert all(may(verb, "pods", own) for verb in ("create", "get", "list", "watch", "delete"))
    for asked in (
        ("create", "pods", "--namespace=default"),
        ("get", "secrets", own),
        ("create", "serviceaccounts/token", own),
        ("update", "pods", own),
        ("list", "nodes"),
    ):
        assert not may(*asked)
