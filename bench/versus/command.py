"""The command line `python -m bench versus`."""

import asyncio
import logging
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import click
from rich.console import Console

from bench.report import default_path
from bench.run import Progress, Run
from bench.versus import report
from bench.versus.adapter import Adapter, NotInstalled, for_command
from bench.versus.adapters import ADAPTERS
from bench.versus.play import Played, play
from bench.versus.scene import Scene
from bench.versus.scenes import SCENES

PLAIN_WIDTH = 160
"""Columns without a terminal."""


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--bot", "bots", multiple=True, type=click.Choice(list(ADAPTERS)), help="A bot; repeat for more.")
@click.option("--scene", "scenes", multiple=True, type=click.Choice(list(SCENES)), help="A scene; repeat for more.")
@click.option("--quick", is_flag=True, help="Fewer rounds and threads, to see that it works.")
@click.option("--json", "path", type=click.Path(path_type=Path), help="Write the results there instead.")
@click.argument("command", nargs=-1)
def main(bots: Sequence[str], scenes: Sequence[str], path: Path | None, command: Sequence[str], *, quick: bool) -> None:
    """Play the same scenes with Discord bots on loopback: those named, and the one that COMMAND starts.

    In COMMAND, {endpoint}, {token}, {bot}, {application}, {guild}, {channel}, {person}, {agent}, {project}, {folder}
    and {threads} are replaced; the environment has them too, as THREADLINE_VERSUS_ENDPOINT and so on. {agent} is a
    program that speaks ACP, which the bot must use as its agent.
    """
    if not Path("/proc/self/environ").exists():
        raise click.ClickException("agents are found by their environment in /proc, which only Linux has")
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)  # A killed bot leaves half a request.
    adapters = [ADAPTERS[each] for each in dict.fromkeys(bots)]
    if command:
        program = shutil.which(command[0])
        if program is None:
            raise click.UsageError(f"{command[0]} was not found; give the path of a program, or a name on PATH")
        # A bot is started in a directory of its own.
        adapters.append(for_command((str(Path(program).absolute()), *command[1:])))
    if not adapters:
        raise click.UsageError("name a bot by --bot, or give its command after --")
    console = Console()
    if not console.is_terminal:
        console = Console(width=PLAIN_WIDTH)
    began = time.monotonic()
    chosen = [SCENES[each] for each in dict.fromkeys(scenes)] or list(SCENES.values())
    results = asyncio.run(_play_all(console, adapters, chosen, quick=quick))
    report.show(console, results)
    target = path or default_path("versus-")
    report.write(target, results, quick=quick)
    console.print(f"{time.monotonic() - began:.0f} s; written to {target}", highlight=False, soft_wrap=True)


async def _play_all(
    console: Console, adapters: Sequence[Adapter], scenes: Sequence[Scene], *, quick: bool
) -> list[Played]:
    """Play each scene with every bot in turn, so that what else the machine does meets them all."""
    progress, results = Progress(console), list[Played]()
    missing = set[str]()
    for scene in scenes:
        for adapter in adapters:
            if adapter.name in missing:
                continue
            with progress.measuring(f"{scene.title}, {adapter.name}"):
                progress.step("playing", 0, 1)
                try:
                    results.append(await play(adapter, scene, Run(quick, progress)))
                except NotInstalled as error:
                    missing.add(adapter.name)
                    progress.note(str(error))
    return results


def run() -> None:
    """Run it with the arguments after the word `versus`."""
    main(sys.argv[2:], prog_name="python -m bench versus")
