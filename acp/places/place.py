"""The seam between an agent and the machine on which it runs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Final, Protocol

from acp.agent_transport import AgentTransport
from acp.process.agent_process import Launch

RUN_SECONDS: Final = 15.0
"""Bound of one short command."""

MAX_OUTPUT: Final = 8 * 1024 * 1024
"""Bytes of a command's output that are read."""


@dataclass(frozen=True, slots=True)
class Ran:
    """How a short command ended: its exit status (negative: the signal that ended it), and what it wrote to stdout.

    `cut`: there was more output than the caller wanted; the command was ended then.
    """

    exit_status: int
    output: bytes
    cut: bool = False


class Place(Protocol):
    """A machine, or a cluster, on which agents' processes and short commands beside them are started.

    All methods raise `PlaceUnreachable` where the way there fails, and `SpawnFailed` where the place refuses. `put` and
    `get` raise `RequestTimeout` where a file system does not answer.
    """

    @property
    def name(self) -> str:
        """Its name in the configuration; `HERE` for this machine."""

    @property
    def near(self) -> bool:
        """Whether it shares this machine's files and process table."""

    async def start(
        self, launch: Launch, marker: str, on_waiting: Callable[[str], None] = lambda _reason: None
    ) -> AgentTransport:
        """Start an agent; `marker` (`<journal id>/<n>`) finds its processes again.

        `on_waiting` is called with the place's own reason while the start is queued there, at each change. Raises
        `QueuedTooLong` when it stays queued.
        """

    async def run(
        self,
        argv: Sequence[str],
        *,
        cwd: PurePath,
        stdin: bytes = b"",
        max_output: int = MAX_OUTPUT,
        seconds: float = RUN_SECONDS,
    ) -> Ran:
        """Run a short command in `cwd`, in the environment of the place; end it, and all that it started, after that.

        Raises `RequestTimeout` after `seconds`.
        """

    async def put(self, data: bytes, path: PurePath) -> None:
        """Write a file (mode 0600), with missing directories (0700), atomically. Raises `FileRefused`."""

    async def get(self, path: PurePath, roots: Sequence[PurePath], *, max_size: int) -> bytes:
        """Read a file for people: a regular one inside `roots`, links resolved. Raises `FileRefused`.

        A path with a component below its root that begins with a dot is refused (`HIDDEN`), as is a file with more than
        `max_size` bytes (`TOO_LARGE`).
        """

    async def sweep(self) -> None:
        """End what an earlier run of this program left there, before the first start. Does not raise.

        Takes until that is certain, or until it must have ended by itself. What is not certain then is ended in the
        background: it is told from what this run has started.
        """

    async def close(self) -> None:
        """End what is done there in the background, within a bound; after the last start and the last stop."""

    async def reap(self, prefix: str) -> int:
        """End all processes there whose marker begins with `prefix` (`<journal id>/`). Return how many were found."""
