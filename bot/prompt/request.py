"""A request: a person's words and what came with them, in the form that the journal keeps. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from pydantic import TypeAdapter

__all__ = [
    "Attachment",
    "Quote",
    "Request",
    "belong_together",
    "format_time",
    "read_request",
    "sent_at",
    "write_request",
]

TOGETHER = 10
TOGETHER_CHARACTERS = 20_000
"""Messages that are taken together at most, and the characters in them."""

_EPOCH = datetime(2015, 1, 1, tzinfo=UTC)
"""Where Discord's ids begin to count (Discord, Snowflakes)."""


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that came with a message, where Discord keeps it; `size` is what Discord says, in bytes.

    `url` is good for about a day; the message says the present one. Both ids are 0 where the message is not known.
    """

    name: str
    url: str
    content_type: str | None
    size: int
    channel_id: int = 0
    message_id: int = 0


@dataclass(frozen=True, slots=True)
class Quote:
    """A message that a request answers or passes on. A forwarded one does not say who wrote it."""

    kind: Literal["reply", "forward"]
    text: str
    sent: str
    author_id: int | None = None
    author_name: str = ""
    attachments: tuple[Attachment, ...] = ()
    """The files that came with it: theirs who wrote it, as its text is."""
    missing: bool = False
    """Discord does not have it any more."""
    channel_id: int = 0
    message_id: int = 0
    """Where it is to be read when its turn comes; 0 where that was done."""


@dataclass(frozen=True, slots=True)
class Request:
    """What a person wrote, and where. `thread_id` is where the answer goes; it may have to be opened first.

    Names are as they were when it was written. `attachments` are the author's own, those of others come with their
    quotes. `joined` says that the bot came into the thread with this message, so
    that its agent knows nothing of what was said there before. `no_thread` is why it is answered in the channel, where
    a thread was to be expected.
    """

    message_id: int
    channel_id: int
    thread_id: int
    author_id: int
    text: str
    attachments: tuple[Attachment, ...] = ()
    author_name: str = ""
    guild_id: int | None = None
    guild_name: str = ""
    channel_name: str = ""
    tags: tuple[str, ...] = ()
    """Those of the forum's post in which it was written."""
    quotes: tuple[Quote, ...] = ()
    joined: bool = False
    no_thread: str = ""
    unnamed: bool = False
    """Whether it mentions people whose names are to be asked for: Discord does not say them with a command."""

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing in it for an agent. Who calls it to what others have said need add no word."""
        return not (self.text or self.attachments or self.quotes or self.joined)

    @property
    def is_only_text(self) -> bool:
        """Whether it brings nothing beside its words."""
        return not (self.attachments or any(quote.kind == "forward" for quote in self.quotes))


def belong_together(requests: Sequence[Request]) -> bool:
    """Whether waiting messages make one prompt: one person's, in their order, not too many, no agent's command."""
    ids = [request.message_id for request in requests]
    return (
        len({request.author_id for request in requests}) == 1
        and ids == sorted(ids)
        and len(requests) <= TOGETHER
        and sum(len(request.text) for request in requests) <= TOGETHER_CHARACTERS
        and not any(request.text.startswith("/") for request in requests)
    )


_REQUEST = TypeAdapter(Request)


def write_request(request: Request) -> str:
    """Write a request down as the journal keeps it."""
    return _REQUEST.dump_json(request).decode()


def read_request(text: str) -> Request:
    """Read a request from the journal. Raises ValueError."""
    return _REQUEST.validate_json(text)


def sent_at(message_id: int) -> str:
    """Return when a message was written, in UTC and to the second: its id says so (Discord, Snowflakes)."""
    return format_time(_EPOCH + timedelta(milliseconds=message_id >> 22))


def format_time(time: datetime) -> str:
    """Write a time down."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
