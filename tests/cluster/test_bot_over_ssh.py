"""The whole bot with its agents on two machines that SSH reaches."""

import sys
from pathlib import Path

import pytest

from tests.cluster import far_lab
from tests.cluster.far_lab import Site, busy, far_bot, place, recalls, stopped
from tests.cluster.ssh_server import SshServer

pytestmark = pytest.mark.real_time


@pytest.fixture(name="site")
def _site(worker1: SshServer, worker2: SshServer) -> Site:
    """Return both machines as places, with a slot each."""
    return Site(
        {
            server.name: {
                "host": server.name,
                "options": list(server.options),
                "runner": [sys.executable],
                "max_agents": 1,
            }
            for server in (worker1, worker2)
        }
    )


async def test_a_turn_is_answered_cancelled_and_survives_a_crash(tmp_path: Path, site: Site) -> None:
    """The agent's session outlives its process."""
    await far_lab.a_turn_is_answered_cancelled_and_survives_a_crash(tmp_path, site)


async def test_a_restart_resumes_at_the_same_machine(tmp_path: Path, site: Site) -> None:
    """Two threads are on two machines, before and after."""
    await far_lab.a_restart_resumes_at_the_same_place(tmp_path, site)


async def test_threads_spread_over_the_machines_and_the_next_waits_for_a_slot(tmp_path: Path, site: Site) -> None:
    """The third thread waits while both machines are full, and gets the one that is free first."""
    async with far_bot(tmp_path, site) as lab:
        first, reply = await busy(lab, "one")
        second, _ = await busy(lab, "two")
        places = [place(lab, thread) for thread in (first, second)]
        assert sorted(places) == ["worker1", "worker2"]
        third = await lab.thread("say three")
        await lab.ann.sees(third, "You are number 1 in the queue", by=lab.bot)
        await stopped(lab, first, reply)
        await lab.ann.sees(third, "three", by=lab.bot)
        assert place(lab, third) == places[0]


async def test_a_machine_that_dies_in_a_turn_is_told_and_takes_the_thread_again_when_it_is_back(
    tmp_path: Path, site: Site, worker1: SshServer, worker2: SshServer
) -> None:
    """The thread's session goes on there."""
    async with far_bot(tmp_path, site) as lab:
        thread, _ = await busy(lab, "begun")
        server = {"worker1": worker1, "worker2": worker2}[place(lab, thread)]
        server.die()
        await lab.ann.sees(thread, f"The connection to {server.name} was lost", by=lab.bot)
        server.start()
        await far_lab.a_lost_link_is_told_and_the_session_goes_on(lab, thread, server.name)
        await recalls(lab, thread, 3)


async def test_a_killed_bot_leaves_no_process_of_an_agent(tmp_path: Path, site: Site) -> None:
    """The agent ends by itself, and the next run takes the thread on."""
    await far_lab.a_killed_bot_leaves_nothing(tmp_path, site)
