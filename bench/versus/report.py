"""Reports a run as one table with a column for each bot, and as JSON."""

import os
import platform
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from rich import box
from rich.console import Console
from rich.table import Table

from bench.report import number, write_json
from bench.statistics import Figure
from bench.versus.play import Played
from bench.versus.scene import Scene

_PASSED: Final = "yes"
_FAILED: Final = "NO"
_NOT_PLAYED: Final = "-"


def show(console: Console, results: Sequence[Played]) -> None:
    """Print the table, and below it why each check has failed."""
    bots = list(dict.fromkeys(each.bot for each in results))
    table = Table(box=box.SIMPLE_HEAD, expand=False)
    table.add_column("scene")
    for bot in bots:
        table.add_column(bot, justify="right", no_wrap=True)
    for scene in dict.fromkeys(each.scene for each in results):
        played = {each.bot: each for each in results if each.scene is scene}
        table.add_row(scene.title, style="bold")
        for name, cells in _rows(scene, played):
            table.add_row(f"  {name}", *(cells.get(bot, _NOT_PLAYED) for bot in bots))
    console.print(table)
    for each in results:
        for check in each.verdicts.checks:
            if check.failure is not None:
                console.print(
                    f"{each.bot}, {each.scene.title}, {check.name}: {check.failure}", markup=False, soft_wrap=True
                )


def _rows(scene: Scene, played: dict[str, Played]) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the rows of a scene: a name, and the cell of each bot."""
    for check in scene.checks:
        yield check, {bot: _verdict(each, check) for bot, each in played.items()}
    names = dict.fromkeys(figure.name for each in played.values() for figure in each.verdicts.figures)
    for name in names:
        found = {bot: _figure(each, name) for bot, each in played.items()}
        compared = next(figure.against for figure in found.values() if figure is not None)
        beside = "" if compared is None else f" ({compared.what}: {number(compared.value)})"
        cells = {bot: f"{number(each.value)} {each.unit}" for bot, each in found.items() if each is not None}
        yield f"{name}{beside}", cells


def _verdict(played: Played, name: str) -> str:
    return next(_PASSED if each.passed else _FAILED for each in played.verdicts.checks if each.name == name)


def _figure(played: Played, name: str) -> Figure | None:
    return next((figure for figure in played.verdicts.figures if figure.name == name), None)


def write(path: Path, results: Sequence[Played], *, quick: bool) -> None:
    """Write the verdicts and figures to `path`, and each recording to a file in a directory beside it."""
    recordings = path.with_suffix("")
    entries = []
    for each in results:
        recording = recordings / f"{each.bot}.{each.scene.name}.json"
        write_json(recording, each.recording)
        entries.append(_entry(each) | {"recording": str(recording.relative_to(path.parent))})
    system = {"python": platform.python_version(), "system": f"{platform.system()} {platform.machine()}"}
    write_json(path, {"quick": quick, **system, "cores": os.cpu_count(), "scenes": entries})


def _entry(played: Played) -> dict[str, Any]:
    return {
        "bot": played.bot,
        "scene": played.scene.name,
        "checks": [
            {"check": each.name, "passed": each.passed, "failure": each.failure} for each in played.verdicts.checks
        ],
        "figures": [asdict(figure) for figure in played.verdicts.figures],
    }
