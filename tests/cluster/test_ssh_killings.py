"""What follows when a part of the way to an agent is killed or stopped, over SSH."""

from collections.abc import Callable
from pathlib import Path

import pytest

from acp.places.engine import Engine
from tests.acp.places import killings
from tests.acp.places.killings import BOT_HIT, NEAR_SIDE_LIVES, RUNNER, Killing
from tests.cluster.ssh_server import SshServer

pytestmark = pytest.mark.real_time


def engine(server: SshServer) -> Engine:
    """Return the way to this server."""
    return Engine(host=server.name, host_options=server.options, runner=RUNNER)


@pytest.mark.parametrize("killing", NEAR_SIDE_LIVES, ids=killings.name)
async def test_the_near_side_learns_of_it_and_nothing_of_the_agent_is_left(
    worker1: SshServer, killing: Killing, tmp_path: Path
) -> None:
    """However deaf it is, and wherever its child."""
    async with killings.deaf_agent(killings.place(engine(worker1)), tmp_path) as (child, running):
        assert len(running.left) == 2
        killing(running)
        await killings.require_that_the_near_side_knows_and_nothing_is_left(child, running)


@pytest.mark.parametrize("lose", [SshServer.cut, SshServer.freeze])
async def test_the_near_side_learns_of_a_lost_connection_and_nothing_of_the_agent_is_left(
    worker1: SshServer, lose: Callable[[SshServer], None], tmp_path: Path
) -> None:
    """It is closed, or half open; the next connection confirms the agent's end."""
    try:
        async with killings.deaf_agent(killings.place(engine(worker1)), tmp_path) as (child, running):
            assert len(running.left) == 2
            lose(worker1)
            await killings.require_that_the_near_side_knows_and_nothing_is_left(child, running)
    finally:
        worker1.thaw()


@pytest.mark.parametrize("killing", BOT_HIT, ids=killings.name)
async def test_nothing_of_the_agent_is_left_when_the_near_side_is_gone(
    worker1: SshServer, killing: Killing, tmp_path: Path
) -> None:
    """The far side ends it by itself."""
    async with killings.bot(engine(worker1), tmp_path) as running:
        killing(running)
        await killings.require_that_nothing_is_left(running)
