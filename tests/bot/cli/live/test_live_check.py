"""`threadline check --live`, over loopback and on a clock that jumps."""

import re
from pathlib import Path

from .live_lab import live_lab


async def test_all_is_as_expected_on_loopback_and_nothing_is_left(tmp_path: Path) -> None:
    """No surprise, and neither a message nor a thread remains."""
    async with live_lab(tmp_path) as lab:
        result = await lab.check()
        assert lab.surprises == {}
        assert result.left == []
        assert lab.discord.messages(lab.channel) == []
        assert lab.discord.world.threads_of(lab.channel) == []


async def test_a_step_that_fails_is_a_surprise_and_the_others_run(tmp_path: Path) -> None:
    """What was made is deleted all the same, also a message whose posting was not confirmed."""
    async with live_lab(tmp_path) as lab:
        lab.discord.fault(method="POST", path=re.compile("/messages$"), answer_lost=True)
        lab.discord.fault(method="POST", path=re.compile("/threads$"), reset=True, times=None)
        result = await lab.check()
        assert lab.surprises.keys() == {"the step"}
        assert "/threads failed" in lab.surprises["the step"]
        assert {each.step for each in lab.found} == {1, 2, 4}
        assert result.left == []
        assert lab.discord.messages(lab.channel) == []


async def test_what_cannot_be_deleted_is_named(tmp_path: Path) -> None:
    """A person must know of it."""
    async with live_lab(tmp_path) as lab:
        lab.discord.fault(method="DELETE", path=f"/channels/{lab.channel.id}/messages/", code=50013, times=None)
        result = await lab.check()
        (kept,) = lab.discord.messages(lab.channel)
    assert result.left == [f"https://discord.com/channels/{lab.guild.id}/{lab.channel.id}/{kept.id}"]
