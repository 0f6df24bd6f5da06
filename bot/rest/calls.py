"""A REST call that the bot wants to make: its urgency, and its rate limit bucket."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum

__all__ = ["ApiCall", "Bucket", "Urgency"]


class Urgency(IntEnum):
    """In this order calls are made; within one urgency the one that has waited longest first.

    FIRST is what a person waits for at the start, FINAL the end of a turn, NOTICE a question or words of the bot's own,
    PLACEHOLDER what stands for a first text that is not there yet, EDIT the growing text, SIGN reactions and names.
    """

    FIRST = 0
    FINAL = 1
    NOTICE = 2
    PLACEHOLDER = 3
    EDIT = 4
    SIGN = 5


class Bucket(StrEnum):
    """What is counted apart in a channel. MESSAGE is sending one, EDIT is changing one."""

    MESSAGE = "message"
    EDIT = "edit"
    REACTION = "reaction"
    TYPING = "typing"
    CHANNEL = "channel"
    THREAD = "thread"


@dataclass(eq=False, slots=True)
class ApiCall:
    """A call that may be asked for again and again; at most one is in flight.

    `perform` decides what is written at the moment it is called and returns the writing of it; None means that there
    is nothing to write, and costs nothing. `channel_id` is None for what counts in no channel. A job whose urgency or
    bucket has been changed is to be asked for again. Until `due` it is not made as long as it is no more than an EDIT.
    """

    channel_id: int | None
    perform: Callable[[], Awaitable[None] | None]
    urgency: Urgency
    bucket: Bucket = Bucket.MESSAGE
    cause: object = None
    """What it is made for, where several jobs are tries of one thing."""
    due: float = field(default=0.0, init=False)
    since: float = field(default=0.0, init=False)
    not_before: float = field(default=0.0, init=False)
    waiting: bool = field(default=False, init=False)
    in_flight: bool = field(default=False, init=False)
    queued: tuple[Urgency, Bucket, int] | None = field(default=None, init=False)
    """As what it waits, and its number in the heaps; entries with another number are out of date."""

    @property
    def source(self) -> object:
        """What its calls are made for."""
        return self if self.cause is None else self.cause
