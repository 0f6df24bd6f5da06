"""Reports results as a table for people, and as JSON for programs."""

import json
import os
import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from rich import box
from rich.console import Console
from rich.table import Table

from bench.run import Measurement
from bench.statistics import Figure

RESULTS: Final = Path(__file__).parent / "results"

Results = Mapping[Measurement, Sequence[Figure]]


def show(console: Console, measurement: Measurement, figures: Sequence[Figure]) -> None:
    """Print one measurement's table."""
    table = Table(title=measurement.title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, expand=True)
    table.add_column("figure", ratio=4)
    table.add_column("value", justify="right", no_wrap=True)
    table.add_column("unit", no_wrap=True)
    table.add_column("ratio", justify="right", no_wrap=True)
    table.add_column("of", ratio=3)
    table.add_column("how", ratio=6, style="dim")
    for figure in figures:
        against = figure.against
        compared = "" if against is None else f"{against.what} ({number(against.value)})"
        ratio = "" if figure.ratio is None else f"{figure.ratio:.2f}"
        table.add_row(figure.name, number(figure.value), figure.unit, ratio, compared, figure.how)
    console.print(table)


def number(value: float) -> str:
    """Format the value with three significant digits."""
    if value and abs(value) < 100:
        return f"{value:.3g}"
    return f"{value:,.0f}"


def default_path(prefix: str = "") -> Path:
    """Return the file for the results of this run, unless one is named."""
    return RESULTS / f"{prefix}{datetime.now(UTC):%Y%m%dT%H%M%SZ}.json"


def write_json(path: Path, results: Mapping[str, Any]) -> None:
    """Write the results with the time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    whole = {"when": datetime.now(UTC).isoformat(timespec="seconds"), **results}
    path.write_text(json.dumps(whole, indent=1, ensure_ascii=False) + "\n", "utf-8")


def write(path: Path, results: Results, *, quick: bool) -> None:
    """Write everything to `path`. The unit of each value is next to it."""
    whole = {
        "quick": quick,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
        "figures": [_entry(measurement, figure) for measurement, each in results.items() for figure in each],
    }
    write_json(path, whole)


def _entry(measurement: Measurement, figure: Figure) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "measurement": measurement.name,
        "figure": figure.name,
        "value": figure.value,
        "unit": figure.unit,
        "how": figure.how,
    }
    if figure.against is not None:
        entry |= {"against": figure.against.what, "against_value": figure.against.value, "ratio": figure.ratio}
    return entry
