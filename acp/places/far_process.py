"""The near half of an agent at another place: the transport over the client process that leads there.

See `runner` for the far half and for what goes over the wire. The far half ends the agent whenever it no longer hears
this one. This one never takes the client's word for the agent's end: without the runner's verdict the link is lost, and
the agent's processes may still run.
"""

import asyncio
import secrets
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final, Self

import structlog

from acp.connection import Connection
from acp.errors import AgentClosed, CloseReason, PlaceUnreachable
from acp.process.agent_process import AgentProcess, Launch
from acp.process.pipes import READ_SIZE

from . import runner
from .far_commands import (
    MAX_BANNER,
    MAX_TOLD,
    NOT_READABLE,
    Route,
    exit_status,
    far_marker,
    header,
    last_words,
    start_failure,
)
from .messages import BrokenMessage, MessageFinder

ALIVE_SECONDS: Final = 30.0
"""A link that is silent for so long is lost. Both sides give a sign of life after a third of it."""

START_SECONDS: Final = 60.0
"""How long the way to a place and the start there may take, where nothing queues."""

END_SECONDS: Final = 16.0
"""How long the runner may take to end an agent and all that it started, and its verdict to get here."""

LINGER_SECONDS: Final = 1.0
"""How long the client may bring more of the agent's stderr once the verdict is there."""

GRACE_SECONDS: Final = 1.0
"""A second look at a silent link: what it brought may be unread, because this process was held up itself."""

log = structlog.stdlib.get_logger("acp")


class FarProcess:
    """An agent at another place; the transport of a `Connection`. Start with `start`, end with `stop`."""

    def __init__(
        self, client: AgentProcess, place: str, nonce: str, alive: float, reap: Callable[[], asyncio.Event]
    ) -> None:
        """Use `start`."""
        self._client = client
        self._place = place
        self._alive = alive
        self._reap = reap
        self._finder = MessageFinder(nonce)
        self._connection: Connection | None = None
        self._early = bytearray()
        self._banner = b""
        self._banner_size = 0
        self._greeted = False
        self._answered = asyncio.Event()
        """The start has succeeded or failed."""
        self._over = asyncio.Event()
        """The verdict is there, or none will come."""
        self._verdict: Mapping[str, Any] | None = None
        self._defect = ""
        self._confirming: asyncio.Task[None] | None = None
        self._paused = self._dropping = self._stopping = self._killed = self._suspected = False
        self._certain = False
        self._fell_silent = False
        self._cut = asyncio.Event()
        """Set when nothing is waited for any more."""
        self._loop = asyncio.get_running_loop()
        self._heard = self._said = self._loop.time()
        self._timer = self._loop.call_later(alive / 3, self._watch)

    @classmethod
    async def start(
        cls,
        route: Route,
        launch: Launch,
        marker: str,
        *,
        reap: Callable[[], asyncio.Event],
        outlives: bool = False,
        inherit: Sequence[str] = (),
        alive: float = ALIVE_SECONDS,
        seconds: float = START_SECONDS,
    ) -> Self:
        """Start an agent at the end of `route`.

        The agent's environment has the far side's own values of the variables `inherit`, then `launch.env`, then its
        marker, which is `far_marker` of `marker`. The client has `marker` itself. `alive` is the silence, in seconds,
        after which each side takes the link for lost. `reap` is called when the link was lost: it begins to end what is
        left of the agent, and returns what is set once that is certain. `outlives`: the client's end is not the end of
        what it has begun at the place, such as a job in a queue.

        Raises `SpawnFailed` when the place refuses, and `PlaceUnreachable` when no runner answers within `seconds`. No
        process is left then, as far as the place can be reached; what the client's own end has left is being ended.
        """
        nonce = secrets.token_hex(16)
        client = await route.open(marker, log_stderr=launch.log_stderr)
        process = cls(client, route.place, nonce, alive, reap)
        try:
            client.attach(process)
            asked = {"do": "start", "argv": [launch.command, *launch.args], "cwd": str(launch.cwd)}
            told = {"env": dict(launch.env), "inherit": [*inherit], "marker": far_marker(route.place, marker)}
            made = [str(each) for each in launch.made]
            client.write(header(nonce, {**asked, **told, "made": made, "alive": alive}))
            await process._started(seconds)
        except BaseException:
            await process._give_up(outlives=outlives)
            raise
        return process

    async def _started(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._answered.wait()
        if self._greeted:
            return  # It may have ended since: that is no failure of the place, and its connection hears of it.
        if self._verdict is not None:
            raise start_failure(self._place, self._verdict)
        raise PlaceUnreachable(self._place, self._defect or last_words(self._client, self._banner))

    async def _give_up(self, *, outlives: bool) -> None:
        # A client that has ended by itself has most likely never got there. What it may have left has never heard of a
        # session, so no message waits for its end.
        failed = self._over.is_set() and not self._greeted
        self._client.kill()
        await self._finish(certain=failed or self._verdict is not None)
        if failed and self._verdict is None and outlives:
            self._reap()

    def __repr__(self) -> str:
        """Read like a status line."""
        return f"<FarProcess at {self._place} behind {self._client!r}>"

    @property
    def pid(self) -> int:
        """The process id of the client, on this machine."""
        return self._client.pid

    @property
    def is_over(self) -> bool:
        """Whether the agent has ended, or its link is lost."""
        return self._over.is_set()

    @property
    def stderr(self) -> tuple[str, ...]:
        """The last lines that the agent or the client wrote to stderr."""
        return self._client.stderr

    def attach(self, connection: Connection) -> None:
        """Feed `connection` with what the agent writes, from its first byte on."""
        self._connection = connection
        if self._paused:
            self.resume_reading()
        if self._early:
            connection.feed(bytes(self._early))
            self._early.clear()
        lingers = not self._timer.cancelled() and self._loop.time() < self._timer.when()
        if self._over.is_set() and not lingers:
            self._report()

    # ---- the transport

    def write(self, data: bytes) -> bool:
        """Hand `data` to the client. Returns False if the agent or the link is gone, and got no byte of this."""
        self._said = self._loop.time()
        return not self._over.is_set() and self._client.write(data)

    def pause_reading(self) -> None:
        """Leave the output in the pipe, so that the agent has to wait. That is no silence."""
        if self._stopping:
            self._dropping = True  # The verdict comes behind it.
        else:
            self._paused = True
            self._client.pause_reading()

    def resume_reading(self) -> None:
        """Read again."""
        self._paused = self._suspected = False
        self._heard = self._loop.time()
        self._client.resume_reading()

    def abort(self) -> None:
        """Close the agent's stdin and pass on no more output."""
        self._dropping = True
        self._client.abort_input()
        self.resume_reading()

    # ---- what the client brings

    def feed(self, data: bytes) -> None:
        """Take bytes of the client's stdout."""
        self._heard = self._loop.time()
        if self._over.is_set():
            return
        try:
            found = self._finder.feed(data)
        except BrokenMessage:
            self._lose(NOT_READABLE)
            return
        for each in found:
            if self._over.is_set():
                return
            match each:
                case bytes() if not self._greeted:
                    self._hear_banner(each)
                case bytes():
                    self._pass_on(each)
                case {"hello": _}:
                    self._greeted = True
                    self._answered.set()
                case {"exit": _} | {"signal": _} | {"problem": _}:
                    self._judge(each)

    def _hear_banner(self, data: bytes) -> None:
        self._banner = (self._banner + data)[-MAX_TOLD:]
        self._banner_size += len(data)
        if self._banner_size > MAX_BANNER:
            self._lose(last_words(self._client, self._banner))

    def _pass_on(self, data: bytes) -> None:
        if self._dropping:
            return
        if self._connection is not None:
            self._connection.feed(data)
            return
        self._early += data
        if len(self._early) >= READ_SIZE:  # `attach` passes all of it on at once.
            self.pause_reading()

    def _judge(self, verdict: Mapping[str, Any]) -> None:
        self._verdict = verdict
        self._end()
        self._timer = self._loop.call_later(LINGER_SECONDS, self._report)

    def _end(self) -> None:
        self._over.set()
        self._answered.set()
        self._timer.cancel()

    def closed(self, _error: AgentClosed) -> None:
        """Note the end of the client."""
        self._end()
        self._report()

    def pause_writing(self) -> None:
        """Tell the connection that what it writes is not taken.

        For how long is not judged here: the link may be slow, or lost. The runner judges whether the agent reads, and
        signs of life tell whether the link is there.
        """
        if self._connection is not None:
            self._connection.pause_writing(bounded=False)

    def resume_writing(self) -> None:
        """Tell the connection that it is taken again."""
        if self._connection is not None:
            self._connection.resume_writing()

    def _report(self) -> None:
        if self._connection is not None:
            self._connection.closed(self.describe(CloseReason.STOPPED if self._stopping else CloseReason.ENDED))

    def describe(self, reason: CloseReason) -> AgentClosed:
        """Build the error with `reason`, the exit status by the runner's verdict, and the last stderr lines.

        An end that was not asked for here is the link's, unless the agent ended by itself or left its input unread.
        """
        stderr = self._client.stderr
        if reason is CloseReason.ENDED and self._verdict is None:
            return AgentClosed(CloseReason.LINK_LOST, stderr=stderr, place=self._place)
        status = exit_status(self._verdict or {})
        match self._verdict:
            case {"cause": runner.INPUT_UNREAD} if reason is CloseReason.ENDED:
                return AgentClosed(CloseReason.INPUT_UNREAD, status, stderr, seconds=runner.UNREAD_SECONDS)
            case {"cause": runner.OUTPUT_ENDED} if reason is CloseReason.ENDED:
                return AgentClosed(reason, stderr=stderr)
            case {"cause": _} if reason is CloseReason.ENDED:
                return AgentClosed(CloseReason.LINK_LOST, stderr=stderr, place=self._place)
        return AgentClosed(reason, status, stderr)

    # ---- the link

    def _watch(self) -> None:
        """Give a sign of life when it is time, and take the link for lost when none has come for too long."""
        now = self._loop.time()
        if now >= self._said + self._alive / 3:
            self._said = now
            if not self._client.unwritten:  # Else more would only wait there.
                self._client.write(b"\n")
        due = self._said + self._alive / 3
        if self._greeted and not self._paused:
            if now < self._heard + self._alive:
                self._suspected, due = False, min(due, self._heard + self._alive)
            elif not self._suspected:
                self._suspected, due = True, now + GRACE_SECONDS
            else:
                self._fell_silent = True
                self._lose(f"no sign of life for {self._alive:g} s")
                return
        self._timer = self._loop.call_at(due, self._watch)

    def _lose(self, defect: str) -> None:
        """Use a link no more, and cut it, see `_leave_time`: clients exist that never notice it themselves."""
        log.warning("link to a place is lost", place=self._place, reason=defect)
        self._defect = defect
        self._end()
        if not self._fell_silent:
            self._client.kill()
        self._report()

    # ---- the end

    async def stop(self) -> None:
        """End the agent and all that it started; see `runner` for the steps.

        Without the runner's verdict this goes on until `reap` has confirmed that nothing is left, or until the runner,
        if it lives, has noticed the lost link and has ended the agent: `alive + 2 * END_SECONDS` at most.
        """
        self._stopping = True
        self._dropping = self._dropping or self._paused
        self.resume_reading()
        self._client.close_input()
        with suppress(TimeoutError):
            async with asyncio.timeout(END_SECONDS):
                await self._over.wait()
        await self._finish(certain=self._verdict is not None)

    def kill(self) -> None:
        """Cut the link; the runner ends the agent then. No `stop` waits for its word any more."""
        self._killed = True
        self._cut.set()
        self._client.kill()
        if self._confirming is not None:
            self._confirming.cancel()

    async def _finish(self, *, certain: bool) -> None:
        """End the client; and the agent, unless it is certain that none of its processes is left, or a `kill` came."""
        try:
            if self._verdict is None:
                await self._leave_time()
                self._client.kill()
            await self._client.stop()
        finally:
            self._end()
        if not (certain or self._certain or self._killed):
            await self._confirm()
        self._certain = True

    async def _leave_time(self) -> None:
        """Leave the runner the time to end its agent where the link has fallen silent, which it notices too.

        An engine that hears of its client's end kills the runner first, and not what the agent has started.
        """
        if self._fell_silent:
            with suppress(TimeoutError):
                async with asyncio.timeout(END_SECONDS):
                    await self._cut.wait()

    async def _confirm(self) -> None:
        """Wait until the agent's end is certain, see `ended`; `kill` ends the wait."""
        work = ended(self._reap(), self._alive)
        confirming = self._confirming = asyncio.create_task(work, name=f"end of an agent at {self._place}")
        try:
            await asyncio.wait((confirming,))
        finally:
            confirming.cancel()
        if not confirming.cancelled():
            confirming.result()


async def ended(confirmed: asyncio.Event, alive: float) -> None:
    """Wait until the end of agents is confirmed, or until each runner, if it lives, has ended its agent."""
    with suppress(TimeoutError):
        async with asyncio.timeout(alive + END_SECONDS):
            await confirmed.wait()
