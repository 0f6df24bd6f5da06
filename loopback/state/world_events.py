"""The events of the world: a closed set of frozen classes, which the world's listeners get in order."""

from __future__ import annotations

from dataclasses import dataclass

from .entities import Bot, Channel, Guild, Interaction, Member, Message, Role, Thread


@dataclass(frozen=True)
class MessageCreated:
    """A message was posted."""

    message: Message


@dataclass(frozen=True)
class MessageEdited:
    """A message changed."""

    message: Message


@dataclass(frozen=True)
class MessageDeleted:
    """A message was deleted."""

    message: Message


@dataclass(frozen=True)
class MessagesDeleted:
    """Several messages of one channel were deleted together."""

    messages: tuple[Message, ...]


@dataclass(frozen=True)
class ReactionAdded:
    """A user reacted."""

    message: Message
    user_id: int
    emoji: str


@dataclass(frozen=True)
class ReactionRemoved:
    """A user took a reaction back."""

    message: Message
    user_id: int
    emoji: str


@dataclass(frozen=True)
class ReactionsCleared:
    """All reactions were removed, or those of one `emoji`."""

    message: Message
    emoji: str | None


@dataclass(frozen=True)
class TypingStarted:
    """A user began to type."""

    channel: Channel
    user_id: int


@dataclass(frozen=True)
class ChannelCreated:
    """A channel or a DM was created."""

    channel: Channel


@dataclass(frozen=True)
class ChannelUpdated:
    """A channel changed."""

    channel: Channel


@dataclass(frozen=True)
class ChannelDeleted:
    """A channel was deleted with its threads."""

    channel: Channel


@dataclass(frozen=True)
class PinsChanged:
    """A message of the channel was pinned or unpinned."""

    channel: Channel


@dataclass(frozen=True)
class WebhooksChanged:
    """A webhook of the channel was created or deleted."""

    channel: Channel


@dataclass(frozen=True)
class ThreadCreated:
    """A thread was opened."""

    thread: Thread


@dataclass(frozen=True)
class ThreadUpdated:
    """A thread changed."""

    thread: Thread


@dataclass(frozen=True)
class ThreadDeleted:
    """A thread was deleted."""

    thread: Thread


@dataclass(frozen=True)
class ThreadMembersChanged:
    """Users joined or left a thread."""

    thread: Thread
    added: tuple[int, ...] = ()
    removed: tuple[int, ...] = ()


@dataclass(frozen=True)
class MemberJoined:
    """A user or a bot became a member of a guild."""

    guild: Guild
    member: Member


@dataclass(frozen=True)
class MemberChanged:
    """A member's roles or nickname changed."""

    guild: Guild
    member: Member


@dataclass(frozen=True)
class MemberLeft:
    """A user or a bot left a guild."""

    guild: Guild
    member: Member


@dataclass(frozen=True)
class RoleCreated:
    """A guild has a new role."""

    guild: Guild
    role: Role


@dataclass(frozen=True)
class InteractionCreated:
    """A person used a command, a button, a menu or a form."""

    interaction: Interaction


@dataclass(frozen=True)
class InteractionAnswered:
    """The bot answered an interaction, or changed its answer. Only the person sees this."""

    interaction: Interaction


@dataclass(frozen=True)
class CommandsChanged:
    """A bot registered its commands. Bots get no event for it."""

    bot: Bot


Event = (
    MessageCreated
    | MessageEdited
    | MessageDeleted
    | MessagesDeleted
    | ReactionAdded
    | ReactionRemoved
    | ReactionsCleared
    | TypingStarted
    | ChannelCreated
    | ChannelUpdated
    | ChannelDeleted
    | PinsChanged
    | WebhooksChanged
    | ThreadCreated
    | ThreadUpdated
    | ThreadDeleted
    | ThreadMembersChanged
    | MemberJoined
    | MemberChanged
    | MemberLeft
    | RoleCreated
    | InteractionCreated
    | InteractionAnswered
    | CommandsChanged
)
