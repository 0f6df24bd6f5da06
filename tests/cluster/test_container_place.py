"""Containers of podman as a place: the contract of places, their limits, their end, and what they do not tell."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath

import pytest

from acp import CloseReason, Launch
from acp.errors import AgentClosed
from acp.places.engine import ENGINES
from acp.places.far_place import FarPlace
from tests.acp.child_processes import PRELUDE, RUN, listen
from tests.acp.places.contract import PlaceContract, far
from tests.cluster.kubernetes import image

pytestmark = pytest.mark.real_time

PODMAN = shutil.which("podman")
WORK = PurePosixPath("/tmp")  # noqa: S108 - of the container
DEAF = "signal.signal(signal.SIGTERM, signal.SIG_IGN); say('begun'); hang()"
SECONDS = 300


@pytest.fixture(scope="module", name="programs")
def _programs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Yield a folder with a `podman` that has a store of its own, and in it the image of the tests on Kubernetes."""
    if not os.environ.get("CLUSTER_TEST"):
        pytest.skip("in containers these run by `make cluster-test`")
    if PODMAN is None:
        pytest.skip("no podman here")
    folder = tmp_path_factory.mktemp("podman")
    own = f"{PODMAN} --root={folder}/root --runroot={folder}/run --runtime=runc --cgroup-manager=cgroupfs"
    (folder / "bin").mkdir()
    (folder / "bin" / "podman").write_text(f'#!/bin/sh\nexec {own} "$@"\n')
    (folder / "bin" / "podman").chmod(0o755)
    image.write(folder / "image.tar")
    try:
        _podman(folder / "bin", "load", "--input", str(folder / "image.tar"))
        yield folder / "bin"
    finally:
        _podman(folder / "bin", "system", "reset", "--force")


def _podman(programs: Path, *arguments: str) -> str:
    argv = [str(programs / "podman"), *arguments]
    done = subprocess.run(argv, check=False, capture_output=True, text=True, timeout=SECONDS)
    assert done.returncode == 0, done.stderr
    return done.stdout


def place(programs: Path, *options: str) -> FarPlace:
    """Return a place whose agents are containers without a network."""
    # Without the right to raise limits, podman cannot give its own.
    fixed = ("--network=none", "--ulimit=nofile=20000:20000", "--ulimit=nproc=1000:1000")
    engine = replace(ENGINES["podman"], image=image.NAME, options=(*fixed, *options))
    return far("boxes", engine, env={"PATH": f"{programs}:{os.environ['PATH']}"})


class TestPodman(PlaceContract):
    """The contract."""

    python = "python3"

    @pytest.fixture
    def place(self, programs: Path, tmp_path_factory: pytest.TempPathFactory) -> FarPlace:
        """Return the containers, which have the tests' directory."""
        folder = tmp_path_factory.getbasetemp()
        return place(programs, f"--volume={folder}:{folder}")


def launch(code: str) -> Launch:
    """Return an agent for a container."""
    return Launch("python3", ("-c", PRELUDE + code), Path(WORK), {"KEY": "s3cr3t"}, memory=64 << 20)


def names(programs: Path) -> set[str]:
    """Return the names of all containers."""
    return set(_podman(programs, "ps", "--all", "--format", "{{.Names}}").split())


async def test_an_agent_is_a_container_with_its_memory_and_none_of_its_variables_in_its_description(
    programs: Path,
) -> None:
    """Short commands and files go into it; its end removes it."""
    boxes, name = place(programs), f"threadline-{RUN}-boxes-1"
    agent = await boxes.start(launch("say('key', os.environ['KEY']); sys.stdin.read()"), f"{RUN}/1")
    try:
        assert await listen(agent).said("key") == "s3cr3t"
        described = _podman(programs, "inspect", name)
        assert f'"Memory": {64 << 20}' in described
        assert "s3cr3t" not in described
        await boxes.put(b"data", WORK / "folder" / "file")
        assert (await boxes.run(["cat", "folder/file"], cwd=WORK)).output == b"data"
        assert names(programs) == {name}
    finally:
        await agent.stop()
    assert names(programs) == set()


async def test_a_short_command_without_an_agent_has_a_container_of_its_own(programs: Path) -> None:
    """It is gone afterwards."""
    assert (await place(programs).run(["echo", "there"], cwd=WORK)).output == b"there\n"
    assert names(programs) == set()


async def test_a_deaf_agent_whose_client_was_killed_ends_with_its_container(programs: Path) -> None:
    """The link is lost, and the engine removes what is left."""
    boxes = place(programs)
    agent = await boxes.start(launch(DEAF), f"{RUN}/1")
    child = listen(agent)
    await child.said("begun")
    agent.kill()
    error = await child.over()
    assert isinstance(error, AgentClosed)
    assert error.reason is CloseReason.LINK_LOST
    assert await boxes.reap(f"{RUN}/") == 1
    assert names(programs) == set()
    await agent.stop()
