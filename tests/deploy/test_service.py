"""The unit for systemd: what it must say, and that systemd understands it."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from bot.cli.service_unit import unit_text
from bot.operations.loop_watchdog import LAST_ROUNDS, ROUND_SECONDS
from tests.support.fork_server import run

BOUND = 60.0


def section(text: str, name: str) -> dict[str, str]:
    """The settings of a section."""
    body = text.partition(f"[{name}]\n")[2].partition("\n[")[0]
    return dict(line.split("=", 1) for line in body.splitlines() if line and not line.startswith("#"))


def printed(folder: Path) -> str:
    """What the command prints for a configuration in a folder whose name is not easy."""
    path = folder / "a 100% new folder"
    path.mkdir()
    (path / "threadline.toml").touch()
    done = run("service", "-c", path / "threadline.toml", cwd=folder, timeout=BOUND)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_it_ends_in_order_and_starts_again_only_where_that_helps(tmp_path: Path) -> None:
    """Only the bot gets the signal, with more time than it takes to stop; exit code 2 waits for a person (P65)."""
    settings = section(printed(tmp_path), "Service")
    assert (settings["KillMode"], settings["TimeoutStopSec"]) == ("mixed", "40")
    assert (settings["Restart"], settings["RestartPreventExitStatus"]) == ("on-failure", "2")
    assert settings["OOMPolicy"] == "continue"
    assert settings["Type"] == "notify"
    assert int(settings["WatchdogSec"]) > LAST_ROUNDS * ROUND_SECONDS
    assert settings["Environment"].strip('"') == f"PATH={os.environ['PATH']}"


def test_what_a_unit_would_replace_is_written_so_that_it_stays(tmp_path: Path) -> None:
    """Spaces, percent signs, dollars and quotes in paths."""
    start = section(printed(tmp_path), "Service")["ExecStart"]
    assert start.endswith(f'run -c "{tmp_path}/a 100%% new folder/threadline.toml"')
    odd = section(unit_text(("/opt/a$b",), Path('/srv/"x"/t.toml')), "Service")["ExecStart"]
    assert odd == '"/opt/a$$b" run -c "/srv/\\"x\\"/t.toml"'


def test_systemd_has_nothing_to_complain_of(tmp_path: Path) -> None:
    """Neither an unknown setting nor a command that is not there."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("there is no systemd-analyze here")
    file = tmp_path / "threadline.service"
    file.write_text(printed(tmp_path))
    command = ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=BOUND, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_without_a_configuration_there_is_no_unit(tmp_path: Path) -> None:
    """One line that says what to do first."""
    done = run("service", cwd=tmp_path, timeout=BOUND)
    assert (done.returncode, done.stdout) == (2, "")
    assert "threadline init writes one" in done.stderr
