import json
import subprocess
import sys

from bench.agent_command import ROOT


def test_a_short_day_runs_and_is_reported() -> None:
    """Each virtual hour has one line with all figures."""
    argv = [sys.executable, "-m", "bench.soak", "2", "1"]
    done = subprocess.run(argv, capture_output=True, text=True, cwd=ROOT, timeout=100, check=True)
    (sample,) = map(json.loads, done.stdout.splitlines())
    assert {*sample} == {"messages", "memory", "process", "journal", "log", "attachments", "tasks"}
    assert sample["messages"] >= 4
    assert all(sample[name] > 0 for name in ("memory", "journal", "log", "tasks"))


def test_a_day_in_which_the_bot_ends_fails() -> None:
    """Its small memory afterwards would look like success."""
    argv = [sys.executable, "-m", "bench.soak", "2", "4"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT) as day:
        assert day.stdout is not None
        assert day.stdout.readline()
        day.terminate()  # The bot handles the signal.
        _, said = day.communicate(timeout=100)
    assert day.returncode != 0
    assert "the bot has ended" in said
