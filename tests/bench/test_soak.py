import json
import subprocess
import sys

from bench.places import ROOT


def test_a_short_day_is_lived_and_told() -> None:
    """Each virtual hour is one line with all that may grow; every message of it was accepted by the bot."""
    argv = [sys.executable, "-m", "bench.soak", "2", "1"]
    done = subprocess.run(argv, capture_output=True, text=True, cwd=ROOT, timeout=100, check=True)
    (sample,) = map(json.loads, done.stdout.splitlines())
    assert {*sample} == {"messages", "memory", "process", "journal", "log", "attachments", "tasks"}
    assert sample["messages"] >= 4
    assert all(sample[name] > 0 for name in ("memory", "journal", "log", "tasks"))
