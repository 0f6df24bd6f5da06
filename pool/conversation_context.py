"""The services that all conversations of a pool share, and the states of a conversation."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum

from acp import Agent
from pool.journal.journal import Journal
from pool.session_setup import AgentSettings
from pool.slots import Slots
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


@dataclass(frozen=True, slots=True)
class ConversationContext:
    """What all conversations of a pool share.

    `settings` returns a thread's agent; `spawn` starts one; `claim` gives a suitable warm spare and its slot to a
    lease, or returns None. With `exclusive`, one conversation at a time works in a directory. `on_idle` is called when
    an agent's slot could be taken from it, `on_preempted` with the thread of a preempted turn that has ended,
    `on_queue` with a thread whose inbox or current exchange may have changed.
    """

    settings: Callable[[int], AgentSettings]
    journal: Journal
    slots: Slots[object]
    workdirs: Workdirs[Occupant]
    exclusive: bool
    spawn: Callable[[AgentSettings], Awaitable[Agent]]
    claim: Callable[[object, AgentSettings], Agent | None]
    idle_seconds: float
    on_idle: Callable[[], None]
    on_preempted: Callable[[int], None]
    on_queue: Callable[[int], None]
