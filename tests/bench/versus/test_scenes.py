"""Threadline passes every check of every scene; `faults` has a fault for each check."""

import pytest

from bench.versus.adapters import ADAPTERS
from bench.versus.play import play
from bench.versus.scenes import SCENES, streaming

from .faults import IN_PROCESSES, IN_REPLIES, failures, quick_run

BY_THE_CLOCK = {streaming.STREAMED}
"""Checks that a busy machine can fail. For Threadline `first_text.EARLY` says the same without a clock."""

THE_SAME = {"threads-1", "threads-50", "threads-100"}
"""Scenes that a quick run plays as it plays "threads-10"."""


@pytest.mark.parametrize("scene", sorted(SCENES.keys() - THE_SAME))
async def test_threadline_passes_each_scene(scene: str) -> None:
    """Such a scene can be passed, and whoever breaks it in Threadline sees it here."""
    failed = failures(await play(ADAPTERS["threadline"], SCENES[scene], quick_run(), limits=()))
    assert {check: failure for check, failure in failed.items() if check not in BY_THE_CLOCK} == {}


def test_each_check_has_a_fault_that_fails_it() -> None:
    """A check that cannot fail says nothing."""
    failed = {(scene.name, check) for _, scene, checks in IN_REPLIES + IN_PROCESSES for check in checks}
    scenes = (scene for scene in SCENES.values() if scene.name not in THE_SAME)
    assert failed == {(scene.name, check) for scene in scenes for check in scene.checks}
