"""A request: a person's words and what came with them, in the form that the journal keeps. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from pydantic import TypeAdapter

TOGETHER = 10
TOGETHER_CHARACTERS = 20_000
"""Bounds of the messages in one prompt: their number, and their characters."""

_EPOCH = datetime(2015, 1, 1, tzinfo=UTC)
"""The epoch of Discord's ids (Discord, Snowflakes)."""


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file of a message, stored at Discord; `size` is in bytes, as Discord states it.

    `url` expires after about a day; the message has the current one. Both ids are 0 where the message is unknown.
    """

    name: str
    url: str
    content_type: str | None
    size: int
    channel_id: int = 0
    message_id: int = 0


@dataclass(frozen=True, slots=True)
class Quote:
    """A message that a request answers or forwards. A forwarded message has no author."""

    kind: Literal["reply", "forward"]
    text: str
    sent: str
    author_id: int | None = None
    author_name: str = ""
    attachments: tuple[Attachment, ...] = ()
    """The files that came with it, by its author."""
    missing: bool = False
    """Discord no longer has it."""
    channel_id: int = 0
    message_id: int = 0
    """Where to read it when its turn comes; 0 once that is done."""


@dataclass(frozen=True, slots=True)
class Request:
    """A person's words, and their place. `thread_id` is where the answer goes; the thread may not be open yet.

    Names are those of its time. `attachments` are the author's own; those of others are in their quotes. `joined`: the
    bot came into the thread with this message, so its agent does not know the thread's earlier messages. `no_thread`
    says why it is answered in the channel, where a thread was to be expected.
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
    """The tags of its forum post."""
    quotes: tuple[Quote, ...] = ()
    joined: bool = False
    no_thread: str = ""
    unnamed: bool = False
    """Whether it mentions people whose names are to be asked for: Discord does not say them with a command."""

    @property
    def is_empty(self) -> bool:
        """Whether it has no content for an agent. A bare mention in an existing thread is a request."""
        return not (self.text or self.attachments or self.quotes or self.joined)

    @property
    def is_only_text(self) -> bool:
        """Whether it has only text."""
        return not (self.attachments or any(quote.kind == "forward" for quote in self.quotes))


def belong_together(requests: Sequence[Request]) -> bool:
    """Return whether waiting messages make one prompt: one person's, in order, within bounds, no agent's command."""
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
    """Serialize a request for the journal."""
    return _REQUEST.dump_json(request).decode()


def read_request(text: str) -> Request:
    """Parse a request from the journal. Raises ValueError."""
    return _REQUEST.validate_json(text)


def sent_at(message_id: int) -> str:
    """Return when a message was sent, in UTC and to the second, by its id (Discord, Snowflakes)."""
    return format_time(_EPOCH + timedelta(milliseconds=message_id >> 22))


def format_time(time: datetime) -> str:
    """Return a time in UTC, to the second."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
