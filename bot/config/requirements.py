"""Checks the configuration against this machine: errors that stop the start, and warnings, each with its key."""

import os
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

from acp.places.here import HERE
from acp.process.agent_process import is_directory
from acp.process.sandbox import ENGINE
from bot.access.gate import People

from . import error_texts as texts
from .agents import AgentConfig
from .document import reason_of
from .file_exposure import readable_by_others
from .mistakes import Problem, closest
from .proxy import ignored_proxy
from .schema import ChannelConfig, Config
from .secrets import literal_secrets
from .values import expand_home

MAX_PATH_ENTRIES = 1000
"""Path entries that are followed to a file; circular links lead nowhere."""


def unmet_requirements(config: Config) -> Iterator[Problem]:
    """Yield the problems on this machine."""
    for name, agent in config.agents.by_name.items():
        if runs_here(config, name):
            yield from _agent_problems(name, agent)
        yield from _place_problems(("agents", name, "places"), agent.places, config)
    for channel_id, channel in config.channels.items():
        yield from _channel_problems(("channels", str(channel_id)), channel, config)
    yield from _open_places(config)
    yield from _exposure_problems(config)
    yield from _wide_sandboxes(config)


def warnings(config: Config) -> list[str]:
    """Return settings that are allowed, but hardly intended."""
    access, threads = config.access, config.threads
    found = [texts.nobody_allowed(name) for name in ("users", "admins") if getattr(access, name) == People()]
    if access.approvers == People():
        found.append(texts.ONLY_ADMINS)
    if threads.bots != "off" and not threads.trusted_bots:
        found.append(texts.NO_BOTS)
    if ignored_proxy(config.discord):
        found.append(texts.UNUSABLE_PROXY)
    if access.channels == frozenset():
        found.append(texts.NO_CHANNELS)
    elif access.channels is not None:
        found += [texts.unlisted_channel(each) for each in sorted(config.channels.keys() - access.channels)]
    for name, agent in config.agents.by_name.items():
        for each in sorted(agent.client.intersection(agent.known_preset.own_client if agent.known_preset else ())):
            found.append(texts.useless_client(name, each))
        if agent.sandbox.is_on and agent.sandbox.state == "shared":
            found.append(texts.shared_state(name))
        if agent.sandbox.is_on and (far := [each for each in agent.places if each != HERE]):
            found.append(texts.only_sandboxed_here(name, far))
    found += _place_warnings(config)
    document = config.document
    if document is not None and readable_by_others(document.path):
        readable = literal_secrets(config, document.variables)
        found += [f"{texts.place(keys)}: {texts.READABLE.format(path=document.path)}" for keys in readable]
    return found


def _exposure_problems(config: Config) -> Iterator[Problem]:
    """Find the bot's own files in agents' directories: an agent would read secrets there, or grant itself rights."""
    for keys, directory in _directories(config):
        within = Path(os.path.realpath(directory))
        inside = (file for file in config.own_files if any(within in each.parents for each in _entries_to(file)))
        if (file := next(inside, None)) is not None:
            yield keys, texts.exposed(file)


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


def _wide_sandboxes(config: Config) -> Iterator[Problem]:
    """Find sandboxes that would show the home directory with all its keys."""
    boxed = {name for name, agent in config.agents.by_name.items() if agent.sandbox.is_on}
    home = expand_home(Path("~")).resolve()
    for keys, directory in _directories(config):
        inside = (
            keys[1] in boxed
            if keys[0] == "agents"
            else boxed.intersection(_offered(config, config.channels[int(keys[1])]))
        )
        if inside and home.is_relative_to(directory.resolve()):
            yield keys, texts.too_wide(directory)


def _offered(config: Config, channel: ChannelConfig) -> tuple[str, ...]:
    """Return the agents that may work in a channel's directory."""
    return (channel.agent, *(channel.agents or config.agents.by_name))


def _is_here(config: Config, channel: ChannelConfig) -> bool:
    """Whether agents may work in a channel's directory on this machine."""
    agents = config.agents.by_name
    places = channel.places or [
        each for name in _offered(config, channel) if name in agents for each in agents[name].places
    ]
    return HERE in places


def runs_here(config: Config, name: str) -> bool:
    """Whether an agent may run on this machine."""
    here = (channel for channel in config.channels.values() if HERE in channel.places)
    return HERE in config.agents.by_name[name].places or any(name in _offered(config, channel) for channel in here)


def _directories(config: Config) -> Iterator[tuple[tuple[str, ...], Path]]:
    """Return the directories here in which agents work, and those that their sandboxes show, each with its key."""
    for name, agent in config.agents.by_name.items():
        if not runs_here(config, name):
            continue
        yield ("agents", name, "cwd"), agent.cwd
        for directory in agent.additional_directories:
            yield ("agents", name, "additional_directories"), directory
        for key, paths in (("read", agent.sandbox.read), ("write", agent.sandbox.write)):
            for path in paths if agent.sandbox.is_on else ():
                yield ("agents", name, "sandbox", key), path
    for channel_id, channel in config.channels.items():
        if channel.cwd and _is_here(config, channel):
            yield ("channels", str(channel_id), "cwd"), Path(channel.cwd)


def _agent_problems(name: str, agent: AgentConfig) -> Iterator[Problem]:
    """Find what the agent lacks on this machine."""
    if unusable := _unusable(agent.cwd):
        yield ("agents", name, "cwd"), unusable
    wanted: dict[str, str] = {"command": agent.command} | ({"wrap": agent.wrap[0]} if agent.wrap else {})
    for key, command in wanted.items():
        relative = os.sep in command
        if unusable and relative:
            continue  # What it means depends on the directory.
        if shutil.which(str(agent.cwd / command) if relative else command, path=agent.search_path) is None:
            install = agent.known_preset.install if agent.known_preset and key == "command" else ""
            yield ("agents", name, key), _not_found(command, install)
    for number, server in enumerate(agent.mcp_servers):
        if server.type == "stdio" and server.program(agent.cwd, agent.search_path) is None:
            where = ("agents", name, "mcp_servers", str(number), "command")
            yield where, _not_found(server.command)
    for directory in agent.additional_directories:
        if unusable := _unusable(directory):
            yield ("agents", name, "additional_directories"), unusable
    if agent.sandbox.is_on:
        yield from _sandbox_problems(("agents", name, "sandbox"), agent)


def _sandbox_problems(table: tuple[str, ...], agent: AgentConfig) -> Iterator[Problem]:
    """Find what the sandbox of an agent lacks on this machine."""
    if shutil.which(ENGINE) is None:
        yield (*table, "engine"), texts.SANDBOX_MISSING
    for key, paths in (("read", agent.sandbox.read), ("write", agent.sandbox.write)):
        for number, path in enumerate(paths):
            if not os.path.lexists(path):
                yield (*table, key, str(number)), texts.no_path(path)


def _not_found(command: str, install: str = "") -> str:
    """Say why there is no such program; a command with arguments behind it is a common mistake."""
    try:
        first, *others = shlex.split(command)
    except ValueError:
        first, others = command, []
    return texts.arguments_in_command(first, others) if others else texts.command_not_found(command, install)


def _unusable(directory: Path) -> str:
    """Say why a directory is unusable; empty where it is fine."""
    try:
        return "" if is_directory(directory) else texts.no_directory(directory)
    except OSError as error:  # A parent may not be entered, such as another account's home.
        return texts.closed_directory(directory, reason_of(error))


def _channel_problems(table: tuple[str, ...], channel: ChannelConfig, config: Config) -> Iterator[Problem]:
    """Find what is wrong in a channel's table."""
    agents = config.agents.by_name
    if channel.cwd and _is_here(config, channel) and (unusable := _unusable(Path(channel.cwd))):
        yield (*table, "cwd"), unusable
    for key, names in (("agent", (channel.agent,)), ("agents", channel.agents)):
        for name in names:
            if name not in agents:
                yield (*table, key), texts.no_such_agent(name, agents, closest(name, agents))
    yield from _place_problems((*table, "places"), channel.places, config)


def _place_problems(key: tuple[str, ...], names: tuple[str, ...], config: Config) -> Iterator[Problem]:
    """Find names of places that do not exist."""
    known = (HERE, *config.places)
    for name in names:
        if name not in known:
            yield key, texts.no_such_place(name, known, closest(name, known))


def _open_places(config: Config) -> Iterator[Problem]:
    """Find places where an agent that has a sandbox here would have none."""
    boxed = {name for name, agent in config.agents.by_name.items() if agent.sandbox.is_on}
    wanted = [(("agents", name, "places"), config.agents.by_name[name].places) for name in boxed]
    for channel_id, channel in config.channels.items():
        if boxed.intersection(_offered(config, channel)):
            wanted.append((("channels", str(channel_id), "places"), channel.places))
    for key, names in wanted:
        for name in names:
            if name in config.places and not config.places[name].may_isolate:
                yield key, texts.no_sandbox_there(name)


def _place_warnings(config: Config) -> Iterator[str]:
    """Find settings that have no effect on other machines, and agents that fit into none."""
    for name, agent in config.agents.by_name.items():
        if not runs_here(config, name):
            yield from (texts.only_here(name, key) for key in ("warm", "client") if getattr(agent, key))
        for place in agent.places:
            if place in config.places and 0 < config.places[place].memory < agent.memory:
                yield texts.too_large_for(name, place)
