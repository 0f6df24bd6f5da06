"""The adapter for Threadline itself."""

import sys
from pathlib import Path
from typing import Any, Final

from bench.agent_command import ROOT
from bench.versus.adapter import Adapter, Launch, Workplace
from loopback.harness import lines

PLENTY: Final = 100_000
"""A bound above all scenes."""

SPARE_AGENTS: Final = 2
"""More agents than threads, so that no agent is ended to make place for another."""


def _launch(workplace: Workplace) -> Launch:
    folder = Path(workplace.folder)
    tables: dict[str, dict[str, Any]] = {
        "discord": {"token": workplace.token, "endpoint": workplace.endpoint},
        "access": {"guilds": [workplace.guild], "channels": [workplace.channel]},
        "agents.default": {"command": workplace.agent, "cwd": workplace.project},
        "pool": {"max_agents": workplace.threads + SPARE_AGENTS, "per_user": PLENTY, "per_minute": PLENTY},
        "threads": {"introduction": False},
        "journal": {"path": str(folder / "threadline.db")},
    }
    config = folder / "threadline.toml"
    config.write_text("\n".join(f"[{name}]\n{lines(table)}" for name, table in tables.items()), "utf-8")
    # A state directory of its own for its lock, because the bot is the same user in every loopback Discord.
    env = {"PYTHONPATH": str(ROOT), "XDG_STATE_HOME": str(folder)}
    return Launch((sys.executable, "-m", "bot", "run", "-c", str(config)), env)


ADAPTER: Final = Adapter("threadline", _launch)
