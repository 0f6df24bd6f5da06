"""What an exchange is told of the place at which its agent starts. A closed set."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from acp import AcpError, AgentClosed, CloseReason, PlaceUnreachable, QueuedTooLong


@dataclass(frozen=True, slots=True)
class StartQueued:
    """The place has queued the start, for a `reason` in its own words."""

    place: str
    reason: str


@dataclass(frozen=True, slots=True)
class Unconfirmed:
    """The start waits until the place has confirmed that an earlier agent there has ended."""

    place: str


@dataclass(frozen=True, slots=True)
class Retrying:
    """The place cannot be reached; the next try is in so many seconds."""

    place: str
    seconds: float


@dataclass(frozen=True, slots=True)
class HeldForPlace:
    """The place cannot be reached or has not started the agent, and the exchange waits for a person.

    `detail` is the place's own words. `queued_seconds` is how long the start had been in its queue; 0 for a place that
    cannot be reached. `elsewhere` are the agent's other places that can be reached and have its directory.
    """

    place: str
    detail: str
    elsewhere: Sequence[str] = ()
    queued_seconds: float = 0.0


PlaceNews: TypeAlias = StartQueued | Unconfirmed | Retrying | HeldForPlace


@dataclass(frozen=True, slots=True)
class Moved:
    """A notice before the answer: the session is a new one, at another place than the earlier one."""

    earlier: str
    place: str


def unreached(error: Exception) -> PlaceUnreachable | QueuedTooLong | None:
    """Return why an exchange gets no agent at its place, if `error` says so; None for other errors.

    A link that is lost before the prompt is sent counts as a place that is not reached.
    """
    match error:
        case PlaceUnreachable() | QueuedTooLong():
            return error
        case AgentClosed(reason=CloseReason.LINK_LOST):
            return PlaceUnreachable(error.place, _last(error))
    return None


def _last(error: AcpError) -> str:
    return str(error).splitlines()[0]
