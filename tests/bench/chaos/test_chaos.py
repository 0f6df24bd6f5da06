"""A run of chaos, from outside: real bots, real agents, real signals."""

import json
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from bench.chaos.__main__ import main

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are found in /proc")


@pytest.mark.timeout(600)  # Its own bounds, which say what was wrong, come first.
def test_a_few_rounds_end_with_balanced_books_and_no_process(tmp_path: Path) -> None:
    """Exit code 0, and the figures in a file; the bot is killed at least once on the way."""
    path = tmp_path / "chaos.json"
    args = ["--rounds", "4", "--seed", "2", "--first", "4", "--lanes", "4", "--json", str(path)]
    args += ["--only", "bot killed", "--only", "gateway lost"]
    result = CliRunner().invoke(main, args)
    assert result.exit_code == 0, result.output
    figures = json.loads(path.read_text())
    assert figures["rounds"] == 4
    assert figures["by_trouble"]["bot killed"] >= 1
    assert set(figures["by_trouble"]) <= {"bot killed", "gateway lost"}
    assert [figures[name] for name in ("lost", "doubled", "out of order", "wrong page", "orphans")] == [0] * 5
