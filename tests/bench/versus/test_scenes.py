"""Every check of every scene passes for Threadline, and fails for a bot with the fault that it is there for."""

import io
import sys

import pytest
from rich.console import Console

from bench.agent_command import ROOT
from bench.run import Progress, Run
from bench.versus.adapter import Adapter, Launch, Workplace
from bench.versus.adapters import ADAPTERS
from bench.versus.hard_texts import HARD_TEXTS
from bench.versus.play import Played, play
from bench.versus.scene import Scene
from bench.versus.scenes import (
    SCENES,
    agent_crash,
    busy,
    fidelity,
    first_text,
    flood,
    hang,
    killed,
    last_write,
    mentions,
    orphans,
    refused_resume,
    sessions,
    streaming,
)

IMPATIENT = 3.0
"""Seconds until a fault shows by what does not happen."""

PATIENT = 30.0
"""The same for a fault that shows by what is seen, so that only this can fail the check."""

SEEN = {
    "answers_the_newest_first",
    "answers_twice",
    "has_one_page",
    "loses_every_third_line",
    "pings",
    "posts_again_after_an_error",
    "repeats_history",
    "strips_markup",
    "takes_back_a_broken_answer",
}
"""Faults that show by what is seen."""

BY_THE_CLOCK = {streaming.STREAMED}
"""Checks that a busy machine can fail. For Threadline `first_text.EARLY` says the same without a clock."""

THE_SAME = {"threads-1", "threads-50", "threads-100"}
"""Scenes that a quick run plays as it plays "threads-10"."""

STREAMING = SCENES["threads-10"]


def titles(names: set[str]) -> set[str]:
    """Return the checks for these hard texts."""
    return {HARD_TEXTS[name].title for name in names}


FAULTS: list[tuple[str, Scene, set[str]]] = [
    ("shows_only_at_the_end", first_text.SCENE, {first_text.EARLY}),
    ("shows_only_at_the_end", STREAMING, {streaming.STREAMED}),
    ("loses_the_last_piece", STREAMING, {streaming.COMPLETE}),
    ("has_one_turn_at_a_time", hang.SCENE, {hang.ANSWERED}),
    ("has_one_page", fidelity.SCENE, titles({"code", "long-line", "list", "surrogates"})),
    ("loses_every_third_line", fidelity.SCENE, titles({"nested-fences", "table"})),
    ("strips_markup", fidelity.SCENE, titles({"spoiler", "link", "escapes", "names"})),
    ("forgets_what_is_said_while_busy", busy.SCENE, {busy.ANSWERED}),
    ("answers_twice", busy.SCENE, {busy.ONCE}),
    ("answers_the_newest_first", busy.SCENE, {busy.ORDER}),
    ("none", killed.SCENE, {killed.WAITED, killed.AWAY, killed.TOLD}),
    ("repeats_history", killed.SCENE, {killed.UNASKED, killed.ONCE}),
    ("tidies_up_at_the_start", killed.SCENE, {killed.KEPT}),
    ("none", refused_resume.SCENE, {refused_resume.MISSED}),
    ("ends_when_cut_off", refused_resume.SCENE, {refused_resume.LATER}),
    ("repeats_history", refused_resume.SCENE, {refused_resume.ONCE}),
    ("none", sessions.SCENE, {sessions.CONTINUED}),
    ("insists_on_its_session", sessions.SCENE, {sessions.REFUSED}),
    ("is_silent_about_a_crash", agent_crash.SCENE, {agent_crash.TOLD}),
    ("takes_back_a_broken_answer", agent_crash.SCENE, {agent_crash.KEPT}),
    ("never_starts_another_agent", agent_crash.SCENE, {agent_crash.NEXT}),
    ("none", orphans.SCENE, {orphans.AFTER_TERM, orphans.AFTER_KILL}),
    ("tries_once", last_write.SCENE, {last_write.UNAVAILABLE, last_write.REFUSED, last_write.RESET}),
    ("posts_again_after_an_error", last_write.SCENE, {last_write.LOST, last_write.LOST_EDIT}),
    ("pings", mentions.SCENE, {mentions.EVERYONE, mentions.PERSON, mentions.ROLE}),
    ("strips_markup", mentions.SCENE, {mentions.READABLE}),
    ("has_one_turn_at_a_time", flood.SCENE, {flood.OTHERS}),
    ("none", flood.SCENE, {flood.NEXT, flood.LINE}),
]
"""Faults of the faulty bot, each with a scene and the checks of it that such a bot fails. "none" is the naive bot."""


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


@pytest.mark.parametrize("scene", sorted(SCENES.keys() - THE_SAME))
async def test_threadline_passes_each_scene(scene: str) -> None:
    """Such a scene can be passed, and whoever breaks it in Threadline sees it here."""
    failed = failures(await play(ADAPTERS["threadline"], SCENES[scene], quick_run(), limits=()))
    assert {check: failure for check, failure in failed.items() if check not in BY_THE_CLOCK} == {}


@pytest.mark.parametrize(("fault", "scene", "checks"), FAULTS, ids=lambda each: getattr(each, "name", each))
async def test_a_bot_with_a_fault_fails_the_checks_for_it(fault: str, scene: Scene, checks: set[str]) -> None:
    """The bot is the naive one with this fault alone. The scene is played to its end, so its checks decide."""
    played = await play(faulty(fault), scene, quick_run(), patience=PATIENT if fault in SEEN else IMPATIENT)
    assert played.verdicts.obstacle == ""
    assert checks - failures(played).keys() == set()


def test_each_check_has_a_fault_that_fails_it() -> None:
    """A check that cannot fail says nothing."""
    failed = {(scene.name, check) for _, scene, checks in FAULTS for check in checks}
    scenes = (scene for scene in SCENES.values() if scene.name not in THE_SAME)
    assert failed == {(scene.name, check) for scene in scenes for check in scene.checks}
