"""Thread id to conversation: a bounded number of agents for any number of threads.

There is no lock here. Everything runs on one event loop, and nothing is awaited between looking and changing.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AsyncExitStack
from typing import Self

from acp import Agent

from .conversation import Conversation, Settings, State
from .exchange import Exchange
from .journal import Journal
from .slots import Slots

__all__ = ["Pool"]

TURN_SECONDS = 8.0
"""What running turns get to end by themselves when the bot stops."""


class Pool:
    """Conversations by thread, as an asynchronous context manager; leaving it stops every agent."""

    def __init__(
        self,
        settings: Settings,
        *,
        spawn: Callable[[str], Awaitable[Agent]],
        journal: Journal,
        max_agents: int,
        idle_seconds: float,
        on_held: Callable[[int, int], None] = lambda _thread_id, _count: None,
    ) -> None:
        """`spawn` starts an agent, given its marker (`<journal id>/<n>`).

        `on_held` learns of a thread, and how many of its exchanges wait for a person to say go on.
        """
        self._settings = settings
        self._spawn_marked = spawn
        self._journal = journal
        self._idle_seconds = idle_seconds
        self._on_held = on_held
        self._spawned = 0
        self._slots: Slots[Conversation] = Slots(max_agents, on_line_moved=self._line_moved)
        self._conversations: dict[int, Conversation] = {}
        self._tasks = asyncio.TaskGroup()
        self._running: dict[Conversation, asyncio.Task[None]] = {}
        self._stack = AsyncExitStack()
        self._stopping = False

    def __repr__(self) -> str:
        """Read like a status line."""
        rest = " ".join(repr(conversation) for conversation in self._conversations.values())
        return f"<Pool {self._slots!r} {rest}>" if rest else f"<Pool {self._slots!r}>"

    async def __aenter__(self) -> Self:
        """Be ready for `submit`."""
        await self._stack.enter_async_context(self._tasks)
        self._stack.push_async_callback(self._stop)
        return self

    async def __aexit__(self, *exc: object) -> None:
        """Let running turns end within `TURN_SECONDS`, then stop every conversation and its agent."""
        await self._stack.aclose()

    def submit(self, thread_id: int, exchange: Exchange) -> None:
        """Accept an exchange for a thread. The order of the calls is the order in which the agent sees them.

        While the pool stops this does nothing: the message's row stays received, for the next start.
        """
        if self._stopping:
            return
        conversation = self._conversations.get(thread_id)
        if conversation is None:
            conversation = self._conversations[thread_id] = Conversation(
                thread_id,
                self._settings,
                spawn=self._spawn,
                slots=self._slots,
                journal=self._journal,
                idle_seconds=self._idle_seconds,
                on_idle=self._make_room,
                on_held=self._on_held,
            )
            task = self._tasks.create_task(self._run(conversation), name=f"conversation-{thread_id}")
            self._running[conversation] = task
        conversation.submit(exchange)

    def conversation(self, thread_id: int) -> Conversation | None:
        """Return the thread's conversation, unless it is asleep with nothing to do."""
        return self._conversations.get(thread_id)

    def place(self, conversation: Conversation) -> int:
        """Return the place in line, from 1; 0 when not in line."""
        line = self._slots.line
        return line.index(conversation) + 1 if conversation in line else 0

    @property
    def conversations(self) -> Iterable[Conversation]:
        """All conversations that are not asleep."""
        return self._conversations.values()

    def kill(self) -> None:
        """Kill every agent at once: a person is in a hurry. `__aexit__` still does the rest."""
        for conversation in self._conversations.values():
            if conversation.agent is not None:
                conversation.agent.kill()

    async def _spawn(self) -> Agent:
        self._spawned += 1
        return await self._spawn_marked(f"{self._journal.journal_id}/{self._spawned}")

    async def _run(self, conversation: Conversation) -> None:
        try:
            await conversation.run()
        finally:
            # In the same step of the loop as the conversation's last look into its inbox: no message falls between.
            del self._running[conversation]
            del self._conversations[conversation.thread_id]

    def _line_moved(self) -> None:
        for place, conversation in enumerate(self._slots.line, start=1):
            conversation.placed(place)
        self._make_room()

    def _make_room(self) -> None:
        """Put the longest idle to sleep, as many as wait in line and are not being made room for yet."""
        stopping = sum(conversation.state is State.STOPPING for conversation in self._conversations.values())
        wanted = max(0, len(self._slots.line) - stopping)
        idle = [conversation for conversation in self._conversations.values() if conversation.evictable]
        for conversation in sorted(idle, key=lambda conversation: conversation.idle_since)[:wanted]:
            conversation.evict()

    async def _stop(self) -> None:
        self._stopping = True
        for conversation, task in self._running.items():
            conversation.retire()
            if conversation.state in {State.IN_LINE, State.STARTING}:  # Nothing was prompted; nothing will be.
                task.cancel()
        if self._running:
            await asyncio.wait(self._running.values(), timeout=TURN_SECONDS)
        for conversation, task in self._running.items():
            # A stop in progress must not be cut short, nor one that a start, cancelled above, has come to.
            if conversation.state is not State.STOPPING and not task.cancelling():
                conversation.cut_off()
                task.cancel()
