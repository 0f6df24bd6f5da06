"""What is killed on the way to an agent on Slurm: the agent ends with its child, and the near side is told."""

import asyncio
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import psutil
import pytest

from acp import environment
from acp.places.engine import ENGINES
from acp.places.far_place import FarPlace
from tests.acp.child_processes import RUN
from tests.cluster.daemon import runs, with_ids
from tests.cluster.deaf_agent import (
    Kill,
    client_and_its_helpers_killed,
    client_killed,
    client_stopped,
    deaf_agent,
    ends_with_its_child,
)
from tests.cluster.slurm import Slurm

pytestmark = pytest.mark.real_time

KEEP_ALIVE = 6.0


def place_on(slurm: Slurm) -> FarPlace:
    """Return the cluster as a place."""
    engine = replace(ENGINES["slurm"], runner=(sys.executable,))
    env = {**environment(os.environ, inherit=(), env={}), **slurm.environ}
    return FarPlace("batch", engine, RUN, run="", env=env, keep_alive=KEEP_ALIVE)


def helper_on_the_node_killed(slurm: Slurm) -> None:
    """Kill slurmstepd: srun waits for ever then."""
    for helper in (helper for node in slurm.nodes for helper in slurm.helpers(node)):
        helper.kill()


def helper_on_the_node_stopped(slurm: Slurm) -> None:
    """Stop slurmstepd: the connection stays open, and Slurm itself can end the job but not what it left."""
    for helper in (helper for node in slurm.nodes for helper in slurm.helpers(node)):
        helper.suspend()


def node_frozen(slurm: Slurm) -> None:
    """Stop all that is on the nodes: the connections stay open, and nobody answers."""
    for process in on_nodes(slurm):
        process.suspend()


def job_cancelled(slurm: Slurm) -> None:
    """Have an administrator cancel the job: srun says afterwards that all went well."""
    slurm.ask("scancel", *slurm.job_ids())


def node_dead(slurm: Slurm) -> None:
    """Take a node's power."""
    for node in slurm.nodes:
        if slurm.on_node(node):
            slurm.die(node)


def on_nodes(slurm: Slurm) -> list[psutil.Process]:
    """Return the processes of both nodes: their daemons, and those of jobs."""
    daemons = with_ids(slurm.daemon(node).pid for node in slurm.nodes)
    return [*daemons, *(process for node in slurm.nodes for process in slurm.on_node(node))]


def repair(slurm: Slurm) -> None:
    """Let what is stopped run, and start what is dead."""
    for process in on_nodes(slurm):
        process.resume()
    for node in slurm.nodes:
        if not slurm.daemon(node).alive:
            slurm.start_node(node)


def named(function: Callable[..., None]) -> str:
    """Return the words of a function's name."""
    return function.__name__.replace("_", " ")


@pytest.mark.parametrize("kill", [client_killed, client_and_its_helpers_killed, client_stopped], ids=named)
async def test_a_deaf_agent_and_its_child_end_with_the_client(slurm: Slurm, tmp_path: Path, kill: Kill) -> None:
    """The link counts as lost; nothing is left, and no job either."""
    await ends_with_its_child(place_on(slurm), tmp_path, kill, partial(repair, slurm))
    await asyncio.to_thread(slurm.drain)


@pytest.mark.parametrize(
    "kill",
    [helper_on_the_node_killed, helper_on_the_node_stopped, node_frozen, job_cancelled, node_dead],
    ids=named,
)
async def test_a_deaf_agent_and_its_child_end_when_the_cluster_loses_them(
    slurm: Slurm, tmp_path: Path, kill: Callable[[Slurm], None]
) -> None:
    """The link counts as lost, whatever srun says; nothing is left, and no job either."""
    await ends_with_its_child(place_on(slurm), tmp_path, lambda _: kill(slurm), partial(repair, slurm))
    await asyncio.to_thread(slurm.drain)


async def test_a_deaf_agent_is_ended_by_the_next_run_where_the_bot_was_killed(slurm: Slurm, tmp_path: Path) -> None:
    """The sweep of a place by the journal's name finds its job; it returns when nothing is left."""
    async with deaf_agent(place_on(slurm), tmp_path) as (child, processes):
        client_stopped(child)
        await place_on(slurm).sweep()
        assert [process for process in processes if runs(process)] == []
        await asyncio.to_thread(slurm.drain)


async def test_agents_go_on_while_the_controller_is_away(slurm: Slurm, tmp_path: Path) -> None:
    """Their streams do not go through it; an end that it cannot confirm is confirmed when it is back."""
    async with deaf_agent(place_on(slurm), tmp_path) as (child, processes):
        await asyncio.to_thread(slurm.daemon("slurmctld").kill)
        assert all(map(runs, processes))
        await child.process.stop()
        assert [process for process in processes if runs(process)] == []
    await asyncio.to_thread(slurm.start_controller)
