"""What is published: the source archive, and the wheel, which works with the locked packages outside the checkout."""

import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import venv
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
from packaging.markers import Marker

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
VERSION = PROJECT["version"]
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
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the source archive and of the wheel that it builds, as `make dist` makes them."""
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT, cwd=folder)
    return folder


@pytest.fixture(scope="module")
def installed(published: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of such an environment. The locked packages come from ours, file by file: a test needs no network."""
    folder = tmp_path_factory.mktemp("wheel")
    (wheel,) = published.glob("*.whl")
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


def files(folder: Path) -> set[str]:
    """The files of a folder of this checkout, without those that git ignores."""
    found = (path for path in (ROOT / folder).rglob("*") if path.is_file())
    ignored = {"__pycache__", "node_modules", "results"}
    return {str(path.relative_to(ROOT)) for path in found if ignored.isdisjoint(path.relative_to(ROOT).parts)}


def test_the_wheel_holds_the_packages_and_nothing_else(published: Path) -> None:
    """Every file of theirs, the licence, and what installers read: no tests, no measurements."""
    (wheel,) = published.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    about = {name for name in names if name.startswith(f"threadline-{VERSION}.dist-info/")}
    assert names - about == set().union(*(files(Path(each)) for each in ("acp", "pool", "bot", "loopback")))
    assert {name.partition("/")[2] for name in about} == {
        *("METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE")
    }


def test_the_source_archive_holds_what_builds_tests_and_describes_it(published: Path) -> None:
    """All that a checkout has and git does not ignore."""
    (archive,) = published.glob("*.tar.gz")
    with tarfile.open(archive) as tar:
        names = {name.partition("/")[2] for name in tar.getnames()}
    for folder in ("tests", "bench", "docs", "deploy", ".ci"):
        assert files(Path(folder)) <= names
    assert {"Makefile", "mkdocs.yml", "requirements.txt", "config.example.toml", "CHANGELOG.md", "README.md"} <= names
    assert not [name for name in names if name.startswith((".venv", "build/", "dist/")) or "node_modules" in name]


def test_an_index_of_packages_accepts_both_and_shows_their_description(published: Path) -> None:
    """Without a warning; the page of an index has none of our files, so nothing in the description leads to one."""
    run(sys.executable, "-m", "twine", "check", "--strict", *published.iterdir(), cwd=published)
    links = re.findall(r"\]\(([^)]*)\)", (ROOT / PROJECT["readme"]).read_text())
    assert links
    assert all(link.startswith("https://") for link in links)


def test_the_demo_works_outside_the_checkout(installed: Path) -> None:
    """The page's files, the scripted agent and the bot are all in the wheel."""
    said = run(installed / "env/bin/threadline", "demo", "--once", cwd=installed)
    assert "no agent process is left" in said
    assert str(ROOT) not in run(installed / "env/bin/python", "-c", "import bot; print(bot.__file__)", cwd=installed)


def test_every_command_starts_there(installed: Path) -> None:
    """No import is missing that only a developer's environment has; the program tells its version."""
    assert run(installed / "env/bin/threadline", "--version", cwd=installed) == f"threadline, version {VERSION}\n"
    said = run(installed / "env/bin/threadline", "--help", cwd=installed)
    commands = re.findall(r"^  ([a-z]+) ", said.partition("Commands:")[2], re.MULTILINE)
    assert {"run", "check", "init", "demo", "doctor", "login", "report", "service"} <= set(commands)
    for command in commands:
        run(installed / "env/bin/threadline", command, "--help", cwd=installed)
