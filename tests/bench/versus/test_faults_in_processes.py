import pytest

from bench.versus.scene import Scene

from .faults import IN_PROCESSES, failures, play_faulty


@pytest.mark.parametrize(("fault", "scene", "checks"), IN_PROCESSES, ids=lambda each: getattr(each, "name", each))
async def test_a_bot_with_a_fault_fails_the_checks_for_it(fault: str, scene: Scene, checks: set[str]) -> None:
    """The fault is in what becomes of processes, sessions and memory."""
    played = await play_faulty(fault, scene)
    assert played.verdicts.obstacle == ""
    assert checks - failures(played).keys() == set()
