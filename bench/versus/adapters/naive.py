"""The adapter for the naive bot of this package."""

import sys
from typing import Final

from bench.agent_command import ROOT
from bench.versus.adapter import Adapter, Launch, Workplace


def _launch(workplace: Workplace) -> Launch:
    argv = (sys.executable, "-m", "bench.versus.naive_bot", workplace.endpoint, workplace.agent, workplace.project)
    return Launch(argv, {"DISCORD_TOKEN": workplace.token, "PYTHONPATH": str(ROOT)})


ADAPTER: Final = Adapter("naive", _launch)
