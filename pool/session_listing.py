"""Lists the sessions that an agent has kept: by a running agent, or by one started for the purpose."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import structlog

from acp import Agent, AgentClosed
from acp.schema import SessionInfo
from pool.session_setup import AgentSettings
from pool.slots import Slots

__all__ = ["NoSlot", "SessionListing"]

FRESH_SECONDS = 30.0
"""How long an answer is good for: somebody who types asks at every key."""

log = structlog.stdlib.get_logger("pool")

Answer = asyncio.Future[list[SessionInfo]]


class NoSlot(Exception):
    """No agent of the kind runs, and there is no room for one."""


class SessionListing:
    """Asks once for all who want to know at about the same time. Each asking is a task, made by `create_task`."""

    def __init__(
        self,
        *,
        slots: Slots[object],
        spawn: Callable[[AgentSettings], Awaitable[Agent]],
        running: Callable[[AgentSettings], Sequence[Agent]],
        create_task: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]],
    ) -> None:
        """`running` returns the living agents that may be asked."""
        self._slots = slots
        self._spawn = spawn
        self._running = running
        self._create_task = create_task
        self._asked: dict[tuple[str, Path], tuple[float, Answer]] = {}
        self._starting: set[asyncio.Task[None]] = set()
        self.guests: list[Agent] = []
        """Agents that were started for a list."""

    async def sessions(self, settings: AgentSettings) -> list[SessionInfo]:
        """Return the sessions of an agent in its directory, as it orders them. Raises `AcpError`, `NoSlot`."""
        loop, key = asyncio.get_running_loop(), (settings.agent, settings.cwd)
        since, answer = self._asked.get(key, (0.0, None))
        if answer is None or (answer.done() and loop.time() - since >= FRESH_SECONDS):
            answer = loop.create_future()
            self._asked[key] = (loop.time(), answer)
            task = self._create_task(self._ask(settings, answer))
            self._starting.add(task)
            task.add_done_callback(self._starting.discard)
        return await asyncio.shield(answer)

    def close(self) -> None:
        """Let the guests go; nobody is to ask any more."""
        for task in self._starting:
            task.cancel()
        for agent in self.guests:
            agent.connection.close(AgentClosed("Threadline is shutting down"))

    async def _ask(self, settings: AgentSettings, answer: Answer) -> None:
        try:
            async with self._agent(settings) as agent:
                # Before a guest is stopped: some take their time, and nobody need wait for that.
                answer.set_result(await agent.list_sessions(settings.cwd))
        except Exception as error:
            if answer.done():
                log.exception("an agent that was started for a list could not be stopped")
            else:
                answer.set_exception(error)
                answer.exception()  # Nobody may wait any longer.
        finally:
            answer.cancel()

    @asynccontextmanager
    async def _agent(self, settings: AgentSettings) -> AsyncIterator[Agent]:
        """Find an agent to ask, or start one in a free slot. Raises `AcpError`, `NoSlot`."""
        running, guest = self._running(settings), object()
        # One that works may be stuck; but a turn need not end before a list is given.
        free = next((agent for agent in running if not agent.connection.lock.locked()), None)
        if free is None and self._slots.take_free(guest):
            try:
                async with self._guest(settings) as agent:
                    yield agent
            finally:
                self._slots.release(guest)
        elif free is None and not running:
            raise NoSlot("all agents are busy with other things")
        else:
            yield free or running[0]

    @asynccontextmanager
    async def _guest(self, settings: AgentSettings) -> AsyncIterator[Agent]:
        agent = await self._spawn(settings)
        self.guests.append(agent)
        self._starting.discard(asyncio.current_task())  # From here on its stop must not be cut short.
        try:
            yield agent
        finally:
            try:
                await agent.stop()
            finally:
                self.guests.remove(agent)
