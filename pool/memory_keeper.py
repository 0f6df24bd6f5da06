"""Keeps the memory of this machine's agents within its limits: that of each, and that of all together."""

import asyncio
from collections.abc import Callable, Iterable

import structlog

from acp import Agent, AgentClosed, CloseReason
from acp.process.memory import resident
from pool.agent_lease import AgentLease
from pool.conversation_context import ConversationState
from pool.evictions import Evictions
from pool.limits import Limits

log = structlog.stdlib.get_logger("pool")


class MemoryKeeper:
    """Measures the agents of this machine, and stops some of them."""

    def __init__(
        self,
        limits: Limits,
        here: Evictions,
        *,
        others: Callable[[], Iterable[Agent]],
        on_over_memory: Callable[[int, int], None],
    ) -> None:
        """`here` has the agents of threads; `others` returns those without a thread, such as spares.

        `on_over_memory` is called with the thread of an idle agent that uses too much, and the limit. A turn or a
        request that is under way fails with it.
        """
        self._limits = limits
        self._here = here
        self._others = others
        self._on_over_memory = on_over_memory

    @property
    def is_needed(self) -> bool:
        """Whether there is a limit."""
        return bool(self._limits.max_memory or self._limits.max_memory_per_agent)

    async def relieve(self) -> None:
        """Stop each agent that uses too much, and the ones that are idle longest while all use too much together."""
        staying = [lease for lease in self._here.leases if lease.state is not ConversationState.STOPPING]
        leases = {lease.agent: lease for lease in staying if lease.agent is not None}
        agents = [*leases, *self._others()]
        sizes = await asyncio.to_thread(resident, [agent.pid for agent in agents])
        for agent in agents:
            if 0 < self._limits.max_memory_per_agent < sizes[agent.pid]:
                sizes[agent.pid] = 0
                self._end(agent, leases.get(agent))
        excess = sum(sizes.values()) - self._limits.max_memory
        for lease in self._here.longest_idle() if self._limits.max_memory else ():
            if excess > 0:
                excess -= 0 if lease.agent is None else sizes.get(lease.agent.pid, 0)
                lease.evict()

    def _end(self, agent: Agent, lease: AgentLease | None) -> None:
        bound = self._limits.max_memory_per_agent
        log.warning("stopped an agent that used too much memory", agent=agent.name, pid=agent.pid, bound=bound)
        if lease is not None and lease.idle_agent is agent:
            self._on_over_memory(lease.thread_id, bound)
        agent.connection.close(AgentClosed(CloseReason.OVER_MEMORY, memory=bound))
        agent.kill()  # It could use more while it is asked to end. Its owner stops what is left.
