"""Frees slots for those in line: stops spares and idle agents, and ends the oldest question."""

import asyncio
import math
from collections.abc import Mapping

import structlog

from acp.places.here import HERE
from pool.agent_lease import AgentLease
from pool.conversation import Conversation
from pool.conversation_context import ConversationState
from pool.slots import Slots
from pool.spares import Spares

PREEMPT_SECONDS = 600.0
"""When the first in line has waited this long, an open question of the same age is rejected to free a slot."""

YIELD_SECONDS = 15.0
"""How long a preempted agent has to end its turn, before another one is preempted."""

log = structlog.stdlib.get_logger("pool")


class Evictions:
    """Decides about the slots of one place."""

    def __init__(self, place: str, slots: Slots[object], conversations: Mapping[int, Conversation]) -> None:
        """`conversations` are all that are awake, by thread."""
        self._slots = slots
        self._conversations = conversations
        self._preempted_at = -math.inf
        self._is_here = place == HERE

    @property
    def leases(self) -> list[AgentLease]:
        """The leases that hold a slot here. The others have no agent here."""
        return [holder for holder in self._slots.holders if isinstance(holder, AgentLease)]

    def asking(self) -> list[int]:
        """Return the threads whose agents here wait for a person's answer."""
        asked = (self._conversations.get(lease.thread_id) for lease in self.leases)
        return [each.thread_id for each in asked if each is not None and each.asked_since is not None]

    def longest_idle(self) -> list[AgentLease]:
        """Return the agents that can be stopped, the one that is idle longest first."""
        return sorted((lease for lease in self.leases if lease.evictable), key=lambda lease: lease.idle_since)

    def make_room(self, spares: Spares) -> None:
        """Free slots for those in line: stop spares first, then the agents that are idle longest."""
        wanted = self._slots.load.in_line - self._stopping(spares)
        if wanted > 0 and self._is_here:
            wanted -= spares.dismiss(wanted)
        for lease in self.longest_idle()[: max(0, wanted)]:
            lease.evict()

    def leaving(self, spares: Spares) -> int:
        """Count the agents that are being stopped, or could be stopped for others."""
        ready = spares.staying if self._is_here else 0
        return self._stopping(spares) + len(self.longest_idle()) + ready

    def _stopping(self, spares: Spares) -> int:
        stopping = sum(lease.state is ConversationState.STOPPING for lease in self.leases)
        return stopping + (spares.leaving if self._is_here else 0)

    def preempt(self) -> None:
        """Preempt the agent with the oldest question when the line has waited for long."""
        now = asyncio.get_running_loop().time()
        if self._slots.longest_wait < PREEMPT_SECONDS or now - self._preempted_at < YIELD_SECONDS:
            return
        there = (self._conversations.get(lease.thread_id) for lease in self.leases)
        asking = [(each.asked_since, each) for each in there if each is not None and each.asked_since is not None]
        since, conversation = min(asking, key=lambda pair: pair[0], default=(now, None))
        if conversation is not None and now - since >= PREEMPT_SECONDS:
            self._preempted_at = now
            log.info("ended a question for those in line", thread_id=conversation.thread_id)
            conversation.preempt()
