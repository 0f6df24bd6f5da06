"""How this program is called: absolutely for a service, and as a person types it here."""

import os
import shlex
import shutil
import sys
from pathlib import Path

from bot.config.search import find

CONTAINER_MARKS = ("/.dockerenv", "/run/.containerenv")
"""Files that Docker and Podman put into each container."""

FIRST_PROCESS = Path("/proc/1/cmdline")
"""The arguments of the process that a container was started for (Linux, proc_pid_cmdline(5))."""


def program() -> tuple[str, ...]:
    """Return the absolute command that starts this program: its script, or else this Python."""
    for script in (Path(sys.argv[0]).absolute(), Path(sys.executable).with_name("threadline")):
        if script.name == "threadline" and shutil.which(script):
            return (str(script),)
    return (sys.executable, "-m", "bot")


def command_line(*arguments: str, configuration: Path) -> str:
    """Return a line for a shell in this directory that calls this program.

    In a container that was started for this command alone, it is the arguments of the next start: the image's entry
    point is the program. The configuration is named unless it is found without.
    """
    script, *rest = program()
    words = [*arguments] if is_container_main() else [_as_typed(script), *rest, *arguments]
    if find(os.environ).absolute() != configuration.absolute():
        words += ["-c", str(configuration)]
    return shlex.join(words)


def is_container_main() -> bool:
    """Return whether a container was started for this command alone, so that no shell is left in it afterwards."""
    if not any(map(os.path.exists, CONTAINER_MARKS)) and "KUBERNETES_SERVICE_HOST" not in os.environ:
        return False
    try:
        first = FIRST_PROCESS.read_bytes().split(b"\0")[:-1]
    except OSError:
        return False
    given = [os.fsencode(word) for word in sys.argv[1:]]
    return bool(given) and first[-len(given) :] == given


def _as_typed(script: str) -> str:
    """Return a program's name where the PATH has it, its relative path below this directory, or its path."""
    path, here = Path(script), Path.cwd()
    found = shutil.which(path.name)
    if found is not None and path.samefile(found):
        return path.name
    return str(path.relative_to(here)) if path.is_relative_to(here) else script
