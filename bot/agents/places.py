"""The places of the configuration: this machine, and those that an engine reaches."""

from collections.abc import Iterator, Mapping

from acp import Place
from acp.places.here import HERE, Here
from bot.config.schema import Config
from pool.placement import Room


class Places(Mapping[str, Place]):
    """Every place by its name, `HERE` first. Built once: a reload of the configuration leaves running agents alone."""

    def __init__(self, config: Config, journal_id: str) -> None:
        """Take the tables `[places.NAME]`, and the id that begins the markers of this bot's processes."""
        self._all: dict[str, Place] = {HERE: Here(config.own_files)}
        self.far: list[Room] = []
        """All but this machine, for the pool."""
        if config.places:
            from .far_places import far_place  # noqa: PLC0415 - 0.4 MB, loaded before the bot connects

            for name, each in config.places.items():
                self._all[name] = far_place(name, each, journal_id)
                self.far.append(Room(self._all[name], each.max_agents, each.memory))

    def __getitem__(self, name: str) -> Place:
        """Return the place of that name. Raises `KeyError`."""
        return self._all[name]

    def __iter__(self) -> Iterator[str]:
        """Return the names."""
        return iter(self._all)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._all)
