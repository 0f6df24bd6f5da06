"""Lists the sessions that an agent has kept, by a running agent or by a probe: one started for the list."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import structlog

from acp import Agent, AgentClosed, CloseReason
from acp.schema import SessionInfo
from pool.conversation_context import Spawn
from pool.placement import Placement
from pool.session_setup import AgentSettings

FRESH_SECONDS = 30.0
"""How long a list is reused: the completion of a command asks at every key."""

log = structlog.stdlib.get_logger("pool")

Answer = asyncio.Future[list[SessionInfo]]


class NoSlot(Exception):
    """No suitable agent runs, and there is no free slot for a probe."""


class SessionListing:
    """Asks an agent once for all requests at about the same time."""

    def __init__(
        self,
        *,
        placement: Placement,
        spawn: Spawn,
        running: Callable[[AgentSettings, str], Sequence[Agent]],
        create_task: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]],
    ) -> None:
        """`running` returns the living agents of a place that may be asked; each request is a task of `create_task`."""
        self._placement = placement
        self._spawn = spawn
        self._running = running
        self._create_task = create_task
        self._asked: dict[tuple[str, str, Path], tuple[float, Answer]] = {}
        self._starting: set[asyncio.Task[None]] = set()
        self.probes: list[Agent] = []
        """The agents that were started for a list."""

    async def sessions(self, settings: AgentSettings, place: str) -> list[SessionInfo]:
        """Return an agent's sessions in its directory at a place, in its order. Raises `AcpError`, `NoSlot`."""
        loop, key = asyncio.get_running_loop(), (settings.agent, place, settings.cwd)
        since, answer = self._asked.get(key, (0.0, None))
        if answer is None or (answer.done() and loop.time() - since >= FRESH_SECONDS):
            answer = loop.create_future()
            self._asked[key] = (loop.time(), answer)
            task = self._create_task(self._ask(settings, place, answer))
            self._starting.add(task)
            task.add_done_callback(self._starting.discard)
        return await asyncio.shield(answer)

    def close(self) -> None:
        """Stop all probes."""
        for task in self._starting:
            task.cancel()
        for agent in self.probes:
            agent.connection.close(AgentClosed(CloseReason.SHUTDOWN))

    async def _ask(self, settings: AgentSettings, place: str, answer: Answer) -> None:
        try:
            async with self._agent(settings, place) as agent:
                # Before a probe is stopped: that may take long.
                answer.set_result(await agent.list_sessions(settings.cwd))
        except Exception as error:
            if answer.done():
                log.exception("an agent that was started for a list could not be stopped")
            else:
                answer.set_exception(error)
                answer.exception()  # Marks it as retrieved: all who asked may have left.
        finally:
            answer.cancel()

    @asynccontextmanager
    async def _agent(self, settings: AgentSettings, place: str) -> AsyncIterator[Agent]:
        """Find an agent to ask, or start a probe in a free slot. Raises `AcpError`, `NoSlot`."""
        running, holder, slots = self._running(settings, place), object(), self._placement.slots(place)
        # An agent lists sessions during a turn too, but it may be stuck.
        free = next((agent for agent in running if not agent.connection.lock.locked()), None)
        if free is None and slots.take_free(holder, settings.memory):
            try:
                async with self._probe(settings, place) as agent:
                    yield agent
            finally:
                slots.release(holder)
        elif free is None and not running:
            raise NoSlot("no slot is free")
        else:
            yield free or running[0]

    @asynccontextmanager
    async def _probe(self, settings: AgentSettings, place: str) -> AsyncIterator[Agent]:
        agent = await self._spawn(settings, place)
        self.probes.append(agent)
        self._starting.discard(asyncio.current_task())  # Its stop must not be cancelled.
        try:
            yield agent
        finally:
            try:
                await agent.stop()
            finally:
                self.probes.remove(agent)
