"""What must hold on this machine before the bot starts. Errors name the dotted key to change."""

import os
import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING

from .reading import Problem

if TYPE_CHECKING:
    from .config import AgentConfig, Config

__all__ = ["unmet"]


def unmet(config: "Config") -> Iterator[Problem]:
    """Find what does not hold."""
    for name, agent in config.agents.by_name.items():
        yield from _missing(name, agent)


def _missing(name: str, agent: "AgentConfig") -> Iterator[Problem]:
    """Look at what the agent needs on this machine."""
    if not agent.cwd.is_dir():
        yield ("agents", name, "cwd"), f"the directory {agent.cwd} does not exist"
        return
    command = str(agent.cwd / agent.command) if os.sep in agent.command else agent.command
    if shutil.which(command, path=agent.environment().get("PATH", os.defpath)) is None:
        advice = f" To install it: {agent.known.install}" if agent.known else ""
        yield ("agents", name, "command"), f"the command {agent.command!r} was not found; is it installed?{advice}"
