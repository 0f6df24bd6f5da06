"""What is killed on the way to an agent on Slurm: the agent ends with its child, and the near side is told."""

import asyncio
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from acp import AgentClosed, CloseReason, environment
from acp.places.engine import ENGINES
from acp.places.far_place import FarPlace
from tests.acp.child_processes import RUN, Child, gone
from tests.cluster.daemon import runs, with_ids
from tests.cluster.deaf_agent import deaf_agent
from tests.cluster.slurm import Slurm

pytestmark = pytest.mark.real_time

KEEP_ALIVE = 3.0


def place_on(slurm: Slurm) -> FarPlace:
    """Return the cluster as a place."""
    engine = replace(ENGINES["slurm"], runner=(sys.executable,))
    env = {**environment(os.environ, inherit=(), env={}), **slurm.environ}
    return FarPlace("batch", engine, RUN, env=env, keep_alive=KEEP_ALIVE)


def client_killed(_slurm: Slurm, child: Child) -> None:
    """Kill srun."""
    psutil.Process(child.process.pid).kill()


def client_and_its_helper_killed(_slurm: Slurm, child: Child) -> None:
    """Kill srun with the process of its own that would cancel the job."""
    client = psutil.Process(child.process.pid)
    for process in (client, *client.children(recursive=True)):
        process.kill()


def client_stopped(_slurm: Slurm, child: Child) -> None:
    """Stop srun: its streams stay open, and silent."""
    psutil.Process(child.process.pid).suspend()


def helper_on_the_node_killed(slurm: Slurm, _child: Child) -> None:
    """Kill slurmstepd: srun waits for ever then."""
    for helper in (helper for node in slurm.nodes for helper in slurm.helpers(node)):
        helper.kill()


def node_frozen(slurm: Slurm, _child: Child) -> None:
    """Stop all that is on the nodes: the connections stay open, and nobody answers."""
    for process in on_nodes(slurm):
        process.suspend()


def job_cancelled(slurm: Slurm, _child: Child) -> None:
    """Have an administrator cancel the job: srun says afterwards that all went well."""
    slurm.ask("scancel", *slurm.job_ids())


def node_dead(slurm: Slurm, _child: Child) -> None:
    """Take a node's power."""
    for node in slurm.nodes:
        if slurm.on_node(node):
            slurm.die(node)


def on_nodes(slurm: Slurm) -> list[psutil.Process]:
    """Return the processes of both nodes: their daemons, and those of jobs."""
    daemons = with_ids(slurm.daemon(node).pid for node in slurm.nodes)
    return [*daemons, *(process for node in slurm.nodes for process in slurm.on_node(node))]


Killing = Callable[[Slurm, Child], None]


@pytest.mark.parametrize(
    "killing",
    [
        client_killed,
        client_and_its_helper_killed,
        client_stopped,
        helper_on_the_node_killed,
        node_frozen,
        job_cancelled,
        node_dead,
    ],
    ids=lambda killing: killing.__name__.replace("_", " "),
)
async def test_a_deaf_agent_and_its_child_end_when_the_way_to_them_is_cut(
    slurm: Slurm, tmp_path: Path, killing: Killing
) -> None:
    """The link counts as lost, whatever srun says; once the end is confirmed, nothing is left, and no job either."""
    async with deaf_agent(place_on(slurm), tmp_path) as (child, pids):
        processes = with_ids(pids)
        assert len(processes) == 2
        await asyncio.to_thread(killing, slurm, child)
        error = await child.over()
        assert isinstance(error, AgentClosed)
        assert (error.reason, error.place) == (CloseReason.LINK_LOST, "batch")
        await child.process.stop()
        await asyncio.to_thread(repair, slurm)
        # What was frozen could not end before.
        for process in processes if killing is node_frozen else ():
            await gone(process.pid)
        assert [process for process in processes if runs(process)] == []
    await asyncio.to_thread(slurm.drain)


def repair(slurm: Slurm) -> None:
    """Let what is stopped run, and start what is dead."""
    for process in on_nodes(slurm):
        process.resume()
    for node in slurm.nodes:
        if not slurm.daemon(node).alive:
            slurm.start_node(node)


async def test_a_deaf_agent_is_ended_by_the_next_run_where_the_bot_was_killed(slurm: Slurm, tmp_path: Path) -> None:
    """The sweep of a place by the journal's name finds its job; it returns when nothing is left."""
    async with deaf_agent(place_on(slurm), tmp_path) as (child, pids):
        processes = with_ids(pids)
        client_stopped(slurm, child)
        await place_on(slurm).sweep()
        assert [process for process in processes if runs(process)] == []
        await asyncio.to_thread(slurm.drain)


async def test_agents_go_on_while_the_controller_is_away(slurm: Slurm, tmp_path: Path) -> None:
    """Their streams do not go through it; an end that it cannot confirm is confirmed when it is back."""
    async with deaf_agent(place_on(slurm), tmp_path) as (child, pids):
        processes = with_ids(pids)
        await asyncio.to_thread(slurm.daemon("slurmctld").kill)
        assert all(map(runs, processes))
        await child.process.stop()
        assert [process for process in processes if runs(process)] == []
    await asyncio.to_thread(slurm.start_controller)
