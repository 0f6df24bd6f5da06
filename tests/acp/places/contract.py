"""The kinds of places that keep the contract of `Place`; `test_contract` is run over each."""

import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Final

import pytest

from acp import Place, environment
from acp.places.engine import Engine
from acp.places.far_place import FarPlace
from acp.places.here import Here
from tests.acp.child_processes import RUN
from tests.cluster.ssh_server import SSHD, ssh_server


@asynccontextmanager
async def here(_: Path) -> AsyncIterator[Place]:
    """Open this machine."""
    yield Here()


@asynccontextmanager
async def template(_: Path) -> AsyncIterator[Place]:
    """Open a place behind a command line that runs here."""
    yield far("template", Engine(enter=("/bin/sh", "-c", 'exec "$@"', "sh"), runner=(sys.executable,)))


@asynccontextmanager
async def ssh(folder: Path) -> AsyncIterator[Place]:
    """Open a machine that SSH reaches."""
    if SSHD is None:
        pytest.skip("no sshd here: install Debian's openssh-server to run the tests over SSH")
    with ssh_server("worker1", folder / "sshd") as server:
        yield far("ssh", Engine(host=server.name, host_options=server.options, runner=(sys.executable,)))


def far(name: str, engine: Engine) -> FarPlace:
    """Return a place that an engine reaches."""
    return FarPlace(name, engine, RUN, env=environment(os.environ, inherit=(), env={}), keep_alive=6)


KINDS: Final[dict[str, Callable[[Path], AbstractAsyncContextManager[Place]]]] = {
    "here": here,
    "template": template,
    "ssh": ssh,
}
"""Opens a place, by its kind. Each gets a directory for files of its own. The place sees this machine's files."""
