"""Examines a place: who runs there, whether it has the directories and the room, and whether agents start there."""

import asyncio
import secrets
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum, auto
from pathlib import PurePath, PurePosixPath
from typing import Final

from acp import AcpError, Agent, Place
from acp.places.far_place import FarPlace
from bot.config.agents import AgentConfig
from bot.config.places import PlaceConfig
from bot.config.schema import Config

from .far_places import far_place

START_MINUTES: Final = 1.0
"""Most minutes of a start, however long the place's queue may be at other times."""

LOOK_SECONDS: Final = 30.0
"""Bound of the look at directories and disks: a network file system may be slow."""

_KIBIBYTE: Final = 1024
_DIGITS: Final = 15
"""Most digits of a disk's kibibytes: an exabyte has as many."""

# Each line of the answer begins with what it is about. `-O` is whether the account owns the directory.
_LOOK: Final = """\
umask 077
files=$1; shift
mkdir -p "$files" 2>/dev/null && : > "$files/$1" && rm -f "$files/$1" && echo writable
shift
[ -O "$files" ] && [ -z "$(find "$files" -maxdepth 0 -perm /022 2>/dev/null)" ] && echo private
df -Pk "$files" 2>/dev/null | awk 'NR == 2 { print "free", $4 }'
for directory; do [ -d "$directory" ] && echo directory; [ -d "$directory" ] || echo missing; done
"""


class FilesProblem(Enum):
    """Why people's files cannot be kept there."""

    NOT_WRITABLE = auto()
    NOT_PRIVATE = auto()
    """Another account owns the directory, or may write there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentThere:
    """What became of an agent's start there."""

    agent: str
    name: str = ""
    """Its own name, with its version."""
    asks: bool = False
    """Whether the mode in which it asks first could be set."""
    error: AcpError | None = None


@dataclass(slots=True, kw_only=True)
class PlaceReport:
    """The findings about one place. Fields that the examination did not reach keep their defaults."""

    place: str
    host: str
    python: str = ""
    missing: tuple[str, ...] = ()
    """Directories of agents that do not exist there."""
    files: str
    files_problem: FilesProblem | None = None
    free: int | None = None
    """Bytes free on the disk of the files; None where that is unknown."""
    agents: list[AgentThere] = field(default_factory=list)
    error: AcpError | None = None
    """Why it cannot be reached, or cannot be looked at."""


async def probe_places(config: Config) -> list[PlaceReport]:
    """Examine every place that an agent or a channel names, at the same time. Raises no `AcpError`."""
    agents, directories = _agents_by_place(config), _directories_by_place(config)
    probes = [
        probe_place(name, place, agents.get(name, {}), directories.get(name, ()))
        for name, place in config.places.items()
    ]
    return await asyncio.gather(*probes)


async def probe_place(
    name: str, config: PlaceConfig, agents: Mapping[str, AgentConfig], directories: Sequence[str]
) -> PlaceReport:
    """Examine one place: reach it, look for `directories`, start each of `agents`. No process is left."""
    patient = config.model_copy(update={"start_minutes": min(config.start_minutes, START_MINUTES)})
    journal_id = f"check{secrets.token_hex(6)}"
    place = far_place(name, patient, journal_id)
    report = PlaceReport(place=name, host=config.host, files=config.files)
    try:
        report.python = (await place.hello()).python
        await _look(place, report, directories)
        # Whether the engine can end jobs; a key that starts the runner alone would lead around the engine.
        await place.reap(f"{journal_id}/")
        for number, (agent, settings) in enumerate(agents.items()):
            report.agents.append(await _start(place, f"{journal_id}/{number}", agent, settings))
    except AcpError as error:
        report.error = error
    if patient.command_lines().reap and any((report.error, *(each.error for each in report.agents))):
        with suppress(AcpError):  # What got no answer may be queued there, and no later run knows its name.
            await place.reap(f"{journal_id}/")
    return report


async def _look(place: FarPlace, report: PlaceReport, directories: Sequence[str]) -> None:
    arguments = (report.files, f".{secrets.token_hex(8)}", *directories)
    ran = await place.run(["sh", "-c", _LOOK, "sh", *arguments], cwd=PurePosixPath("/"), seconds=LOOK_SECONDS)
    lines = ran.output.decode(errors="replace").split("\n")
    if "writable" not in lines:
        report.files_problem = FilesProblem.NOT_WRITABLE
    elif "private" not in lines:
        report.files_problem = FilesProblem.NOT_PRIVATE
    there = [line == "directory" for line in lines if line in {"directory", "missing"}]
    report.missing = tuple(path for path, found in zip(directories, there, strict=False) if not found)
    free = next((line.split() for line in lines if line.startswith("free ")), [])
    told = free[1] if free[1:] and free[1].isdecimal() and len(free[1]) <= _DIGITS else None
    report.free = None if told is None else int(told) * _KIBIBYTE


async def _start(place: Place, marker: str, name: str, agent: AgentConfig) -> AgentThere:
    try:
        running = await Agent.spawn(agent.launch(), marker=marker, client=agent.far_offer(), place=place)
        try:
            session = await running.new_session(agent.cwd)
            return AgentThere(agent=name, name=running.name, asks=await session.ask_first(agent.mode))
        finally:
            await running.stop()
    except AcpError as error:
        return AgentThere(agent=name, error=error)


def _agents_by_place(config: Config) -> dict[str, dict[str, AgentConfig]]:
    found: dict[str, dict[str, AgentConfig]] = {}
    for name, agent in config.agents.by_name.items():
        for place in agent.places:
            found.setdefault(place, {})[name] = agent
    return found


def _directories_by_place(config: Config) -> dict[str, tuple[str, ...]]:
    """Return the directories of agents and channels, by place, each once."""
    found: dict[str, dict[str, None]] = {}
    agents = config.agents.by_name
    wanted: list[tuple[tuple[str, ...], PurePath]] = [(agent.places, agent.cwd) for agent in agents.values()]
    wanted += [(agent.places, each) for agent in agents.values() for each in agent.additional_directories]
    for channel in config.channels.values():
        agent = agents.get(channel.agent, config.agents.default)  # A wrong name is a mistake of its own.
        wanted.append((channel.places or agent.places, PurePath(channel.cwd or agent.cwd)))
    for places, directory in wanted:
        for place in places:
            found.setdefault(place, {})[str(directory)] = None
    return {place: tuple(directories) for place, directories in found.items()}
