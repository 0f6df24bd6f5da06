"""The faults of the faulty bot, and what plays a scene with it."""

import io
import sys

from rich.console import Console

from bench.agent_command import ROOT
from bench.run import Progress, Run
from bench.versus.adapter import Adapter, Launch, Workplace
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

STREAMING = SCENES["threads-10"]


def titles(names: set[str]) -> set[str]:
    """Return the checks for these hard texts."""
    return {HARD_TEXTS[name].title for name in names}


IN_REPLIES: list[tuple[str, Scene, set[str]]] = [
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
    ("tries_once", last_write.SCENE, {last_write.UNAVAILABLE, last_write.REFUSED, last_write.RESET}),
    ("posts_again_after_an_error", last_write.SCENE, {last_write.LOST, last_write.LOST_EDIT}),
    ("pings", mentions.SCENE, {mentions.EVERYONE, mentions.PERSON, mentions.ROLE}),
    ("strips_markup", mentions.SCENE, {mentions.READABLE}),
]
"""Faults in what people see, each with a scene and the checks of it that such a bot fails. "none" is the naive bot."""

IN_PROCESSES: list[tuple[str, Scene, set[str]]] = [
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
    ("has_one_turn_at_a_time", flood.SCENE, {flood.OTHERS}),
    ("none", flood.SCENE, {flood.NEXT, flood.LINE}),
]
"""The same for faults in what becomes of processes, sessions and memory."""


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


async def play_faulty(fault: str, scene: Scene) -> Played:
    """Play the scene to its end, so that its checks decide, with the naive bot with this fault alone."""
    return await play(faulty(fault), scene, quick_run(), patience=PATIENT if fault in SEEN else IMPATIENT)
