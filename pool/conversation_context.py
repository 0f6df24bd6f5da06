"""The services that all conversations of a pool share, and the states of a conversation."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from acp import Agent
from acp.places.here import HERE
from pool.journal.journal import Journal
from pool.placement import Placement
from pool.session_setup import AgentSettings
from pool.sweeps import Sweeps
from pool.workdirs import Occupant, Workdirs


class ConversationState(StrEnum):
    """What a conversation is doing."""

    ASLEEP = "asleep"
    IN_LINE = "in line"
    STARTING = "starting"
    IDLE = "idle"
    WORKING = "working"
    STOPPING = "stopping"


@dataclass(frozen=True, slots=True)
class CancelResult:
    """Whether an exchange was stopped, and how many are held now."""

    stopped: bool
    held: int


class Spawn(Protocol):
    """Starts an agent at a place, when what an earlier run left there has ended. Raises `AcpError`."""

    def __call__(
        self, settings: AgentSettings, place: str = HERE, on_waiting: Callable[[str], None] = ...
    ) -> Awaitable[Agent]:
        """Start it; for `on_waiting` see `acp.places.place.Place.start`."""


@dataclass(frozen=True, slots=True)
class ConversationContext:
    """What all conversations of a pool share.

    `settings` returns a thread's agent; `claim` gives a suitable warm spare of this machine, and its slot, to a lease,
    or returns None. With `exclusive`, one conversation at a time works in a directory. `on_idle` is called when
    an agent's slot could be taken from it, `on_preempted` with the thread of a preempted turn that has ended,
    `on_queue` with a thread whose inbox or current exchange may have changed.
    """

    settings: Callable[[int], AgentSettings]
    journal: Journal
    placement: Placement
    sweeps: Sweeps
    workdirs: Workdirs[Occupant]
    exclusive: bool
    spawn: Spawn
    claim: Callable[[object, AgentSettings], Agent | None]
    idle_seconds: float
    on_idle: Callable[[], None]
    on_preempted: Callable[[int], None]
    on_queue: Callable[[int], None]

    def place_of(self, thread_id: int) -> str:
        """Return the place of a thread's agent: the one that it keeps, else the one at which it would start now."""
        kept, settings = self.journal.threads.agent_place(thread_id), self.settings(thread_id)
        return kept if kept in settings.places else self.placement.choose(settings)
