"""Another machine, or a cluster, as a place: its engine's command lines, and the runner behind them."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePath
from typing import Final

import structlog

from acp.agent_transport import AgentTransport
from acp.errors import AcpError, PlaceUnreachable, QueuedTooLong
from acp.process.agent_process import Launch
from acp.process.environment import BASE_NAMES

from . import far_commands, runner
from .engine import Argv, Engine, Job
from .engine_command import engine_command
from .far_commands import Hello, Route
from .far_process import ALIVE_SECONDS, FarProcess, ended
from .place import MAX_OUTPUT, RUN_SECONDS, Ran
from .reaps import Reaps

CONNECTIONS: Final = 8
"""Connections that are opened at the same time: sshd refuses some of more than ten (`MaxStartups`)."""

CONNECT_SECONDS: Final = 20.0
"""A start or a short command that takes longer is queued at the place, or is slow there, and keeps no other from
connecting."""

POLL_SECONDS: Final = 5.0
"""How often a place is asked why a start is queued there."""

POLLS: Final = 2
"""Questions of that kind at the same time: forty queued starts must not keep a login node busy."""

ASK_SECONDS: Final = 15.0
"""Bound of that question."""

END_SECONDS: Final = 90.0
"""Bound of an engine's command that ends jobs. Those of this package take 60 seconds themselves."""

MAX_REASON: Final = 300
"""Characters of the reason that are told."""

log = structlog.stdlib.get_logger("acp")


class FarPlace:
    """A place that an engine reaches; see `Place`."""

    near = False

    def __init__(
        self,
        name: str,
        engine: Engine,
        journal_id: str,
        *,
        run: str,
        env: Mapping[str, str],
        keep_alive: float = ALIVE_SECONDS,
    ) -> None:
        """`journal_id` begins the markers of all our processes. `env` is the environment of the engine's client.

        `run` tells this run's jobs from those of earlier ones, whose numbers are the same: up to 4 letters and digits,
        as many in each run. Each side takes the link for lost after `keep_alive` seconds of silence.
        """
        self.name = name
        self._engine = replace(engine, runner=runner_line(engine.runner))
        self._journal_id = journal_id
        self._run = run
        self._env = env
        self._keep_alive = keep_alive
        self._connections = asyncio.Semaphore(CONNECTIONS)
        self._reaps = Reaps(name, self._reap)
        self._polls = asyncio.Semaphore(POLLS)
        self._asking: set[asyncio.Task[None]] = set()
        """Questions why starts are queued, until their clients have ended."""
        self._agents: dict[Job, tuple[PurePath, FarProcess]] = {}

    def __repr__(self) -> str:
        """Read like a status line."""
        return f"<FarPlace {self.name} with {len(self._running())} agents>"

    async def hello(self) -> Hello:
        """Ask who runs there. Raises `PlaceUnreachable`."""
        async with self._short_route() as route:
            return await far_commands.hello(route)

    async def sweep(self) -> None:
        """See `Place.sweep`. Takes until that is certain, or until the runners there have ended their agents."""
        await ended(self._reaps.end(Job(self.name, f"{self._journal_id}/", run=self._run)), self._keep_alive)

    async def close(self) -> None:
        """See `Place.close`."""
        await self._reaps.close()
        if self._asking:
            await asyncio.wait(self._asking)

    async def start(
        self,
        launch: Launch,
        marker: str,
        on_waiting: Callable[[str], None] = lambda _reason: None,
    ) -> AgentTransport:
        """See `Place.start`."""
        journal, _, number = marker.partition("/")
        job = Job(self.name, f"{journal}/{self._run}{number}", launch.memory, self._run)
        env = {name: value for name, value in launch.env.items() if name not in launch.local_env}
        seconds, now = self._engine.start_seconds, asyncio.get_running_loop().time
        async with self._connecting() as connected, self._watching(job, on_waiting, connected) as reasons:
            late = now() + seconds
            try:
                process = await FarProcess.start(
                    self._route(self._engine.start_line(job)),
                    replace(launch, env=env),
                    job.marker,
                    reap=partial(self._reaps.end, job),
                    outlives=bool(self._engine.reap),
                    inherit=sorted({*BASE_NAMES, *launch.local_env}),
                    alive=self._keep_alive,
                    seconds=seconds,
                )
            except PlaceUnreachable:
                if reasons and now() >= late:
                    raise QueuedTooLong(self.name, seconds, reasons[-1]) from None
                raise
        self._agents = {**self._running(), job: (PurePath(launch.cwd), process)}
        return process

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
        async with self._short_route(cwd) as route:
            return await far_commands.run(route, argv, cwd=cwd, stdin=stdin, max_output=max_output, seconds=seconds)

    async def put(self, data: bytes, path: PurePath) -> None:
        """See `Place.put`."""
        async with self._short_route() as route:
            await far_commands.put(route, data, path)

    async def get(self, path: PurePath, roots: Sequence[PurePath], *, max_size: int) -> bytes:
        """See `Place.get`."""
        async with self._short_route(*roots) as route:
            return await far_commands.get(route, path, roots, max_size=max_size)

    async def reap(self, prefix: str) -> int:
        """See `Place.reap`. Returns only when none of these processes is left."""
        return await self._reap([Job(self.name, prefix)])

    async def _reap(self, jobs: Sequence[Job]) -> int:
        line, count = self._engine.reap_line(*jobs), 0
        if line:
            said = await engine_command(self._route(line), END_SECONDS)
            count += sum(len(each.split()) == 1 for each in said)  # A sentence is no name of a job.
        if self._engine.shares_processes:
            route = self._route(self._engine.short_line(self._short_job(), None))
            count += await far_commands.reap(route, [job.marker for job in jobs], jobs[0].spared)
        return count

    # ---- connections

    @asynccontextmanager
    async def _connecting(self) -> AsyncIterator[Callable[[], None]]:
        """Wait for the turn to connect. Lets the next one connect after `CONNECT_SECONDS`, or at the end.

        Yields a function that does it earlier.
        """
        await self._connections.acquire()
        turns = [self._connections]

        def connected() -> None:
            if turns:
                turns.pop().release()

        timer = asyncio.get_running_loop().call_later(CONNECT_SECONDS, connected)
        try:
            yield connected
        finally:
            timer.cancel()
            connected()

    @asynccontextmanager
    async def _short_route(self, *directories: PurePath) -> AsyncIterator[Route]:
        """Yield the way to a runner for a short command, in the job of an agent of these directories if one runs."""
        async with self._connecting():
            agents = self._running()
            # An agent that works in the directory sees it for certain; else each is as good.
            running = max(agents, key=lambda job: agents[job][0] in directories, default=None)
            job = self._short_job()
            try:
                yield self._route(self._engine.short_line(job, running))
            except (PlaceUnreachable, asyncio.CancelledError):
                if self._engine.reap and self._engine.makes_job(running):
                    self._reaps.end(job)  # Without an answer it may be queued there, or run.
                raise

    def _short_job(self) -> Job:
        return Job(self.name, f"{self._journal_id}/{self._run}r{secrets.token_hex(3)}", run=self._run)

    def _running(self) -> dict[Job, tuple[PurePath, FarProcess]]:
        return {job: each for job, each in self._agents.items() if not each[1].is_over}

    def _route(self, line: Argv) -> Route:
        return Route(self.name, line, self._journal_id, self._env)

    # ---- the engine's own commands

    @asynccontextmanager
    async def _watching(
        self, job: Job, on_waiting: Callable[[str], None], connected: Callable[[], None]
    ) -> AsyncIterator[list[str]]:
        """Tell why a start is queued, at each change, for the block. Yields the list of these reasons.

        Its end does not wait for a question in progress: a cancel during that would lose an agent that has started.
        """
        reasons: list[str] = []
        watching = asyncio.create_task(self._watch(job, reasons, on_waiting, connected), name=f"start of {job.name}")
        self._asking.add(watching)
        watching.add_done_callback(self._asking.discard)
        try:
            yield reasons
        finally:
            watching.cancel()

    async def _watch(
        self, job: Job, reasons: list[str], on_waiting: Callable[[str], None], connected: Callable[[], None]
    ) -> None:
        line = self._engine.waiting_line(job)
        while line:
            await asyncio.sleep(POLL_SECONDS)
            reason = await self._reason(line)
            if reason:
                connected()
            if reason and reason not in reasons[-1:]:
                reasons.append(reason)
                on_waiting(reason)

    async def _reason(self, line: Argv) -> str:
        try:
            async with self._polls:
                lines = await engine_command(self._route(line), ASK_SECONDS)
        except AcpError as error:
            log.info("no reason for a queued start", place=self.name, error=str(error))
            return ""  # The start itself tells what is wrong.
        return " ".join(lines[0].split())[:MAX_REASON] if lines else ""


def runner_line(command: Argv) -> Argv:
    """Return the whole command of the runner: it is given to a Python as its source, or installed as `... runner`."""
    if command[-1] == "runner":
        return command
    # Isolated: no module of the directory in which it starts takes the place of the standard library's.
    return (*command, "-I", "-c", Path(runner.__file__).read_text(encoding="utf-8"))
