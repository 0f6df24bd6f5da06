"""Recorded traffic of real agents, and the protocol's schema, where available.

They are in the folder `acp` of THREADLINE_SHARED, or of `shared` next to the checkout. Tests that need them are skipped
without them.
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import pytest

_FOLDER = Path(os.environ.get("THREADLINE_SHARED") or Path(__file__).parents[3] / "shared", "acp")
SCHEMA = _FOLDER / "schema-v1.json"
TRANSCRIPTS = sorted(_FOLDER.glob("transcripts/*.jsonl"))

needs_recordings = pytest.mark.skipif(
    not TRANSCRIPTS or not SCHEMA.exists(),
    reason="the protocol's schema and the recorded traffic are not beside the checkout",
)


@dataclass(frozen=True)
class Line:
    """One message; `direction` is `in` from the agent, `out` from the recording client."""

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
    """Read a recording as the agent's runs; each ends with the end of its output."""
    runs: list[list[Line]] = [[]]
    for text in path.read_text().splitlines():
        line = Line.read(text)
        if line is None:
            runs.append([])
        else:
            runs[-1].append(line)
    return [run for run in runs if run]
