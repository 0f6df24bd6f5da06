"""Reactions to messages. Pure."""

from __future__ import annotations

from typing import Final

from . import world_events
from .entities import Message, Thread
from .errors import DiscordError, Reason
from .permissions import Permission
from .world import World

REACTIONS: Final = 20


def react(world: World, message: Message, user_id: int, emoji: str) -> None:
    """Add a user's reaction, once. Raises 50013, 50083."""
    channel = world.channels[message.channel_id]
    if isinstance(channel, Thread) and channel.archived:
        raise DiscordError(Reason.THREAD_ARCHIVED)
    needs = 0 if emoji in message.reactions else Permission.ADD_REACTIONS
    world.channel(channel.id, user_id, needs | Permission.READ_MESSAGE_HISTORY)
    if emoji not in message.reactions and len(message.reactions) >= REACTIONS:
        raise DiscordError(Reason.TOO_MANY_REACTIONS)
    users = message.reactions.setdefault(emoji, [])
    if user_id not in users:
        users.append(user_id)
        world.emit(world_events.ReactionAdded(message, user_id, emoji))


def unreact(world: World, message: Message, user_id: int, emoji: str) -> None:
    """Remove a user's reaction, if there is one."""
    users = message.reactions.get(emoji, [])
    if user_id in users:
        users.remove(user_id)
        if not users:
            del message.reactions[emoji]
        world.emit(world_events.ReactionRemoved(message, user_id, emoji))


def clear_reactions(world: World, message: Message, emoji: str | None = None) -> None:
    """Remove all reactions, or all of one emoji."""
    if emoji is None:
        message.reactions.clear()
    else:
        message.reactions.pop(emoji, None)
    world.emit(world_events.ReactionsCleared(message, emoji))
