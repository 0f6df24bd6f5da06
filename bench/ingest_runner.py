"""Runs `bench.ingest_child` as a process."""

import asyncio
import json
import os
import signal
import sys
import tempfile
from asyncio.subprocess import PIPE
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from bench.agent_command import ROOT
from bench.run import Failed

CHARACTERS: Final = 20
"""Characters of text in a chunk, whose line has about 180 bytes."""

RATE: Final = 50
"""Chunks a second and agent in a trickle."""

READER_SECONDS: Final = 600.0
"""The bound on one run. Only a hang takes so long."""


@dataclass(frozen=True, slots=True)
class Load:
    """What agents do: `agents` of them get `words` as their prompt. `how` describes it for people."""

    name: str
    agents: int
    words: str
    how: str


async def read(*args: object) -> dict[str, Any]:
    """Return the figures of `python -m bench.ingest_child ARGS`. Raises `Failed`."""
    argv = (sys.executable, "-m", "bench.ingest_child", *map(str, args))
    what = " ".join(argv[3:])
    with tempfile.TemporaryDirectory(prefix="threadline-bench-") as folder:
        env = {**os.environ, "PYTHONPATH": str(ROOT)}
        process = await asyncio.create_subprocess_exec(
            *argv, stdout=PIPE, stderr=PIPE, cwd=folder, env=env, start_new_session=True
        )
        try:
            async with asyncio.timeout(READER_SECONDS):
                output, complaints = await process.communicate()
        except TimeoutError:
            raise Failed(f"the reader did not end within {READER_SECONDS:g} s: {what}") from None
        finally:
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                await process.wait()
    if process.returncode:
        raise Failed(f"the reader failed: {what}\n{complaints.decode('utf-8', 'replace')[-2000:]}")
    result: dict[str, Any] = json.loads(output)
    return result


async def chunk_cost(kind: str, load: Load) -> float:
    """Measure the CPU milliseconds for 1,000 chunks. Raises `Failed`."""
    result = await read("cpu", kind, load.agents, load.words)
    return float(result["cpu_seconds"]) / int(result["chunks"]) * 1e6
