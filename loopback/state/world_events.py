"""The events of the world: one closed set of frozen facts, handed to the world's listeners in order."""

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
    """A message is gone."""

    message: Message


@dataclass(frozen=True)
class MessagesDeleted:
    """Several messages of one channel are gone at once."""

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
    """`emoji` is None when all of them went."""

    message: Message
    emoji: str | None


@dataclass(frozen=True)
class TypingStarted:
    """A user began to type."""

    channel: Channel
    user_id: int


@dataclass(frozen=True)
class ChannelCreated:
    """A channel, or a DM, came to be."""

    channel: Channel


@dataclass(frozen=True)
class ChannelUpdated:
    """A channel changed."""

    channel: Channel


@dataclass(frozen=True)
class ChannelDeleted:
    """A channel is gone, with its threads."""

    channel: Channel


@dataclass(frozen=True)
class PinsChanged:
    """A message of the channel was pinned, or no longer is."""

    channel: Channel


@dataclass(frozen=True)
class WebhooksChanged:
    """A channel has one webhook more or less."""

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
    """A thread is gone."""

    thread: Thread


@dataclass(frozen=True)
class ThreadMembersChanged:
    """Users joined or left a thread."""

    thread: Thread
    added: tuple[int, ...] = ()
    removed: tuple[int, ...] = ()


@dataclass(frozen=True)
class MemberJoined:
    """A user, or a bot, became a member of a guild."""

    guild: Guild
    member: Member


@dataclass(frozen=True)
class MemberChanged:
    """A member's roles or nickname changed."""

    guild: Guild
    member: Member


@dataclass(frozen=True)
class MemberLeft:
    """A user, or a bot, is no longer a member of a guild."""

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
    """The bot acknowledged, or changed what it had answered. Only the person sees this."""

    interaction: Interaction


@dataclass(frozen=True)
class CommandsChanged:
    """A bot registered its commands. No bot is told."""

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
