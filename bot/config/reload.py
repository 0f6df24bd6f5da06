"""Reloads the configuration while the bot runs: applies what concerns no turn, and lists what needs a restart."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from acp.places.here import HERE

from .document import ConfigError
from .load import load
from .schema import ChannelConfig, Config

RELOADABLE = {
    "access": frozenset({"guilds", "channels", "users", "approvers", "admins"}),
    "threads": frozenset(
        {"mention", "mention_roles", "bots", "trusted_bots", "bot_turns", "busy", "auto_archive_minutes"},
    ),
}
"""Keys, by table, that are read at each use. `[channels.ID]` is reloadable as a whole."""


@dataclass(frozen=True, slots=True)
class Reloaded:
    """The result of a reload: the configuration from now on, the applied keys, and the keys that wait for a restart."""

    config: Config
    applied: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()
    mistake: str = ""
    """Why the file cannot be used, a line for each problem; the configuration is then unchanged."""


def reload(running: Config) -> Reloaded:
    """Read the file of a running configuration again."""
    try:
        return apply_reloadable(running, load(running.file))
    except ConfigError as error:
        return Reloaded(running, mistake=str(error))


def apply_reloadable(running: Config, new: Config) -> Reloaded:
    """Return the running configuration with the reloadable keys of a new one."""
    update: dict[str, Any] = {"channels": dict(_channels(running, new))}
    for table, keys in RELOADABLE.items():
        fresh = {key: getattr(getattr(new, table), key) for key in keys}
        update[table] = getattr(running, table).model_copy(update=fresh)
    config = running.model_copy(update=update)
    return Reloaded(config, tuple(_differences(running, config)), tuple(_differences(config, new)))


def _channels(running: Config, new: Config) -> Iterator[tuple[int, ChannelConfig]]:
    """Return the channel tables: the new ones, except those that name what only a restart brings."""
    for channel_id in running.channels.keys() | new.channels.keys():
        channel = new.channels.get(channel_id)
        if channel is not None and not _is_known(channel, running):
            channel = running.channels.get(channel_id)
        if channel is not None:
            yield channel_id, channel


def _is_known(channel: ChannelConfig, running: Config) -> bool:
    agents, places = running.agents.by_name.keys(), {HERE, *running.places}
    return {channel.agent, *channel.agents} <= agents and places.issuperset(channel.places)


def _differences(one: Config, other: Config) -> Iterator[str]:
    """Return the dotted keys in which two configurations differ, in the order of the code."""
    for table in Config.model_fields:
        yield from _differing(table, getattr(one, table), getattr(other, table))


def _differing(name: str, one: object, other: object) -> Iterator[str]:
    if one == other:
        return
    match one, other:
        case BaseModel(), BaseModel():
            one, other = dict(one), dict(other)
        case Mapping(), Mapping() if name in {"channels", "places"}:
            pass
        case _:
            yield name
            return
    for key in [*one, *(key for key in other if key not in one)]:
        yield from _differing(f"{name}.{key}", one.get(key), other.get(key))
