"""The places of the configuration: this machine, and those that an engine reaches."""

import os
from collections.abc import Iterator, Mapping

from acp import Place, environment
from acp.places.far_place import FarPlace
from acp.places.here import HERE, Here
from bot.config.places import PlaceConfig
from bot.config.schema import Config
from pool.placement import Room


class Places(Mapping[str, Place]):
    """Every place by its name, `HERE` first. Built once: a reload of the configuration leaves running agents alone."""

    def __init__(self, config: Config, journal_id: str) -> None:
        """Take the tables `[places.NAME]`, and the id that begins the markers of this bot's processes."""
        far = {name: far_place(name, each, journal_id) for name, each in config.places.items()}
        self._all: dict[str, Place] = {HERE: Here(config.own_files), **far}
        self.far = [Room(far[name], each.max_agents, each.memory) for name, each in config.places.items()]
        """All but this machine, for the pool."""

    def __getitem__(self, name: str) -> Place:
        """Return the place of that name. Raises `KeyError`."""
        return self._all[name]

    def __iter__(self) -> Iterator[str]:
        """Return the names."""
        return iter(self._all)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._all)


def far_place(name: str, config: PlaceConfig, journal_id: str) -> FarPlace:
    """Build the place of a table."""
    env = environment(os.environ, inherit=config.client_variables, env={})
    return FarPlace(name, config.command_lines(), journal_id, env=env, keep_alive=config.keep_alive_seconds)
