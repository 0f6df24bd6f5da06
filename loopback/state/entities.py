"""The entities of the world: plain state, which the other modules of this package change."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import PurePosixPath
from typing import Any, Final

Json = dict[str, Any]

ALL_INTENTS: Final = (1 << 26) - 1

PRESENCES_KEPT: Final = 100
"""Statuses of a bot that are kept for tests to look at."""


class ChannelType(IntEnum):
    """Discord's channel types that this server knows."""

    TEXT = 0
    DM = 1
    VOICE = 2
    CATEGORY = 4
    ANNOUNCEMENT = 5
    ANNOUNCEMENT_THREAD = 10
    PUBLIC_THREAD = 11
    PRIVATE_THREAD = 12
    STAGE = 13
    FORUM = 15
    MEDIA = 16


class MessageType(IntEnum):
    """Discord's message types that this server creates."""

    DEFAULT = 0
    RECIPIENT_ADD = 1
    RECIPIENT_REMOVE = 2
    CHANNEL_NAME_CHANGE = 4
    PINS_ADD = 6
    JOIN = 7
    THREAD_CREATED = 18
    REPLY = 19
    CHAT_INPUT_COMMAND = 20
    THREAD_STARTER = 21
    CONTEXT_MENU_COMMAND = 23


class MessageFlag(IntEnum):
    """Discord's message flags that this server uses."""

    SUPPRESS_EMBEDS = 1 << 2
    HAS_THREAD = 1 << 5
    EPHEMERAL = 1 << 6
    LOADING = 1 << 7
    SUPPRESS_NOTIFICATIONS = 1 << 12
    COMPONENTS_V2 = 1 << 15


@dataclass(eq=False)
class Account:
    """A person's or a bot's user."""

    id: int
    name: str

    @property
    def mention(self) -> str:
        """How a message names this user: `<@id>`."""
        return f"<@{self.id}>"


@dataclass(eq=False)
class Webhook(Account):
    """A webhook and the user that it posts as. `token` is the secret of its address."""

    channel_id: int
    guild_id: int
    creator_id: int
    token: str = field(repr=False)


@dataclass(eq=False)
class Bot(Account):
    """A bot's user together with its application.

    Identifying with more than `allowed_intents` closes with 4014. `public` is whether everybody may invite it.
    `team` are the ids of its owners, and whether each has joined. `commands` has the global ones under None, each
    guild's under its id. `identifies` counts the sessions. `presences` are the statuses that it has shown.
    """

    application_id: int
    token: str
    owner_id: int
    allowed_intents: int = ALL_INTENTS
    public: bool = True
    team: dict[int, bool] = field(default_factory=dict)
    commands: dict[int | None, list[Json]] = field(default_factory=dict)
    identifies: int = 0
    presences: deque[Json] = field(default_factory=lambda: deque(maxlen=PRESENCES_KEPT))


@dataclass(eq=False)
class Role:
    """A guild's role. The one whose id is the guild's is @everyone."""

    id: int
    name: str
    permissions: int
    position: int
    managed_by: int | None = None

    @property
    def mention(self) -> str:
        """How a message names this role."""
        return f"<@&{self.id}>"


@dataclass(eq=False)
class Member:
    """A user's membership of a guild. All times are in seconds since the epoch unless stated otherwise."""

    user_id: int
    joined: float
    role_ids: list[int] = field(default_factory=list)
    nick: str | None = None


@dataclass(eq=False)
class Guild:
    """A server. `channel_ids` holds its channels and threads in order of creation."""

    id: int
    name: str
    owner_id: int
    roles: dict[int, Role] = field(default_factory=dict)
    members: dict[int, Member] = field(default_factory=dict)
    channel_ids: dict[int, None] = field(default_factory=dict)


@dataclass(frozen=True)
class Overwrite:
    """A channel's exception for a role or a member."""

    allow: int = 0
    deny: int = 0


@dataclass(eq=False)
class Channel:
    """A channel. A DM has no `guild_id`, and two `recipient_ids`. `tags` are a forum's, by id."""

    id: int
    type: int
    name: str
    guild_id: int | None = None
    parent_id: int | None = None
    topic: str | None = None
    position: int = 0
    overwrites: dict[int, Overwrite] = field(default_factory=dict)
    recipient_ids: frozenset[int] = frozenset()
    messages: dict[int, Message] = field(default_factory=dict)
    last_message_id: int | None = None
    last_pin: float | None = None
    tags: dict[int, str] = field(default_factory=dict)

    @property
    def mention(self) -> str:
        """How a message names this channel."""
        return f"<#{self.id}>"

    @property
    def holds_posts(self) -> bool:
        """Whether it is a forum or media channel, which has only threads that begin with a message."""
        return self.type in (ChannelType.FORUM, ChannelType.MEDIA)

    @property
    def is_vocal(self) -> bool:
        """Whether it is a voice or stage channel, whose text chat has no threads."""
        return self.type in (ChannelType.VOICE, ChannelType.STAGE)


@dataclass(eq=False)
class Thread(Channel):
    """A thread. `members` maps user ids to times of joining, `auto_archive` is in minutes.

    `applied_tags` are the ids of a post's tags.
    """

    owner_id: int = 0
    members: dict[int, float] = field(default_factory=dict)
    archived: bool = False
    locked: bool = False
    invitable: bool = True
    auto_archive: int = 4320
    archive_changed: float = 0.0
    created: float = 0.0
    message_count: int = 0
    applied_tags: list[int] = field(default_factory=list)


@dataclass(eq=False)
class Attachment:
    """A file of a message. `content` is None after the world has dropped it to stay within its bound.

    `title` is the original name without extension, where Discord changed the name.
    """

    id: int
    channel_id: int
    filename: str
    content_type: str | None
    size: int
    content: bytes | None = field(repr=False)
    description: str | None = None
    title: str | None = None

    @property
    def shown_name(self) -> str:
        """The name as Discord's clients show it."""
        return self.filename if self.title is None else self.title + PurePosixPath(self.filename).suffix


@dataclass(frozen=True)
class Reference:
    """The message that another one answers or starts from, or without `message_id` an opened thread."""

    channel_id: int
    message_id: int | None
    guild_id: int | None


@dataclass(eq=False)
class Message:
    """A message with its history.

    `history` has every text so far as (monotonic seconds, content), comparable with the times in the call log.
    `mentions` are the users that it pings, after allowed_mentions. `reactions` maps an emoji to the users who gave it.
    `forwarded` is the forwarded message. `stickers` are names, `poll` is a question and then its answers. Only the
    person `ephemeral_to` sees an ephemeral message. `pinned` is the time of pinning, `author_name` a webhook's name for
    this message.
    """

    id: int
    channel_id: int
    guild_id: int | None
    author_id: int
    content: str
    type: int = 0
    created: float = 0.0
    edited: float | None = None
    flags: int = 0
    nonce: str | int | None = None
    embeds: list[Json] = field(default_factory=list)
    components: list[Json] = field(default_factory=list)
    stickers: Sequence[str] = ()
    poll: Sequence[str] = ()
    attachments: list[Attachment] = field(default_factory=list)
    mentions: list[int] = field(default_factory=list)
    mention_roles: list[int] = field(default_factory=list)
    mention_everyone: bool = False
    reactions: dict[str, list[int]] = field(default_factory=dict)
    reference: Reference | None = None
    forwarded: Message | None = field(default=None, repr=False)
    thread_id: int | None = None
    application_id: int | None = None
    interaction: Interaction | None = field(default=None, repr=False)
    ephemeral_to: int | None = None
    pinned: float | None = None
    author_name: str | None = None
    deleted: bool = False
    history: list[tuple[float, str]] = field(default_factory=list, repr=False)

    def __repr__(self) -> str:
        return f"<Message {self.id} in {self.channel_id} by {self.author_id}: {self.content!r}>"


class InteractionType(IntEnum):
    """Discord's interaction types."""

    COMMAND = 2
    COMPONENT = 3
    AUTOCOMPLETE = 4
    MODAL = 5


class CallbackType(IntEnum):
    """Discord's interaction callback types that this server accepts."""

    MESSAGE = 4
    DEFERRED_MESSAGE = 5
    DEFERRED_UPDATE = 6
    UPDATE = 7
    AUTOCOMPLETE = 8
    MODAL = 9


@dataclass(eq=False)
class Interaction:
    """The use of a command, button, menu or modal, and the bot's answer.

    `response` is the body of the bot's callback, `original` the message that `@original` names, `followups` the other
    answers by id.
    """

    id: int
    type: InteractionType
    token: str
    bot: Bot
    user_id: int
    channel_id: int
    guild_id: int | None
    data: Json
    created: float
    message: Message | None = None
    origin: Interaction | None = field(default=None, repr=False)
    answered: float | None = None
    response: Json | None = None
    original: Message | None = None
    followups: dict[int, Message] = field(default_factory=dict)
    loading: bool = False

    @property
    def acknowledged(self) -> bool:
        """Whether the bot answered in time."""
        return self.answered is not None
