"""A run of chaos with real bots, real agents and real signals."""

import json
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from bench.chaos.__main__ import main
from tests.cluster.ssh_server import SSHD

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are found in /proc")


@pytest.mark.skipif(SSHD is None, reason="no sshd here: install Debian's openssh-server to run the tests over SSH")
@pytest.mark.timeout(600)
def test_rounds_with_agents_on_two_machines_violate_no_invariant_and_leave_no_process(tmp_path: Path) -> None:
    """One bot plays several at the same time, while the ways there and the runners are killed."""
    path = tmp_path / "chaos.json"
    args = ["--rounds", "4", "--seed", "1", "--lanes", "1", "--threads", "12", "--places", "2", "--json", str(path)]
    for trouble in ("client of a machine killed", "runner on a machine killed"):
        args += ["--only", trouble]
    result = CliRunner().invoke(main, args)
    assert result.exit_code == 0, result.output
    figures = json.loads(path.read_text())
    assert figures["by_trouble"] == {"client of a machine killed": 1, "runner on a machine killed": 2}
    assert [figures[name] for name in ("lost", "doubled", "out of order", "wrong page", "orphans")] == [0] * 5
    assert figures["threads of one bot at once"] == 11


@pytest.mark.timeout(600)  # The run's own bounds, which say what was wrong, come first.
def test_rounds_with_a_kill_and_a_lost_gateway_violate_no_invariant_and_leave_no_process(tmp_path: Path) -> None:
    """The exit code is 0, and the figures are in a file."""
    path = tmp_path / "chaos.json"
    # In round 2 of this seed the bot is killed, in round 3 its gateway is lost.
    args = ["--rounds", "2", "--seed", "6", "--first", "2", "--lanes", "2", "--json", str(path)]
    args += ["--only", "bot killed", "--only", "gateway lost"]
    result = CliRunner().invoke(main, args)
    assert result.exit_code == 0, result.output
    figures = json.loads(path.read_text())
    assert figures["rounds"] == 2
    assert figures["by_trouble"] == {"bot killed": 1, "gateway lost": 1}
    assert [figures[name] for name in ("lost", "doubled", "out of order", "wrong page", "orphans")] == [0] * 5
