"""What follows when a part of the way to an agent is killed or stopped, over clients of this machine."""

from pathlib import Path

import pytest

from acp.places import runner
from acp.places.engine import Engine
from tests.acp.places import killings
from tests.acp.places.killings import BOT_HIT, NEAR_SIDE_LIVES, RUNNER, Killing

pytestmark = pytest.mark.real_time

RELAY = f'cat | env -u {runner.MARKER} setsid "$@" | cat'
"""A client that is a process of its own, with none of the runner's descriptors or marks."""

ENGINE = Engine(enter=("/bin/sh", "-c", RELAY, "sh"), runner=RUNNER)


@pytest.mark.parametrize("killing", NEAR_SIDE_LIVES, ids=killings.name)
async def test_the_near_side_learns_of_it_and_nothing_of_the_agent_is_left(killing: Killing, tmp_path: Path) -> None:
    """However deaf it is, and wherever its child."""
    async with killings.deaf_agent(killings.place(ENGINE), tmp_path) as (child, running):
        assert len(running.left) == 2
        killing(running)
        await killings.require_that_the_near_side_knows_and_nothing_is_left(child, running)


@pytest.mark.parametrize("killing", BOT_HIT, ids=killings.name)
async def test_nothing_of_the_agent_is_left_when_the_near_side_is_gone(killing: Killing, tmp_path: Path) -> None:
    """The far side ends it by itself."""
    async with killings.bot(ENGINE, tmp_path) as running:
        killing(running)
        await killings.require_that_nothing_is_left(running)
