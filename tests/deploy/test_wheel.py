"""The wheel, in an environment that holds it and the runtime lock and nothing else, outside the checkout."""

import os
import re
import shutil
import subprocess
import sys
import venv
from importlib import metadata
from pathlib import Path

import pytest
from packaging.markers import Marker

ROOT = Path(__file__).parents[2]
BOUND = 100.0
"""Seconds after which a step counts as hanging."""


def run(*command: str | Path, cwd: Path) -> str:
    """Run a command as a stranger to this checkout does; return what it said."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(command, cwd=cwd, env=environ, capture_output=True, text=True, timeout=BOUND, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def locked() -> list[tuple[str, str]]:
    """Name and version of what the runtime lock installs on this Python."""
    lines = re.findall(
        r"^([a-z0-9-]+)==([^\s;\\]+)(?: ; ([^\\\n]+))?", (ROOT / "deploy/requirements.txt").read_text(), re.MULTILINE
    )
    return [(name, version) for name, version, marker in lines if not marker or Marker(marker.strip()).evaluate()]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of such an environment. The locked packages come from ours, file by file: a test needs no network."""
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", folder, cwd=ROOT)
    (wheel,) = folder.glob("*.whl")
    venv.create(folder / "env", with_pip=False)
    (site,) = (folder / "env").glob("lib/python3*/site-packages")
    for name, version in locked():
        found = metadata.distribution(name)
        assert found.version == version, f"{name}: run make lock"
        for file in found.files or ():
            if ".." not in file.parts and file.suffix != ".pyc":
                (site / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(str(found.locate_file(file)), site / file)
    pip: list[str | Path] = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        folder / "env/bin/python",
        "--disable-pip-version-check",
    ]
    run(*pip, "install", "--quiet", "--no-index", "--no-deps", wheel, cwd=folder)
    return folder


def test_the_demo_works_outside_the_checkout(installed: Path) -> None:
    """The page's files, the scripted agent and the bot are all in the wheel."""
    said = run(installed / "env/bin/threadline", "demo", "--once", cwd=installed)
    assert "no agent process is left" in said
    assert str(ROOT) not in run(installed / "env/bin/python", "-c", "import bot; print(bot.__file__)", cwd=installed)


def test_every_command_starts_there(installed: Path) -> None:
    """No import is missing that only a developer's environment has."""
    said = run(installed / "env/bin/threadline", "--help", cwd=installed)
    commands = re.findall(r"^  ([a-z]+) ", said.partition("Commands:")[2], re.MULTILINE)
    assert {"run", "check", "init", "demo", "doctor", "login", "report", "service"} <= set(commands)
    for command in commands:
        run(installed / "env/bin/threadline", command, "--help", cwd=installed)
