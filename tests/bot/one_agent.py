"""A configuration of one agent, for tests that need no other."""

from pathlib import Path

from bot.agents import Agents
from bot.config import Config
from pool.journal import Journal

__all__ = ["one_agent"]


def one_agent(folder: Path, journal: Journal, *, finish: str = "edit") -> Agents:
    """Return the agents of a configuration whose only agent works in `folder`, and introduces itself to nobody.

    `finish` is `reply.finish`.
    """
    tables = {
        "discord": {"token": "t"},
        "agents": {"default": {"command": "agent", "cwd": folder}},
        "threads": {"introduction": False},
        "reply": {"finish": finish},
    }
    return Agents(Config.model_validate(tables), journal)
