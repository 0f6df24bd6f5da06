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
        self._bound: asyncio.Timeout | None = None

    def give_up(self) -> None:
        """End a start at another place, which may have queued it. A start on this machine is short, and continues."""
        if self._bound is not None and not self._bound.expired():
            self._bound.reschedule(asyncio.get_running_loop().time())

    async def run(self, settings: AgentSettings, place: str, exchange: Exchange) -> Agent | None:
        """Start the agent; None when it was given up. Raises `AcpError`."""
        if self._context.placement.is_near(place):
            return await self._context.spawn(settings, place)
        bound = self._bound = asyncio.timeout(None)
        try:
            async with bound:
                if not self._context.sweeps.is_done(place):
                    exchange.on_place(Unconfirmed(place))
                    await self._context.sweeps.done(place)
                    exchange.on_queued(0, ())
                return await self._context.spawn(
                    settings, place, lambda reason: exchange.on_place(StartQueued(place, reason))
                )
        except TimeoutError:
            if not bound.expired():
                raise
            return None
        finally:
            self._bound = None
