"""Starts the agents of the benchmarks."""

import os
import sys
from pathlib import Path
from typing import Final

from acp import environment

__all__ = ["AGENT", "ROOT", "agent_environment"]

ROOT: Final = Path(__file__).parent.parent

AGENT: Final = (sys.executable, "-m", "bench.agent")
"""loopback's scripted agent with words for measuring."""


def agent_environment() -> dict[str, str]:
    """Return the environment in which `AGENT` finds its code wherever it is started."""
    return environment(os.environ, inherit=(), env={"PYTHONPATH": str(ROOT)})
