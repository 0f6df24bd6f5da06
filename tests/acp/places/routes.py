"""Ways to a runner on this machine: what stands before it changes neither the runner nor what leads to it."""

import os
import sys
from pathlib import Path

from acp.places import runner
from acp.places.far_commands import Route
from tests.acp.child_processes import RUN

SOURCE = Path(runner.__file__).read_text()

PYTHON = (sys.executable, "-c", SOURCE)


def route(*enter: str, python: tuple[str, ...] = PYTHON, place: str = "worker1") -> Route:
    """Return the way through the command `enter`."""
    names = ("PATH", "TMPDIR", "HOME")
    return Route(place, (*enter, *python), RUN, {name: os.environ[name] for name in names if name in os.environ})
