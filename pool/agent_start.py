"""Starts a thread's agent at its place. Far away that may take long: a person who cancels does not wait for it."""

import asyncio

from acp import Agent
from pool.conversation_context import ConversationContext
from pool.exchange import Exchange
from pool.place_news import StartQueued, Unconfirmed
from pool.session_setup import AgentSettings


class AgentStart:
    """One thread's starts, one at a time."""

    def __init__(self, context: ConversationContext) -> None:
        """Begin without one."""
        self._context = context
        self._task: asyncio.Task[Agent] | None = None

    def give_up(self) -> bool:
        """End a start at another place, which may have queued it. Return whether there is one.

        A start on this machine is short, and continues.
        """
        return self._task is not None and self._task.cancel()

    async def run(self, settings: AgentSettings, place: str, exchange: Exchange) -> Agent | None:
        """Start the agent; None when it was given up. Raises `AcpError`."""
        if self._context.placement.is_near(place):
            return await self._context.spawn(settings, place)
        task = self._task = asyncio.create_task(self._far(settings, place, exchange), name=f"start at {place}")
        try:
            await asyncio.wait((task,))
        finally:
            self._task = None
            if not task.done():  # The bot stops.
                task.cancel()
                await asyncio.wait((task,))
        return None if task.cancelled() else task.result()

    async def _far(self, settings: AgentSettings, place: str, exchange: Exchange) -> Agent:
        if not self._context.sweeps.is_done(place):
            exchange.on_place(Unconfirmed(place))
            await self._context.sweeps.done(place)
            exchange.on_queued(0, ())
        return await self._context.spawn(settings, place, lambda reason: exchange.on_place(StartQueued(place, reason)))
