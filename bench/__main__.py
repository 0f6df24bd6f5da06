"""`python -m bench [NAME ...]`: measures, prints a table, and writes JSON. `versus` has a command line of its own."""

import asyncio
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click
from rich.console import Console

from bench import (
    broker_cpu,
    chunk_to_visible,
    cold_start,
    first_text,
    hung_thread,
    ingest,
    loopback_server,
    memory,
    pacing,
    places,
    rendering,
    report,
    rounds,
    sandboxed_start,
    scale,
    soak,
    stall,
    thousand,
    warm_start,
)
from bench.run import Failed, Measurement, Progress, Run
from bench.statistics import Figure
from bench.versus import command as versus

MEASUREMENTS: Final = {
    each.name: each
    for each in (
        cold_start.MEASUREMENT,
        first_text.MEASUREMENT,
        warm_start.MEASUREMENT,
        hung_thread.MEASUREMENT,
        chunk_to_visible.MEASUREMENT,
        broker_cpu.MEASUREMENT,
        memory.MEASUREMENT,
        loopback_server.MEASUREMENT,
        ingest.MEASUREMENT,
        rounds.MEASUREMENT,
        sandboxed_start.MEASUREMENT,
        pacing.MEASUREMENT,
        rendering.MEASUREMENT,
        places.MEASUREMENT,
        scale.MEASUREMENT,
        thousand.MEASUREMENT,
        stall.MEASUREMENT,
        soak.MEASUREMENT,
    )
}

PLAIN_WIDTH: Final = 160
"""Columns without a terminal."""


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("names", nargs=-1, metavar="[NAME]...", type=click.Choice(list(MEASUREMENTS)))
@click.option("--quick", is_flag=True, help="Fewer rounds and threads, to see that it works.")
@click.option("--json", "path", type=click.Path(path_type=Path), help="Write the results there instead.")
def main(names: Sequence[str], path: Path | None, *, quick: bool) -> None:
    """Measure Threadline on this machine: everything, or the parts that are named.

    `python -m bench versus --help` compares bots.
    """
    if not Path("/proc/self/stat").exists():
        raise click.ClickException("CPU and memory are read from /proc, which only Linux has")
    console = Console()
    if not console.is_terminal:
        console = Console(width=PLAIN_WIDTH)
    chosen = [MEASUREMENTS[name] for name in dict.fromkeys(names)] or list(MEASUREMENTS.values())
    began = time.monotonic()
    results, failed = asyncio.run(_measure_all(console, chosen, quick=quick))
    target = path or report.default_path()
    report.write(target, results, quick=quick)
    console.print(f"{time.monotonic() - began:.0f} s; written to {target}", highlight=False, soft_wrap=True)
    sys.exit(1 if failed else 0)


async def _measure_all(
    console: Console, chosen: Sequence[Measurement], *, quick: bool
) -> tuple[dict[Measurement, list[Figure]], bool]:
    """Measure one after another, and continue after a failed one."""
    progress, results, failed = Progress(console), dict[Measurement, list[Figure]](), False
    for number, measurement in enumerate(chosen, 1):
        try:
            with progress.measuring(f"{number}/{len(chosen)} {measurement.title}"):
                results[measurement] = await measurement.measure(Run(quick, progress))
        except Failed as error:
            failed = True
            console.print(f"{measurement.title}: failed: {error}", style="red", markup=False)
        else:
            report.show(console, measurement, results[measurement])
    return results, failed


if __name__ == "__main__":
    if sys.argv[1:2] == ["versus"]:
        versus.run()
    main()
