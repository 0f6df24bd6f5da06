"""Another machine for tests: real processes that see another directory where this machine has an empty one.

It is a place behind the command line of an engine, as any other; the engine makes a mount namespace. So whatever looks
at this machine's files instead of those there finds nothing.
"""

import os
import subprocess
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path, PurePath

import pytest

from acp import PlaceUnreachable
from acp.agent_transport import AgentTransport
from acp.places import far_commands
from acp.places.place import MAX_OUTPUT, RUN_SECONDS, Ran
from acp.process.agent_process import Launch
from tests.acp.places.routes import route

# Where the tests do not run as root, only a namespace of users allows another of mounts.
_UNSHARE = ("unshare", "--mount") if os.getuid() == 0 else ("unshare", "--mount", "--map-root-user")


class OtherMachine:
    """Fulfils `acp.places.place.Place`. What is in `root` on this machine is in `path` there, and only there."""

    name = "worker1"
    near = False

    def __init__(self, folder: Path) -> None:
        """Make both directories in `folder`. Skips the test where the system allows no namespaces."""
        if not _is_possible():
            pytest.skip("no mount namespaces here: the tests need another machine's files")
        self.path = folder / "there"
        self.root = folder / "machine"
        for each in (self.path, self.root):
            each.mkdir()
        mount = 'mount --bind "$0" "$1" && shift && exec "$@"'
        self._route = route(*_UNSHARE, "sh", "-c", mount, str(self.root), str(self.path))
        self.is_reachable = True
        self.ran: list[Sequence[str]] = []
        """The commands that were run there."""

    async def start(
        self, launch: Launch, marker: str, on_waiting: Callable[[str], None] = lambda _reason: None
    ) -> AgentTransport:
        """See `Place.start`; not used here."""
        raise NotImplementedError

    async def run(
        self,
        argv: Sequence[str],
        *,
        cwd: PurePath,
        stdin: bytes = b"",
        max_output: int = MAX_OUTPUT,
        seconds: float = RUN_SECONDS,
    ) -> Ran:
        """See `Place.run`."""
        self._require_reachable()
        self.ran.append(argv)
        return await far_commands.run(self._route, argv, cwd=cwd, stdin=stdin, max_output=max_output, seconds=seconds)

    async def put(self, data: bytes, path: PurePath) -> None:
        """See `Place.put`."""
        self._require_reachable()
        await far_commands.put(self._route, data, path)

    async def get(self, path: PurePath, roots: Sequence[PurePath], *, max_size: int) -> bytes:
        """See `Place.get`."""
        self._require_reachable()
        return await far_commands.get(self._route, path, roots, max_size=max_size)

    async def sweep(self) -> None:
        """See `Place`."""

    async def reap(self, prefix: str) -> int:
        """See `Place.reap`."""
        return await far_commands.reap(self._route, prefix)

    def _require_reachable(self) -> None:
        if not self.is_reachable:
            raise PlaceUnreachable(self.name, "no route to host")


@cache
def _is_possible() -> bool:
    return subprocess.run([*_UNSHARE, "true"], capture_output=True, check=False).returncode == 0
