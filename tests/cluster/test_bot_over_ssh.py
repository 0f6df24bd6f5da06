"""The whole bot with its agents on two machines that SSH reaches."""

import asyncio
import re
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.cluster import far_lab
from tests.cluster.daemon import BOUND, with_ids
from tests.cluster.far_lab import Site, busy, far_bot, place, recalls, stopped
from tests.cluster.ssh_server import SshServer
from tests.e2e.bot_process import agent_pids

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


@pytest.fixture(name="servers")
def _servers(worker1: SshServer, worker2: SshServer) -> Mapping[str, SshServer]:
    """Return both machines by the names of their places."""
    return {server.name: server for server in (worker1, worker2)}


async def test_a_machine_that_dies_in_a_turn_is_told_and_takes_the_thread_again_when_it_is_back(
    tmp_path: Path, site: Site, servers: Mapping[str, SshServer]
) -> None:
    """The thread's session goes on there."""
    async with far_bot(tmp_path, site) as lab:
        thread, _ = await busy(lab, "begun")
        name = place(lab, thread)
        with servers[name].away():
            await lab.ann.sees(thread, f"The connection to {name} was lost", by=lab.bot)
        await far_lab.a_lost_link_is_told_and_the_session_goes_on(lab, thread, name)
        await recalls(lab, thread, 3)


async def test_a_machine_that_falls_silent_in_a_turn_is_told_and_takes_the_thread_again(
    tmp_path: Path, site: Site, servers: Mapping[str, SshServer]
) -> None:
    """Nothing is closed, as behind a cable that was pulled. The agent's own end ends it."""
    async with far_bot(tmp_path, site) as lab:
        thread, _ = await busy(lab, "begun")
        name = place(lab, thread)
        (agent,) = with_ids(agent_pids(lab.config))
        servers[name].freeze()
        await lab.ann.sees(thread, f"The connection to {name} was lost", by=lab.bot)
        await asyncio.to_thread(agent.wait)
        await far_lab.a_lost_link_is_told_and_the_session_goes_on(lab, thread, name)
        servers[name].thaw()


async def test_a_thread_whose_machine_stays_away_goes_on_at_the_other(
    tmp_path: Path, site: Site, servers: Mapping[str, SshServer]
) -> None:
    """Its message waits for the end of the agent there, is on hold after three tries, and a person decides."""
    async with far_bot(tmp_path, site) as lab:
        thread = await lab.conversation("say hello", "hello")
        name = place(lab, thread)
        with servers[name].away():
            asked = await lab.ann.say(thread, "recall")
            await lab.ann.sees(thread, f"Waiting until {name} confirms", by=lab.bot, after=asked)
            card = await lab.ann.sees(
                thread, re.compile(f"{name} cannot be reached.*on hold", re.DOTALL), by=lab.bot, timeout=BOUND
            )
            await lab.ann.click(card, "Go on elsewhere")
            await lab.ann.sees(thread, re.compile("^1 prompts", re.MULTILINE), by=lab.bot)
        assert {name, place(lab, thread)} == {*servers}


async def test_a_killed_bot_leaves_no_process_of_an_agent(tmp_path: Path, site: Site) -> None:
    """The agent ends by itself, and the next run takes the thread on."""
    await far_lab.a_killed_bot_leaves_nothing(tmp_path, site)
