"""The places of the configuration: this machine, and those that an engine reaches."""

import asyncio
import os
from collections.abc import Iterator, Mapping

from acp import Place, environment
from acp.places.far_place import FarPlace
from acp.places.here import HERE, Here
from bot.config.places import PlaceConfig
from bot.config.schema import Config


class Places(Mapping[str, Place]):
    """Every place by its name, `HERE` first. Built once: a reload of the configuration leaves running agents alone."""

    def __init__(self, config: Config, journal_id: str) -> None:
        """Take the tables `[places.NAME]`, and the id that begins the markers of this bot's processes."""
        self._far = {name: far_place(name, each, journal_id) for name, each in config.places.items()}
        self._all: dict[str, Place] = {HERE: Here(config.own_files), **self._far}

    def __getitem__(self, name: str) -> Place:
        """Return the place of that name. Raises `KeyError`."""
        return self._all[name]

    def __iter__(self) -> Iterator[str]:
        """Return the names."""
        return iter(self._all)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._all)

    async def sweep(self) -> None:
        """End what earlier runs of this bot left in the other places.

        The starts of a place wait until its part is done. Run this as a task, made before the first start.
        """
        async with asyncio.TaskGroup() as tasks:
            for name, place in self._far.items():
                tasks.create_task(place.sweep(), name=f"sweep {name}")


def far_place(name: str, config: PlaceConfig, journal_id: str) -> FarPlace:
    """Build the place of a table."""
    env = environment(os.environ, inherit=config.client_variables, env={})
    return FarPlace(name, config.command_lines(), journal_id, env=env, keep_alive=config.keep_alive_seconds)
