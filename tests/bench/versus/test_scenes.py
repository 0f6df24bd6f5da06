"""Every check of every scene passes for Threadline, and fails for a bot with the fault that it is there for."""

import io
import sys

import pytest
from rich.console import Console

from bench.agent_command import ROOT
from bench.run import Progress, Run
from bench.versus.adapter import Adapter, Launch, Workplace
from bench.versus.adapters import ADAPTERS
from bench.versus.play import Played, play
from bench.versus.scene import Scene
from bench.versus.scenes import SCENES, busy, first_text, mentions

IMPATIENT = 6.0
"""Seconds until a fault shows: a busy machine can only make a faulty bot fail in more places."""

FAULTS: dict[str, tuple[Scene, set[str]]] = {
    "shows_only_at_the_end": (first_text.SCENE, {first_text.EARLY}),
    "forgets_what_is_said_while_busy": (busy.SCENE, {busy.ANSWERED}),
    "answers_twice": (busy.SCENE, {busy.ONCE}),
    "answers_the_newest_first": (busy.SCENE, {busy.ORDER}),
    "pings": (mentions.SCENE, {mentions.EVERYONE, mentions.PERSON, mentions.ROLE}),
}
"""Each fault of the faulty bot, and the checks that it fails."""


def quick_run() -> Run:
    """Return a run that shows nothing."""
    return Run(quick=True, progress=Progress(Console(file=io.StringIO())))


def faulty(fault: str) -> Adapter:
    """Return the adapter for the naive bot with this fault."""

    def launch(workplace: Workplace) -> Launch:
        bot = "tests.bench.versus.faulty_bot"
        argv = (sys.executable, "-m", bot, fault, workplace.endpoint, workplace.agent, workplace.project)
        return Launch(argv, {"DISCORD_TOKEN": workplace.token, "PYTHONPATH": str(ROOT)})

    return Adapter(fault, launch)


def failures(played: Played) -> dict[str, str | None]:
    """Return why the bot failed which checks."""
    return {each.name: each.failure for each in played.verdicts.checks if not each.passed}


@pytest.mark.parametrize("scene", SCENES)
async def test_threadline_passes_each_scene(scene: str) -> None:
    """Such a scene can be passed, and whoever breaks it in Threadline sees it here."""
    assert failures(await play(ADAPTERS["threadline"], SCENES[scene], quick_run(), limits=())) == {}


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_bot_with_a_fault_fails_the_check_for_it(fault: str) -> None:
    """The bot is the naive one with this fault alone, so the check is what tells them apart."""
    scene, checks = FAULTS[fault]
    found = failures(await play(faulty(fault), scene, quick_run(), patience=IMPATIENT, limits=()))
    assert checks <= found.keys()


def test_each_check_has_a_fault_that_fails_it() -> None:
    """A check that cannot fail says nothing."""
    assert {check for scene, checks in FAULTS.values() for check in checks} == {
        check for scene in SCENES.values() for check in scene.checks
    }
