"""Another machine for tests: real processes that see another directory where this machine has an empty one.

It is a place behind an engine's command line, as any other; the command makes a mount namespace. So whatever looks at
this machine's files instead of those there finds nothing.
"""

import os
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path, PurePath

import pytest

from acp import PlaceUnreachable, environment
from acp.places.engine import Engine
from acp.places.far_place import FarPlace
from acp.places.place import MAX_OUTPUT, RUN_SECONDS, Ran
from tests.acp.child_processes import RUN

# Where the tests do not run as root, only a namespace of users allows another of mounts.
_UNSHARE = ("unshare", "--mount") if os.getuid() == 0 else ("unshare", "--mount", "--map-root-user")

_MOUNT = 'mount --bind "$0" "$1" && shift && exec "$@"'


def entering(root: Path, path: Path) -> tuple[str, ...]:
    """Return the beginning of a command line that sees `root` at `path`. Skips the test where that cannot be."""
    if not _is_possible():
        pytest.skip("no mount namespaces here: these tests need another machine's files")
    return (*_UNSHARE, "sh", "-c", _MOUNT, str(root), str(path))


class OtherMachine(FarPlace):
    """What is in `root` on this machine is in `path` there, and only there."""

    def __init__(self, folder: Path, name: str = "worker1") -> None:
        """Make both directories in `folder`. May skip the test, see `entering`."""
        self.path, self.root = folder / "there", folder / name
        for each in (self.path, self.root):
            each.mkdir(exist_ok=True)
        enter = entering(self.root, self.path)
        env = environment(os.environ, inherit=(), env={})
        super().__init__(name, Engine(enter=enter, runner=(sys.executable,)), RUN, run="", env=env, keep_alive=6)
        self.is_reachable = True
        self.ran: list[Sequence[str]] = []
        """The commands that were run there."""
        self.files: list[str] = []
        """The files that were put there, and those that were asked for."""

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
        return await super().run(argv, cwd=cwd, stdin=stdin, max_output=max_output, seconds=seconds)

    async def put(self, data: bytes, path: PurePath) -> None:
        """See `Place.put`."""
        self._require_reachable()
        self.files.append(str(path))
        await super().put(data, path)

    async def get(self, path: PurePath, roots: Sequence[PurePath], *, max_size: int) -> bytes:
        """See `Place.get`."""
        self._require_reachable()
        self.files.append(str(path))
        return await super().get(path, roots, max_size=max_size)

    def _require_reachable(self) -> None:
        if not self.is_reachable:
            raise PlaceUnreachable(self.name, "no route to host")


@cache
def _is_possible() -> bool:
    return subprocess.run([*_UNSHARE, "true"], capture_output=True, check=False).returncode == 0
