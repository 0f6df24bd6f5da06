"""The place of one thread's agent: the one that the thread keeps, or the one that is chosen for its next start."""

import asyncio

from acp.places.here import HERE
from pool.conversation_context import ConversationContext
from pool.session_setup import AgentSettings

CONFIRM_SECONDS = 3.0
"""Those who wait for a stop at another place are told so when it takes longer: its agent may still be there."""


class ThreadPlace:
    """A thread's place, with the slots there."""

    def __init__(self, thread_id: int, context: ConversationContext) -> None:
        """Begin on this machine, until a start needs a place."""
        self._thread_id = thread_id
        self._context = context
        self._late: asyncio.TimerHandle | None = None
        self.move(HERE)
        self.unconfirmed = False
        """Whether the thread waits until the place confirms that its agent has ended."""

    def move(self, name: str) -> None:
        """Take another place for the next start."""
        self.name, self.slots = name, self._context.placement.slots(name)

    def kept(self, settings: AgentSettings) -> str:
        """Return the place that the thread keeps, if its agent may still run there; else an empty string."""
        if len(settings.places) == 1:
            return settings.places[0]  # Where else? It saves a read of the journal for each message.
        kept = self._context.journal.threads.agent_place(self._thread_id)
        return kept if kept in settings.places else ""

    def choose(self, settings: AgentSettings) -> None:
        """Take the place at which an agent should start now."""
        self.move(self.kept(settings) or self._context.placement.choose(settings))

    def is_right(self, settings: AgentSettings) -> bool:
        """Whether an agent with these settings may start here: they may have changed during a wait."""
        return self.name in settings.places and self.kept(settings) in {"", self.name}

    def is_next(self, settings: AgentSettings) -> bool:
        """Whether the next start would be tried here too."""
        return (self.kept(settings) or self._context.placement.choose(settings)) == self.name

    def keep(self) -> None:
        """Let the thread keep this place: its agent runs here."""
        threads = self._context.journal.threads
        if threads.agent_place(self._thread_id) != self.name:
            threads.keep_agent_place(self._thread_id, self.name)

    def await_end(self) -> None:
        """Note that an agent is being stopped; say so if another machine's confirmation of that is late."""
        if self._late is None and not self._context.placement.is_near(self.name):
            self._late = asyncio.get_running_loop().call_later(CONFIRM_SECONDS, self._wait)

    def ended(self) -> None:
        """Note that the agent has ended, if it was being stopped."""
        if self._late is not None:
            self._late.cancel()
        self._late, self.unconfirmed = None, False

    def _wait(self) -> None:
        self.unconfirmed = True
        self._context.on_queue(self._thread_id)
