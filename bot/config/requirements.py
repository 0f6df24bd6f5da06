"""Checks the configuration against this machine: errors that stop the start, and warnings, each with its key."""

import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from acp.process.agent_process import is_directory
from bot.access.gate import People

from .agents import AgentConfig
from .document import Problem
from .file_exposure import readable_by_others
from .schema import ChannelConfig, Config
from .secrets import literal_secrets

READABLE = "others may read what stands here; use a variable, or close the file"

MAX_PATH_ENTRIES = 1000
"""Path entries that are followed to a file; circular links lead nowhere."""


def unmet_requirements(config: Config) -> list[Problem]:
    """Return the problems on this machine: the parts of the key, and a line that names the file too."""
    document = config.document
    return [(keys, document.located(keys, words)) for keys, words in _problems(config)] if document else []


def warnings(config: Config) -> list[str]:
    """Return settings that are allowed, but hardly intended."""
    access, threads = config.access, config.threads
    empty = [name for name in ("users", "admins") if getattr(access, name) == People()]
    found = [f"access.{name} is empty: nobody is allowed" for name in empty]
    if access.approvers == People():
        found.append("access.approvers is empty: only admins are allowed")
    if threads.bots != "off" and not threads.trusted_bots:
        found.append("threads.trusted_bots is empty: no bot is answered")
    if access.channels == frozenset():
        found.append("access.channels is empty: the bot works nowhere")
    elif access.channels is not None:
        unlisted = sorted(config.channels.keys() - access.channels)
        found += [f"channels.{each} is about a channel that access.channels does not list" for each in unlisted]
    for name, agent in config.agents.by_name.items():
        for each in sorted(agent.client.intersection(agent.known_preset.own_client if agent.known_preset else ())):
            found.append(f'agents.{name}.client: "{each}" protects nothing: the agent does it also when refused')
    document = config.document
    if document is not None and readable_by_others(document.path):
        readable = literal_secrets(config, document.variables)
        found += [f"{'.'.join(keys)}: {READABLE}: chmod 600 {document.path}" for keys in readable]
    return found


def _problems(config: Config) -> Iterator[Problem]:
    for name, agent in config.agents.by_name.items():
        yield from _agent_problems(name, agent)
    for channel_id, channel in config.channels.items():
        yield from _channel_problems(("channels", str(channel_id)), channel, config.agents.by_name)
    yield from _exposure_problems(config)


def _exposure_problems(config: Config) -> Iterator[Problem]:
    """Find the bot's own files in agents' directories: an agent would read secrets there, or grant itself rights."""
    for keys, directory in _directories(config):
        within = Path(os.path.realpath(directory))
        inside = (file for file in config.own_files if any(within in each.parents for each in _entries_to(file)))
        if (file := next(inside, None)) is not None:
            yield keys, f"the agent could read and change {file} there; keep it and what agents work on apart"


def _entries_to(file: Path) -> Iterator[Path]:
    """Return every entry that leads to a file, the file last: a link's owner decides where it leads."""
    left, here = [*file.absolute().parts], Path()
    for _ in range(MAX_PATH_ENTRIES):
        if not left:
            return
        part = left.pop(0)
        entry = here.parent if part == ".." else here / part
        yield entry
        try:
            left = [*entry.readlink().parts, *left]  # An absolute target starts at its first part, the root.
        except OSError:  # No link, missing, or inaccessible.
            here = entry


def _directories(config: Config) -> Iterator[tuple[tuple[str, ...], Path]]:
    """Return the directories in which agents work, each with its key."""
    for name, agent in config.agents.by_name.items():
        yield ("agents", name, "cwd"), agent.cwd
        for directory in agent.additional_directories:
            yield ("agents", name, "additional_directories"), directory
    for channel_id, channel in config.channels.items():
        if channel.cwd:
            yield ("channels", str(channel_id), "cwd"), Path(channel.cwd)


def _agent_problems(name: str, agent: AgentConfig) -> Iterator[Problem]:
    """Find what the agent lacks on this machine."""
    if unusable := _unusable(agent.cwd):
        yield ("agents", name, "cwd"), unusable
        return
    wanted: dict[str, str] = {"command": agent.command} | ({"wrap": agent.wrap[0]} if agent.wrap else {})
    for key, command in wanted.items():
        program = str(agent.cwd / command) if os.sep in command else command
        if shutil.which(program, path=agent.search_path) is None:
            advice = f" To install it: {agent.known_preset.install}" if agent.known_preset and key == "command" else ""
            yield ("agents", name, key), f"the command {command!r} was not found; is it installed?{advice}"
            return
    for number, server in enumerate(agent.mcp_servers):
        if server.type == "stdio" and server.program(agent.cwd, agent.search_path) is None:
            where = ("agents", name, "mcp_servers", str(number), "command")
            yield where, f"the command {server.command!r} was not found; is it installed?"
    for directory in agent.additional_directories:
        if unusable := _unusable(directory):
            yield ("agents", name, "additional_directories"), unusable


def _unusable(directory: Path) -> str:
    """Say why a directory is unusable; empty where it is fine."""
    try:
        return "" if is_directory(directory) else f"the directory {directory} does not exist"
    except OSError as error:  # A parent may not be entered, such as another account's home.
        return f"the directory {directory} cannot be entered: {error.strerror}"


def _channel_problems(
    table: tuple[str, ...], channel: ChannelConfig, agents: Mapping[str, AgentConfig]
) -> Iterator[Problem]:
    """Find what is wrong in a channel's table."""
    if channel.cwd and (unusable := _unusable(Path(channel.cwd))):
        yield (*table, "cwd"), unusable
    for key, names in (("agent", (channel.agent,)), ("agents", channel.agents)):
        for name in names:
            if name not in agents:
                yield (*table, key), f"there is no agent {name!r}; there are: {', '.join(agents)}"
