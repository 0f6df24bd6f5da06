"""`threadline runner`: the far end of a place, where Threadline is installed on that machine."""

import os
import sys

import click

from acp.places import runner as far_end

from .texts import options


@click.command(help=options.RUNNER)
def runner() -> None:
    """Become the runner: it lives as long as its agent, and needs nothing of what has been loaded here."""
    os.execv(sys.executable, [sys.executable, "-I", far_end.__file__])  # noqa: S606 - no shell is wanted
