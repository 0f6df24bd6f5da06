"""Whether what confines agents stays out of their hands: the program that `wrap` names, and where each agent works.

An agent that is confined can still change all that lies in its directories. Were the wrapper among that, or a program
or file that it needs, the agent could change what is put around it when it starts next. And with a directory in it in
which another one works, it could put a link in the place of that: the other's wrapper would then open what it leads to.
"""

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from .reading import Problem
from .ways import way_to

if TYPE_CHECKING:
    from .config import AgentConfig, Config

__all__ = ["loopholes"]

INTERPRETERS: Final = 4
"""How many programs may stand behind a script (Linux, execve(2))."""

SCRIPT_LINE: Final = 256
"""Bytes of the first line of a script that count (Linux, execve(2))."""

_PLACES = re.compile(r"bind|mount|overlay|tmpfs|chdir|chroot|symlink|read-?only|read-?write|\br[ow]\b|list$")
"""Options that say of a place how the agent sees it; it may well be one in its own directory, to protect that."""


def loopholes(config: "Config") -> Iterator[Problem]:
    """Find where an agent in a wrapper could get out of it, or another one out of its own."""
    confined = {directory: None for _, directory, names in _workplaces(config) if any(names)}
    written = [Path(os.path.realpath(directory)) for directory in confined]
    for keys, directory, _ in _workplaces(config):
        if (entry := _changeable(directory, written)) is not None:
            yield keys, f"an agent that is confined by wrap could put a link in the place of {entry}; keep them apart"
    for name, agent in config.agents.by_name.items():
        own = [directory for _, directory, names in _workplaces(config) if name in names] if agent.wrap else []
        needed = (file for directory in own for file in _needed(agent, directory))
        entry = next((entry for file in needed if (entry := _changeable(file, written)) is not None), None)
        if entry is not None:
            yield ("agents", name, "wrap"), f"an agent could change {entry} and so what is put around it; keep it apart"


def _workplaces(config: "Config") -> Iterator[tuple[tuple[str, ...], Path, frozenset[str]]]:
    """Name the directories in which agents work, each with its key and the agents that are confined in there."""
    wrapped = frozenset(name for name, agent in config.agents.by_name.items() if agent.wrap)
    for name, agent in config.agents.by_name.items():
        yield ("agents", name, "cwd"), agent.cwd, wrapped & {name}
        for directory in agent.additional_directories:
            yield ("agents", name, "additional_directories"), directory, wrapped & {name}
    for channel_id, channel in config.channels.items():
        if channel.cwd:
            names = {channel.agent, *(channel.agents or config.agents.by_name)}
            yield ("channels", str(channel_id), "cwd"), Path(channel.cwd), wrapped & names


def _changeable(file: Path, written: list[Path]) -> Path | None:
    """Return the entry on the way to a file that lies in one of the directories, so that it can be replaced."""
    return next((entry for entry in way_to(file) if any(place in entry.parents for place in written)), None)


def _needed(agent: "AgentConfig", directory: Path) -> Iterator[Path]:
    """List what decides how an agent is confined in a directory: programs, and files that the wrapper is told of."""
    program, *told = (part.replace("{cwd}", str(directory)) for part in agent.wrap)
    yield from _programs(program, directory, agent.search_path)
    option = ""
    for part in told:
        if part.startswith("-"):
            option, _, part = part.partition("=")  # noqa: PLW2901 - what is left of it is the value
        path = directory / part
        if part and not _PLACES.search(option) and os.path.lexists(path):
            yield path


def _programs(name: str, directory: Path, search_path: str) -> Iterator[Path]:
    """List where a program is looked for until it is found, and likewise what has to run it, if it is a script."""
    for _ in range(INTERPRETERS):
        found = directory / name
        if os.sep not in name:
            for place in search_path.split(os.pathsep):
                found = directory / place / name
                yield found
                if shutil.which(found) is not None:
                    break
        else:
            yield found
        words = _script_line(found)
        if not words:
            return
        if Path(words[0]).name == "env" and words[1:]:  # What env looks for runs the script.
            yield Path(words[0])
            words = [word for word in words[1:] if not word.startswith("-") and "=" not in word]
        name = words[0] if words else name


def _script_line(file: Path) -> list[str]:
    """Return the words of the line that says what runs a script; none where it is no script."""
    try:
        with file.open("rb") as script:
            line = script.read(SCRIPT_LINE).partition(b"\n")[0]
    except OSError:
        return []
    return os.fsdecode(line[2:]).split() if line.startswith(b"#!") else []
