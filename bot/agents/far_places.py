"""Builds the places that an engine reaches. Imported only where the configuration has some."""

import os
import secrets

from acp import environment
from acp.places.far_place import FarPlace
from bot.config.places import PlaceConfig


def far_place(name: str, config: PlaceConfig, journal_id: str) -> FarPlace:
    """Build the place of a table."""
    env = environment(os.environ, inherit=config.client_variables, env={})
    run, alive = secrets.token_hex(2), config.keep_alive_seconds
    return FarPlace(name, config.command_lines(), journal_id, run=run, env=env, keep_alive=alive)
