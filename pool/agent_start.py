"""Starts a thread's agent at its place. Far away that may take long: a person who cancels does not wait for it."""

import asyncio
from collections.abc import Callable

from acp import Agent
from pool.conversation_context import ConversationContext
from pool.exchange import Exchange
from pool.place_news import StartQueued, Unconfirmed
from pool.session_setup import AgentSettings


class AgentStart:
    """One thread's starts, one at a time."""

    def __init__(self, context: ConversationContext, started: Callable[[Agent], None]) -> None:
        """Begin without one. `started` gets each agent at once: a cancel of `run` must not lose it."""
        self._context = context
        self._started = started
        self._task: asyncio.Task[None] | None = None

    def give_up(self) -> bool:
        """End a start at another place, which may have queued it. Return whether there is one.

        A start on this machine is short, and continues.
        """
        return self._task is not None and self._task.cancel()

    async def run(self, settings: AgentSettings, place: str, exchange: Exchange) -> None:
        """Start the agent, unless that is given up. Raises `AcpError`."""
        if self._context.placement.is_near(place):
            self._started(await self._context.spawn(settings, place))
            return
        task = self._task = asyncio.create_task(self._far(settings, place, exchange), name=f"start at {place}")
        try:
            await asyncio.wait((task,))
        finally:
            self._task = None
            if not task.done():  # The bot stops.
                task.cancel()
                await asyncio.wait((task,))
        if not task.cancelled():
            task.result()

    async def _far(self, settings: AgentSettings, place: str, exchange: Exchange) -> None:
        if not self._context.sweeps.is_done(place):
            exchange.on_place(Unconfirmed(place))
            await self._context.sweeps.done(place)
            exchange.on_queued(0, ())
        agent = await self._context.spawn(settings, place, lambda reason: exchange.on_place(StartQueued(place, reason)))
        self._started(agent)
