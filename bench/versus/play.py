"""Plays a scene with a bot."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final

from bench.run import Run
from bench.versus.adapter import Adapter
from bench.versus.scene import Scene
from bench.versus.stage import JUDGED_PATIENCE, stage
from bench.versus.verdicts import Verdicts, Wrong
from loopback import Limit

ALL_LIMITS: Final = frozenset(Limit)


@dataclass(frozen=True, slots=True)
class Played:
    """What one bot did in one scene."""

    bot: str
    scene: Scene
    verdicts: Verdicts
    recording: dict[str, Any]


async def play(
    adapter: Adapter,
    scene: Scene,
    run: Run,
    *,
    patience: float = JUDGED_PATIENCE,
    limits: Collection[Limit] = ALL_LIMITS,
) -> Played:
    """Play a scene with a bot of its own, with these of Discord's limits. Raises `NotInstalled`.

    `patience` bounds each wait in seconds by which a check is decided.
    """
    verdicts = Verdicts(scene.checks)
    async with stage(adapter, verdicts, run, threads=scene.threads, patience=patience, limits=limits) as set_up:
        set_up.set_agent(*scene.agent)
        try:
            await set_up.start()
            await scene.play(set_up)
        except (Wrong, AssertionError, TimeoutError) as error:
            verdicts.obstacle = str(error) or "timed out"
        recording = set_up.recording.tell()
    return Played(adapter.name, scene, verdicts, recording)
