"""The other machines of the tests: started once for all tests of a worker, and skipped where a program is missing."""

import os
from collections.abc import Iterator

import pytest

from tests.cluster.kubernetes import cluster as kubernetes
from tests.cluster.slurm import Slurm, missing, slurm
from tests.cluster.ssh_server import SSHD, SshServer, ssh_server


@pytest.fixture(scope="session", name="worker1")
def _worker1(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshServer]:
    """Yield a machine that SSH reaches. Skips the test where there is no sshd."""
    yield from _machine("worker1", tmp_path_factory)


@pytest.fixture(scope="session", name="worker2")
def _worker2(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshServer]:
    """Yield a second machine that SSH reaches. Skips the test where there is no sshd."""
    yield from _machine("worker2", tmp_path_factory)


def _machine(name: str, folders: pytest.TempPathFactory) -> Iterator[SshServer]:
    if SSHD is None:
        pytest.skip("no sshd here: install Debian's openssh-server to run the tests over SSH")
    with ssh_server(name, folders.mktemp("ssh") / name) as server:
        yield server


@pytest.fixture(scope="session", name="slurm")
def _slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slurm]:
    """Yield a Slurm of two nodes. Skips the test where there is none, or where it cannot limit memory."""
    if absent := missing():
        pytest.skip(absent)
    with slurm(tmp_path_factory.mktemp("slurm") / "slurm") as cluster:
        yield cluster


@pytest.fixture(scope="session", name="cluster")
def _cluster() -> Iterator[kubernetes.Cluster]:
    """Yield a Kubernetes of two nodes. Skips the test unless `make cluster-test` asks for it: it needs the machine."""
    if not os.environ.get("CLUSTER_TEST"):
        pytest.skip("on a Kubernetes these run by `make cluster-test`")
    if absent := kubernetes.missing():
        pytest.exit(absent, returncode=1)
    with kubernetes.kubernetes() as cluster:
        yield cluster
