"""The adapter for openab (github.com/openabdev/openab), a bot in Rust on serenity.

The user has it installed: on `PATH`, or where `THREADLINE_VERSUS_OPENAB` says. It runs with its defaults, except for
what a scene must set: where people talk to it, its agent, and how many agents may run.
"""

import os
from pathlib import Path
from typing import Any, Final

from bench.versus.adapter import VARIABLE, Adapter, Launch, NotInstalled, Workplace
from bench.versus.preloads import NotRedirected, redirected_copy
from loopback.harness import lines

PROGRAM: Final = f"{VARIABLE}OPENAB"
"""Names the program, where it is not on `PATH`."""

SPARE_AGENTS: Final = 2
"""More agents than threads, so that no agent is ended to make place for another."""


def _launch(workplace: Workplace) -> Launch:
    folder = Path(workplace.folder)
    try:
        program, env = redirected_copy(os.environ.get(PROGRAM, "openab"), workplace.endpoint, folder)
    except NotRedirected as error:
        raise NotInstalled(f"{error}; {PROGRAM} can name another program") from error
    tables: dict[str, dict[str, Any]] = {
        "discord": {"bot_token": workplace.token, "allowed_channels": [workplace.channel]},
        "agent": {"command": workplace.agent, "working_dir": workplace.project},
        "pool": {"max_sessions": workplace.threads + SPARE_AGENTS},
    }
    config = folder / "openab.toml"
    config.write_text("\n".join(f"[{name}]\n{lines(table)}" for name, table in tables.items()), "utf-8")
    # It keeps what it knows of its threads below HOME.
    return Launch((str(program), "run", "--config", str(config)), {**env, "HOME": str(folder)})


ADAPTER: Final = Adapter("openab", _launch)
