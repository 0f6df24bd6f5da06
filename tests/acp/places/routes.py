"""Ways to a runner on this machine: what stands before it changes neither the runner nor what leads to it."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from acp.places import runner
from acp.places.far_commands import Route
from tests.acp.child_processes import RUN

FILE = Path(runner.__file__)

SHORT_STEPS: dict[str, object] = {"EOF_SECONDS": 0.2, "TERM_SECONDS": 0.2, "KILL_SECONDS": 1.0}
"""Steps of the stop ladder for agents that are known to ignore them."""

_HURRIED = """
import importlib.util, sys
spec = importlib.util.spec_from_file_location("runner", {path!r})
runner = importlib.util.module_from_spec(spec)
spec.loader.exec_module(runner)
vars(runner).update({constants!r})
sys.exit(runner.main())
"""


def source() -> tuple[str, ...]:
    """Return the command line as an engine has it: the source as an argument."""
    return (sys.executable, "-c", FILE.read_text())


def hurried(constants: Mapping[str, object] = SHORT_STEPS) -> tuple[str, ...]:
    """Return the command line of a runner with other constants."""
    return (sys.executable, "-c", _HURRIED.format(path=str(FILE), constants={**constants}))


def environment() -> dict[str, str]:
    """Return the environment of a client, which marks all that this run of the tests starts."""
    names = ("PATH", "TMPDIR", "HOME", "COVERAGE_PROCESS_START", "COVERAGE_PROCESS_CONFIG")
    return {name: os.environ[name] for name in names if name in os.environ}


def route(*enter: str, command: tuple[str, ...] = (), place: str = "worker1") -> Route:
    """Return the way through the command `enter`."""
    return Route(place, (*enter, *(command or source())), RUN, environment())


def relayed(command: tuple[str, ...] = (), place: str = "worker1") -> Route:
    """Return a way through a client that is a process of its own, with none of the runner's descriptors or marks.

    The client's end, or that of its group, is the end of both streams there.
    """
    script = f'cat | env -u {runner.MARKER} setsid "$@" | cat'
    return route("sh", "-c", script, "sh", command=command or hurried(), place=place)
