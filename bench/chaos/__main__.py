"""`python -m bench.chaos --rounds N --seed S`: runs rounds, prints a table, and writes JSON."""

import asyncio
import logging
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import click
from rich.console import Console

from bench.chaos.plan import ELSEWHERE, Trouble
from bench.report import default_path
from tests.cluster.ssh_server import SSHD

from . import report
from .workers import ChaosRun, run

PLAIN_WIDTH = 120
"""Columns without a terminal."""


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--rounds", default=200, show_default=True, type=click.IntRange(1), help="How many rounds.")
@click.option("--seed", default=1, show_default=True, help="What they are made from.")
@click.option("--first", default=0, show_default=True, type=click.IntRange(0), help="The number of the first round.")
@click.option("--lanes", default=8, show_default=True, type=click.IntRange(1), help="How many bots share the rounds.")
@click.option(
    "--threads",
    default=0,
    show_default="those of one round",
    type=click.IntRange(0),
    help="In how many threads people talk to each bot at the same time.",
)
@click.option(
    "--places", default=0, show_default=True, type=click.IntRange(0), help="On how many hosts behind SSH agents run."
)
@click.option(
    "--only",
    multiple=True,
    type=click.Choice([each.value for each in Trouble]),
    help="What may go wrong; repeat for more.",
)
@click.option("--json", "path", type=click.Path(path_type=Path), help="Write the results there instead.")
def main(
    rounds: int, seed: int, first: int, lanes: int, threads: int, places: int, only: tuple[str, ...], path: Path | None
) -> None:
    """Talk to the real bot while it is killed, cut off and restarted, and see whether the books balance."""
    if not Path("/proc/self/environ").exists():
        raise click.ClickException("agents are found by their environment in /proc, which only Linux has")
    if places and SSHD is None:
        raise click.ClickException("the other machines are SSH servers, for which Debian's openssh-server is needed")
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)  # A killed bot leaves half a request.
    console = Console()
    if not console.is_terminal:
        console = Console(width=PLAIN_WIDTH)
    possible = [each for each in Trouble if places or each not in ELSEWHERE]
    asked = ChaosRun(seed, first, rounds, lanes, tuple(map(Trouble, only)) or tuple(possible), places, threads)
    began = time.monotonic()
    with TemporaryDirectory(prefix="threadline-chaos-") as folder:
        result = asyncio.run(run(asked, Path(folder), lambda outcome: report.progress(console, outcome)))
    report.show(console, asked, result, time.monotonic() - began)
    target = path or default_path("chaos-")
    report.write(target, asked, result)
    console.print(f"written to {target}", highlight=False, soft_wrap=True)
    sys.exit(1 if result.is_wrong else 0)


if __name__ == "__main__":
    main()
