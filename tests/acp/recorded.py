"""Recorded traffic of real agents, and the protocol's schema, where they are at hand.

They lie in the folder `acp` of the one that THREADLINE_SHARED names, or of one named `shared` beside the checkout. A
checkout without them skips what needs them.
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import pytest

__all__ = ["SCHEMA", "TRANSCRIPTS", "Line", "needs_recordings", "read_runs", "read_transcript"]

_FOLDER = Path(os.environ.get("THREADLINE_SHARED") or Path(__file__).parents[3] / "shared", "acp")
SCHEMA = _FOLDER / "schema-v1.json"
TRANSCRIPTS = sorted(_FOLDER.glob("transcripts/*.jsonl"))

needs_recordings = pytest.mark.skipif(
    not TRANSCRIPTS or not SCHEMA.exists(),
    reason="the protocol's schema and the recorded traffic are not beside the checkout",
)


@dataclass(frozen=True)
class Line:
    """One message; `direction` is `in` when the agent wrote it, `out` when the recording client did."""

    direction: str
    message: dict[str, Any]

    @classmethod
    def read(cls, text: str) -> Self | None:
        """Read one line of a recording; None for a mark that is no message."""
        record = json.loads(text)
        return cls(record["dir"], record["msg"]) if record["msg"] is not None else None


def read_transcript(path: Path) -> list[Line]:
    """Read a recording, in order."""
    return [line for run in read_runs(path) for line in run]


def read_runs(path: Path) -> list[list[Line]]:
    """Read a recording as the runs of the agent that it holds; each ended when the agent closed its output."""
    runs: list[list[Line]] = [[]]
    for text in path.read_text().splitlines():
        line = Line.read(text)
        if line is None:
            runs.append([])
        else:
            runs[-1].append(line)
    return [run for run in runs if run]
