"""A REST call that the bot wants to make: its urgency, its rate limit bucket, its retries."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum

from .backoff import Backoff


class Urgency(IntEnum):
    """The order in which calls are made; among equals the one that has waited longest comes first."""

    FIRST = 0
    """The first response to a person."""

    FINAL = 1
    """The end of a turn."""

    NOTICE = 2
    """A question, or a message of the bot's own."""

    PLACEHOLDER = 3
    """The placeholder of a text that has not begun."""

    EDIT = 4
    """The text as it grows."""

    LOW = 5
    """Reactions, names, typing: what can wait."""


class Bucket(StrEnum):
    """The kinds of calls that Discord counts separately in each channel."""

    MESSAGE = "message"
    """Sending a message."""

    EDIT = "edit"
    """Editing a message."""

    REACTION = "reaction"
    TYPING = "typing"
    CHANNEL = "channel"
    THREAD = "thread"


@dataclass(eq=False, slots=True)
class ApiCall:
    """A call that can be scheduled any number of times; at most one run of it is in flight.

    `perform` decides what to write when its turn comes, and returns that write; None means that there is nothing to
    write, and costs nothing. `channel_id` is None for a call that counts in no channel. After a change of `urgency` or
    `bucket` the call must be scheduled again.
    """

    channel_id: int | None
    perform: Callable[[], Awaitable[None] | None]
    urgency: Urgency
    bucket: Bucket = Bucket.MESSAGE
    backoff: Backoff = field(default_factory=Backoff)
    """The waits before retries; calls that share one are tries of the same thing."""
    due: float = field(default=0.0, init=False)
    """Until this time a call waits that is not more urgent than PLACEHOLDER."""
    since: float = field(default=0.0, init=False)
    not_before: float = field(default=0.0, init=False)
    waiting: bool = field(default=False, init=False)
    in_flight: bool = field(default=False, init=False)
    queued: tuple[Urgency, Bucket, int] | None = field(default=None, init=False)
    """The urgency and bucket it waits with, and its number in the heaps; entries with another number are stale."""
