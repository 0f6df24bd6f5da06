"""The repository's promises about itself: its lock, its commands, its metadata."""

import os
import re
import tomllib
from importlib.metadata import entry_points, version
from pathlib import Path
from typing import Any

import pytest

from acp.client_side.features import INFO
from bot.config.values import state_directory

ROOT = Path(__file__).parent.parent
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LOCKS = ["requirements.txt", "tests/peers/requirements.txt", "deploy/build-requirements.txt"]


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_names_no_host_and_no_folder(lock: str) -> None:
    """The person who installs chooses the source."""
    text = (ROOT / lock).read_text()
    assert "://" not in text
    assert not re.search(r"--(extra-)?index-url|--find-links|^ *[/~]|#", text, re.MULTILINE)


@pytest.mark.parametrize("lock", LOCKS)
def test_every_locked_version_has_hashes(lock: str) -> None:
    """`pip install --require-hashes` accepts the whole file."""
    entries = re.split(r"\n(?=\S)", (ROOT / lock).read_text().strip())
    assert entries
    for entry in entries:
        assert re.fullmatch(r"[\w.-]+==[\w.]+( ; [^\n\\]+?)?( \\\n    --hash=sha256:[0-9a-f]{64})+", entry), entry[:80]


def test_every_runtime_dependency_is_locked() -> None:
    """A new machine gets the tested versions."""
    locked = set(re.findall(r"^([\w.-]+)==", (ROOT / "requirements.txt").read_text(), re.MULTILINE))
    for requirement in PROJECT["dependencies"]:
        name = re.split(r"[<>=!~ ]", requirement, maxsplit=1)[0]
        assert name.replace(".", "-") in locked, name


def test_the_other_acp_is_not_a_dependency() -> None:
    """The official SDK has our package's import name, so only the peer's environment has it."""
    assert "agent-client-protocol" not in (ROOT / "requirements.txt").read_text()
    assert "agent-client-protocol==" in (ROOT / "tests/peers/requirements.txt").read_text()


def test_every_dependency_says_what_it_is_for() -> None:
    """A dependency without a reason can go."""
    text = (ROOT / "pyproject.toml").read_text()
    lists = re.findall(r"^(?:dependencies|build|dev) = \[\n(.*?)^\]", text, re.MULTILINE | re.DOTALL)
    assert len(lists) == 3
    for line in "".join(lists).splitlines():
        assert re.fullmatch(r'    "[^"]+",  # \S.+|    \{ include-group = "build" \},', line), line


def test_make_has_the_promised_targets() -> None:
    """Each target exists, is phony, and has a description in `make help`."""
    makefile = (ROOT / "Makefile").read_text()
    for target in ("help", "demo", "test", "check", "bench", "dist", "images", "lock", "format", "clean"):
        assert re.search(rf"^{target}:.* ## \S", makefile, re.MULTILINE), target
        assert re.search(rf"^\.PHONY:.*\b{target}\b", makefile, re.MULTILINE), target
    assert ".DEFAULT_GOAL := help" in makefile


def test_every_version_in_the_changelog_has_a_date_and_the_newest_comes_first() -> None:
    """Below the part that is not released; a release inserts its heading there."""
    headings = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings.pop(0) == "[Unreleased]"
    released = [re.fullmatch(r"\[(\d+)\.(\d+)\.(\d+)\] - \d{4}-\d\d-\d\d", heading) for heading in headings]
    numbers = [tuple(map(int, each.groups())) for each in released if each]
    assert len(numbers) == len(headings)
    assert numbers == sorted(set(numbers), reverse=True)


def test_the_check_of_everything_can_be_started() -> None:
    """`.ci/run` is executable as checked out."""
    assert os.access(ROOT / ".ci/run", os.X_OK)


@pytest.mark.parametrize("package", ["acp", "pool", "bot"])
def test_a_package_is_marked_as_typed(package: str) -> None:
    """Type checkers of others read our annotations."""
    assert (ROOT / package / "py.typed").is_file()


def test_what_is_installed_is_this_checkout() -> None:
    """The installed version is that of pyproject.toml and the one that agents are told; the command's target exists."""
    assert version("threadline") == PROJECT["version"] == INFO["version"]
    (command,) = entry_points(group="console_scripts", name="threadline")
    assert command.value == PROJECT["scripts"]["threadline"] == "bot.cli:main"
    assert callable(command.load())


def test_no_test_writes_into_the_home_of_the_person_who_runs_it(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Locks, and a journal without a path, with its attachments and its log."""
    assert state_directory().is_relative_to(tmp_path_factory.getbasetemp())
