"""The Slurm of the tests: what other tests on Slurm rely on."""

import asyncio

import pytest

from tests.cluster.client import client, line, ran
from tests.cluster.daemon import BOUND
from tests.cluster.slurm import Slurm

pytestmark = pytest.mark.real_time

FILLS_A_NODE = "--mem=600"


async def test_jobs_go_to_two_nodes_and_the_next_waits_for_one_to_end(slurm: Slurm) -> None:
    """Their streams are whole, a node has one that fills it, and the one that waits runs when another has ended."""
    here = ("srun", "-n1", FILLS_A_NODE, "sh", "-c", 'echo "$SLURMD_NODENAME"; exec cat')
    async with client(*here, env=slurm.environ) as first, client(*here, env=slurm.environ) as second:
        assert {await line(first), await line(second)} == set(slurm.nodes)
        async with client("srun", "-J", "third", *here[1:], env=slurm.environ) as third, asyncio.timeout(BOUND):
            assert third.stderr is not None
            assert b"queued and waiting for resources" in await third.stderr.readline()
            assert slurm.jobs()["third"] == "PENDING"
            assert first.stdin is not None
            first.stdin.write_eof()
            assert await line(third) in slurm.nodes


async def test_a_job_that_exceeds_its_memory_is_killed(slurm: Slurm) -> None:
    """The limit is the kernel's."""
    greedy = ("python3", "-c", "print(len(bytearray(400 << 20)))")
    assert await ran("srun", "-Q", "-n1", "--mem=500", *greedy, env=slurm.environ) == (0, f"{400 << 20}\n", "")
    status, out, err = await ran("srun", "-Q", "-n1", "--mem=100", *greedy, env=slurm.environ)
    assert status
    assert out == ""
    assert "Out Of Memory" in err


async def test_a_node_dies_with_all_that_runs_on_it_and_comes_back(slurm: Slurm) -> None:
    """Its processes are gone immediately; its client is told when the controller has missed it; it gets jobs again."""
    node = slurm.nodes[0]
    argv = ("srun", "-Q", "-n1", "-w", node, "sh", "-c", "echo here; exec sleep 600")
    async with client(*argv, env=slurm.environ) as process, asyncio.timeout(BOUND):
        assert await line(process) == "here"
        assert slurm.helpers(node)
        slurm.die(node)
        assert slurm.on_node(node) == []
        await process.wait()
    slurm.start_node(node)
    assert await ran("srun", "-Q", "-n1", "-w", node, "echo", "again", env=slurm.environ) == (0, "again\n", "")
