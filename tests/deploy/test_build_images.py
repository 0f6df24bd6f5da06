"""`make images`: which engine it takes, what it builds, and what it requires of an image. A fake stands in for it."""

import os
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.test_container import WITH_AGENTS

ROOT = Path(__file__).parents[2]
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
BOUND = 60.0

ENGINE = """\
#!/bin/sh
echo "$0 $*" >> "$CALLS"
case "$*" in
info) exit {info} ;;
*"--entrypoint id"*) echo {account} ;;
*"--version") echo "threadline, version {version}" ;;
esac
"""


def make_images(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the target with the programs of a folder alone, and those that a shell needs."""
    programs = folder / "bin"
    for name in ("sh", "sed", "dirname", "make"):
        (programs / name).symlink_to(shutil.which(name) or name)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    environ = {**kept, "PATH": str(programs), "CALLS": str(folder / "calls")}
    words = [f"{name}={value}" for name, value in variables.items()]
    return subprocess.run(
        [shutil.which("make") or "make", "images", "PYTHON=python3", f"ARGS={' '.join(arguments)}", *words],
        cwd=ROOT,
        env=environ,
        capture_output=True,
        text=True,
        timeout=BOUND,
        check=False,
    )


def engine(folder: Path, name: str, *, info: int = 0, account: str = "10001", version: str = VERSION) -> None:
    """Put a fake docker or podman there."""
    path = folder / "bin" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(ENGINE.format(info=info, account=account, version=version))
    path.chmod(0o700)


def calls(folder: Path, word: str) -> list[list[str]]:
    """The arguments of the calls that begin with this one."""
    lines = [line.split() for line in (folder / "calls").read_text().splitlines()]
    return [arguments for _, *arguments in lines if arguments[0] == word]


def test_every_image_is_built_for_this_version_and_started(tmp_path: Path) -> None:
    """The bot's own first; each of the others upon it; what is given goes to every build."""
    engine(tmp_path, "docker")
    done = make_images(tmp_path, "--no-cache")
    assert (done.returncode, done.stderr) == (0, "")
    built = calls(tmp_path, "build")
    assert [arguments[2] for arguments in built] == ["deploy/Dockerfile", *(f"deploy/{each}" for each in WITH_AGENTS)]
    names = [arguments[4] for arguments in built]
    assert names == [f"threadline{each}:{VERSION}" for each in ("", "-claude-code", "-codex", "-opencode")]
    assert all("--no-cache" in arguments for arguments in built)
    assert all(f"THREADLINE=threadline:{VERSION}" in arguments for arguments in built[1:])
    assert done.stdout.splitlines()[1::2] == [f"{name} starts, as user 10001." for name in names]
    started = calls(tmp_path, "run")
    assert {each for arguments in started for each in arguments if each.startswith("threadline")} == set(names)
    rights = "--read-only --tmpfs /tmp --cap-drop ALL --security-opt no-new-privileges"
    assert all(rights in " ".join(arguments) for arguments in started)


def test_one_image_can_be_chosen(tmp_path: Path) -> None:
    """With the one that it is built upon."""
    engine(tmp_path, "docker")
    assert make_images(tmp_path, AGENTS="codex").returncode == 0
    assert [arguments[2] for arguments in calls(tmp_path, "build")] == ["deploy/Dockerfile", "deploy/Dockerfile.codex"]


def test_a_docker_without_its_daemon_is_passed_over(tmp_path: Path) -> None:
    """Podman needs none."""
    engine(tmp_path, "docker", info=1)
    engine(tmp_path, "podman")
    assert make_images(tmp_path, AGENTS="").returncode == 0
    callers = [Path(line.split()[0]).name for line in (tmp_path / "calls").read_text().splitlines()]
    assert callers[:3] == ["docker", "podman", "podman"]
    assert set(callers[1:]) == {"podman"}


def test_without_an_engine_it_says_what_to_install(tmp_path: Path) -> None:
    """A sentence, no error of a program that is missing."""
    engine(tmp_path, "docker", info=1)
    done = make_images(tmp_path)
    assert done.returncode != 0
    assert done.stderr.splitlines()[0].startswith("make images: neither docker nor podman works here.")
    assert "apt-get install podman" in done.stderr
    assert calls(tmp_path, "info")


@pytest.mark.parametrize(("wrong", "said"), [({"account": "0"}, "runs as root"), ({"version": "0.0.1"}, "says")])
def test_an_image_that_is_not_what_it_must_be_fails(tmp_path: Path, wrong: dict[str, Any], said: str) -> None:
    """It runs as root, or holds another version."""
    engine(tmp_path, "docker", **wrong)
    done = make_images(tmp_path)
    assert done.returncode != 0
    assert said in done.stderr
    assert len(calls(tmp_path, "build")) == 1
