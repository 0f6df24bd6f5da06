"""The command line and environment of the benchmarks' agents."""

import os
import sys
from pathlib import Path
from typing import Final

from acp import environment

ROOT: Final = Path(__file__).parent.parent

AGENT: Final = (sys.executable, "-m", "bench.agent")
"""Loopback's scripted agent with directives for measuring."""


def agent_environment() -> dict[str, str]:
    """Return an environment in which `AGENT` finds its code in any working directory."""
    return environment(os.environ, inherit=(), env={"PYTHONPATH": str(ROOT)})
