"""The adapter for acp-discord (github.com/broven/acp-discord), a bot in TypeScript on discord.js.

The user has it installed: on `PATH`, or where `THREADLINE_VERSUS_ACP_DISCORD` says. It runs with its defaults. It talks
in the channels of its configuration, one conversation in each, and not in threads.
"""

import os
import shutil
from pathlib import Path
from typing import Any, Final

from bench.versus.adapter import VARIABLE, Adapter, Launch, NotInstalled, Workplace
from bench.versus.preloads import environment
from loopback.harness import lines

PROGRAM: Final = f"{VARIABLE}ACP_DISCORD"
"""Names the program, where it is not on `PATH`."""


def _launch(workplace: Workplace) -> Launch:
    wanted, folder = os.environ.get(PROGRAM, "acp-discord"), Path(workplace.folder)
    program = shutil.which(wanted)
    if program is None:
        raise NotInstalled(f"{wanted} is not installed; {PROGRAM} can name another program")
    tables: dict[str, dict[str, Any]] = {
        "discord": {"token": workplace.token},
        "agents.scripted": {"command": workplace.agent, "cwd": workplace.project},
        f"channels.{workplace.channel}": {"agent": "scripted"},
    }
    config = folder / ".acp-discord" / "config.toml"
    config.parent.mkdir()
    config.write_text("\n".join(f"[{name}]\n{lines(table)}" for name, table in tables.items()), "utf-8")
    return Launch((program, "daemon", "run"), {**environment(workplace.endpoint), "HOME": str(folder)})


ADAPTER: Final = Adapter("acp-discord", _launch)
