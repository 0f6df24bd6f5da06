"""The contract of places, over this machine, a command line that runs here, and a machine that SSH reaches."""

import sys

import pytest

from acp.places.engine import Engine
from acp.places.far_place import FarPlace
from acp.places.here import Here
from tests.acp.places.contract import PlaceContract, far
from tests.cluster.ssh_server import SshServer

pytestmark = pytest.mark.real_time


class TestHere(PlaceContract):
    """This machine."""

    @pytest.fixture
    def place(self) -> Here:
        """Return it."""
        return Here()


class TestTemplate(PlaceContract):
    """A command line that runs here."""

    @pytest.fixture
    def place(self) -> FarPlace:
        """Return the place behind it."""
        return far("template", Engine(enter=("/bin/sh", "-c", 'exec "$@"', "sh"), runner=(sys.executable,)))


class TestSsh(PlaceContract):
    """A machine that SSH reaches."""

    @pytest.fixture
    def place(self, worker1: SshServer) -> FarPlace:
        """Return it."""
        return far("ssh", Engine(host=worker1.name, host_options=worker1.options, runner=(sys.executable,)))
