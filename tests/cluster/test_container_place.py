"""Containers of podman and docker as places: the contract of places, their limits, their end, what they do not tell."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

import pytest

from acp import CloseReason, Launch
from acp.errors import AgentClosed
from acp.places.engine import ENGINES
from acp.places.far_place import FarPlace
from tests.acp.child_processes import PRELUDE, RUN, listen
from tests.acp.places.contract import PlaceContract, far
from tests.cluster.daemon import Daemon
from tests.cluster.kubernetes import image

pytestmark = pytest.mark.real_time

WORK = PurePosixPath("/tmp")  # noqa: S108 - of the container
DEAF = "signal.signal(signal.SIGTERM, signal.SIG_IGN); say('begun'); hang()"
SECONDS = 300

# Without the right to raise limits, podman cannot give its own.
LIMITS = ("--ulimit=nofile=20000:20000", "--ulimit=nproc=1000:1000")

ALONE = '{"bridge": "none", "iptables": false, "ip-forward": false, "exec-opts": ["native.cgroupdriver=cgroupfs"]}'
"""The configuration of a dockerd that leaves the machine's network alone."""


@dataclass(frozen=True, slots=True)
class Containers:
    """An engine with a store of its own, in a folder with its program `bin/<engine>`."""

    engine: str
    folder: Path

    def install(self, *line: str) -> None:
        """Let the engine's program run this line, and load the image of the tests on Kubernetes."""
        program = self.folder / "bin" / self.engine
        program.parent.mkdir()
        program.write_text(f'#!/bin/sh\nexec {" ".join(line)} "$@"\n')
        program.chmod(0o755)
        image.write(self.folder / "image.tar")
        self.ask("load", "--input", str(self.folder / "image.tar"))

    def ask(self, *arguments: str) -> str:
        """Return what the program says."""
        argv = [str(self.folder / "bin" / self.engine), *arguments]
        done = subprocess.run(argv, check=False, capture_output=True, text=True, timeout=SECONDS)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def names(self) -> set[str]:
        """Return the names of all containers."""
        return set(self.ask("ps", "--all", "--format", "{{.Names}}").split())

    def place(self, *options: str) -> FarPlace:
        """Return a place whose agents are containers without a network."""
        limits = LIMITS if self.engine == "podman" else ()
        engine = replace(ENGINES[self.engine], image=image.NAME, options=("--network=none", *limits, *options))
        return far("boxes", engine, env={"PATH": f"{self.folder}/bin:{os.environ['PATH']}"})


@pytest.fixture(scope="module", params=["podman", "docker"], name="containers")
def _containers(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Containers]:
    """Run each engine. Skips the test unless `make cluster-test` asks for it, or where the engine is missing."""
    if not os.environ.get("CLUSTER_TEST"):
        pytest.skip("in containers these run by `make cluster-test`")
    containers = Containers(request.param, tmp_path_factory.mktemp(request.param))
    program = shutil.which("podman" if request.param == "podman" else "dockerd")
    if program is None or shutil.which(request.param) is None:
        pytest.skip(f"no {request.param} here")
    with ExitStack() as stack:
        (_podman if request.param == "podman" else _docker)(containers, program, stack)
        yield containers


def _podman(containers: Containers, program: str, stack: ExitStack) -> None:
    folder = containers.folder
    stack.callback(containers.ask, "system", "reset", "--force")
    store = (f"--root={folder}/root", f"--runroot={folder}/run", f"--tmpdir={folder}/libpod")
    # An event that is written during the reset would let it fail.
    containers.install(program, *store, "--events-backend=none", "--runtime=runc", "--cgroup-manager=cgroupfs")


def _docker(containers: Containers, program: str, stack: ExitStack) -> None:
    folder, address = containers.folder, f"unix://{containers.folder}/socket"
    (folder / "daemon.json").write_text(ALONE)
    own = (f"--config-file={folder}/daemon.json", f"--data-root={folder}/data", f"--exec-root={folder}/exec")
    daemon = Daemon("dockerd", [program, *own, f"--pidfile={folder}/pid", f"--host={address}"], folder)
    stack.callback(daemon.stop)
    daemon.until(lambda: daemon.says("API listen on"))
    containers.install(str(shutil.which("docker")), f"--host={address}")


class TestContainers(PlaceContract):
    """The contract."""

    python = "python3"

    @pytest.fixture
    def place(self, containers: Containers, tmp_path_factory: pytest.TempPathFactory) -> FarPlace:
        """Return the containers, which have the tests' directory."""
        folder = tmp_path_factory.getbasetemp()
        return containers.place(f"--volume={folder}:{folder}")


def launch(code: str) -> Launch:
    """Return an agent for a container."""
    return Launch("python3", ("-c", PRELUDE + code), Path(WORK), {"KEY": "s3cr3t"}, memory=64 << 20)


async def test_an_agent_is_a_container_with_its_memory_and_none_of_its_variables_in_its_description(
    containers: Containers,
) -> None:
    """Short commands and files go into it; its end removes it."""
    boxes, name = containers.place(), f"threadline-{RUN}-boxes-1"
    agent = await boxes.start(launch("say('key', os.environ['KEY']); sys.stdin.read()"), f"{RUN}/1")
    try:
        assert await listen(agent).said("key") == "s3cr3t"
        described = containers.ask("inspect", name)
        assert f'"Memory": {64 << 20}' in described
        assert "s3cr3t" not in described
        await boxes.put(b"data", WORK / "folder" / "file")
        assert (await boxes.run(["cat", "folder/file"], cwd=WORK)).output == b"data"
        assert containers.names() == {name}
    finally:
        await agent.stop()
    assert containers.names() == set()


async def test_a_short_command_without_an_agent_has_a_container_of_its_own(containers: Containers) -> None:
    """It is gone afterwards."""
    assert (await containers.place().run(["echo", "there"], cwd=WORK)).output == b"there\n"
    assert containers.names() == set()


async def test_a_deaf_agent_whose_client_was_killed_ends_with_its_container(containers: Containers) -> None:
    """The link is lost, and the engine removes what is left."""
    boxes = containers.place()
    agent = await boxes.start(launch(DEAF), f"{RUN}/1")
    child = listen(agent)
    await child.said("begun")
    agent.kill()
    error = await child.over()
    assert isinstance(error, AgentClosed)
    assert error.reason is CloseReason.LINK_LOST
    assert await boxes.reap(f"{RUN}/") == 1
    assert containers.names() == set()
    await agent.stop()
