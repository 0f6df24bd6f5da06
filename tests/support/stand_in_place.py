"""A place for tests of the pool, whose agents are in memory, with a switch for each thing that can go wrong there."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import PurePath

from acp import PlaceUnreachable, QueuedTooLong
from acp.agent_transport import AgentTransport
from acp.errors import SpawnFailed, StartProblem
from acp.places.place import MAX_OUTPUT, RUN_SECONDS, Ran
from acp.process.agent_process import Launch


class StandInPlace:
    """Fulfils `acp.places.place.Place`. The pool's tests start its agents themselves, and call `open` before that."""

    near = False

    def __init__(self, name: str, *, directories: Sequence[str] | None = None, reachable: bool = True) -> None:
        """`directories` are those that are there; None: any."""
        self.name = name
        self.reachable = reachable
        self.reasons: list[str] = []
        """Why it queues the next start, one reason after the other."""
        self.queued_seconds = 0.0
        """If not 0, a start is given up with the last reason, as after so many seconds in its queue."""
        self.starts: asyncio.Event | None = None
        """If there is one, starts wait for it behind their reasons."""
        self.tries = 0
        """How often a start was tried."""
        self.swept = 0
        """How often it was asked to end what an earlier run had left."""
        self.closed = False
        self.confirms: asyncio.Event | None = None
        """If there is one, `sweep` waits for it."""
        self.given_up = 0
        """How many starts were cancelled."""
        self.lets_go: asyncio.Event | None = None
        """If there is one, a start that is cancelled waits for it."""
        self.breaks: Exception | None = None
        """If there is one, `sweep` raises it."""
        self._directories = directories

    async def open(self, on_waiting: Callable[[str], None]) -> None:
        """Let an agent start, after what keeps it waiting. Raises as `Place.start`."""
        self.tries += 1
        self._require_reachable()
        for reason in self.reasons:
            on_waiting(reason)
        if self.queued_seconds:
            raise QueuedTooLong(self.name, self.queued_seconds, self.reasons[-1])
        try:
            if self.starts is not None:
                await self.starts.wait()
        except asyncio.CancelledError:
            self.given_up += 1
            if self.lets_go is not None:
                await self.lets_go.wait()
            raise

    async def start(
        self, launch: Launch, marker: str, on_waiting: Callable[[str], None] = lambda _reason: None
    ) -> AgentTransport:
        """See `Place.start`; not used here."""
        raise SpawnFailed(StartProblem.COMMAND_MISSING, launch.command)

    async def run(
        self,
        argv: Sequence[str],
        *,
        cwd: PurePath,
        stdin: bytes = b"",
        max_output: int = MAX_OUTPUT,
        seconds: float = RUN_SECONDS,
    ) -> Ran:
        """Answer `test -d`."""
        self._require_reachable()
        return Ran(0 if self._directories is None or argv[-1] in self._directories else 1, b"")

    async def put(self, data: bytes, path: PurePath) -> None:
        """See `Place.put`."""

    async def get(self, path: PurePath, roots: Sequence[PurePath], *, max_size: int) -> bytes:
        """See `Place.get`."""
        return b""

    async def reap(self, prefix: str) -> int:
        """See `Place.reap`."""
        return 0

    async def sweep(self) -> None:
        """See `Place.sweep`."""
        self.swept += 1
        if self.breaks is not None:
            raise self.breaks
        if self.confirms is not None:
            await self.confirms.wait()

    async def close(self) -> None:
        """See `Place.close`."""
        self.closed = True

    def _require_reachable(self) -> None:
        if not self.reachable:
            raise PlaceUnreachable(self.name, "no route to host")
