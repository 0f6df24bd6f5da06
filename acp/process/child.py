"""A child process that leads a session of its own: the common part of agents and terminal commands."""

import asyncio
import contextlib
import os
import signal
from typing import Any, cast

from .orphans import end_survivors, start_time


class Child(asyncio.SubprocessProtocol):
    """A child process, started with `start_new_session`."""

    def __init__(self) -> None:
        """Prepare for the start."""
        self._exited = asyncio.Event()
        self._transport: asyncio.SubprocessTransport | None = None
        self._started: int | None = None

    @property
    def pid(self) -> int:
        """The process id, which is also its group's and its session's."""
        return self._process.get_pid()

    @property
    def _process(self) -> asyncio.SubprocessTransport:
        if self._transport is None:
            raise RuntimeError("the process was not started by spawn()")
        return self._transport

    async def _create(self, *argv: str, **options: Any) -> None:
        """Create the process as leader of a session. Raises OSError and ValueError.

        A cancellation is raised only when the process is there: asyncio would lose track of it before that, and might
        wait for its end for ever (Python 3.11).
        """
        loop = asyncio.get_running_loop()
        creating = loop.create_task(
            loop.subprocess_exec(lambda: self, *argv, start_new_session=True, **options), name=f"creation of {argv[0]}"
        )
        try:
            await asyncio.shield(creating)
        except asyncio.CancelledError:
            await asyncio.wait((creating,))  # Some turns of the loop: the process itself exists already.
            creating.result()
            raise

    async def _discard(self, marker: str) -> None:
        """End it and all that it has started, without mercy, and let it go. It may never have been created."""
        if self._transport is not None:
            try:
                self._signal_group(signal.SIGKILL)
                await end_survivors(marker, leader=self._own_session(), gently=False)
            finally:
                self._let_go()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Note the start of the process."""
        self._transport = cast("asyncio.SubprocessTransport", transport)
        self._started = start_time(self.pid)

    def process_exited(self) -> None:
        """Note the end of the process itself."""
        self._exited.set()

    async def _exits_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self._exited.wait()
        except TimeoutError:
            return False
        return True

    def _signal_group(self, number: signal.Signals) -> None:
        # The group's id is the leader's pid: safe only while the leader has not been reaped.
        if self._process.get_returncode() is None:
            # PermissionError where sudo has made it another user's: it may end when its pipes are closed.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, number)

    def _own_session(self) -> int | None:
        # A session keeps its number while it has members, so a stranger with this pid means that none is left.
        return self.pid if start_time(self.pid) in {None, self._started} else None

    def _let_go(self) -> None:
        """Close its pipes; if it still runs, asyncio kills it where permitted."""
        with contextlib.suppress(PermissionError):  # The same; from Python 3.13 on asyncio ignores it.
            self._process.close()
