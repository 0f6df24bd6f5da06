# ruff: noqa: ARG002
"""Another machine, or a cluster, as a place: its engine's client here, and the runner there."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import PurePath

from acp.agent_transport import AgentTransport
from acp.errors import PlaceUnreachable
from acp.process.agent_process import Launch

from .engine import Engine
from .place import MAX_OUTPUT, RUN_SECONDS, Ran


class FarPlace:
    """A place that an engine reaches; see `Place`."""

    near = False

    def __init__(
        self, name: str, engine: Engine, journal_id: str, *, env: Mapping[str, str], keep_alive: float = 30.0
    ) -> None:
        """`journal_id` begins the markers of all our processes. `env` is the environment of the engine's client.

        Each side takes the link for lost after `keep_alive` seconds of silence.
        """
        self.name = name
        self._engine = engine
        self._journal_id = journal_id
        self._env = env
        self._keep_alive = keep_alive

    def __repr__(self) -> str:
        """Read like a status line."""
        return f"<FarPlace {self.name}>"

    async def sweep(self) -> None:
        """End what an earlier run left there; starts wait for it. Bounded by the keep-alive and the stop ladder."""

    async def start(
        self,
        launch: Launch,
        marker: str,
        on_waiting: Callable[[str], None] = lambda _reason: None,
    ) -> AgentTransport:
        """See `Place.start`."""
        raise PlaceUnreachable(self.name)

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
        raise PlaceUnreachable(self.name)

    async def put(self, data: bytes, path: PurePath) -> None:
        """See `Place.put`."""
        raise PlaceUnreachable(self.name)

    async def get(self, path: PurePath, roots: Sequence[PurePath], *, max_size: int) -> bytes:
        """See `Place.get`."""
        raise PlaceUnreachable(self.name)

    async def reap(self, prefix: str) -> int:
        """See `Place.reap`."""
        raise PlaceUnreachable(self.name)
