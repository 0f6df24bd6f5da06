"""Pinned messages. Pure."""

from __future__ import annotations

from typing import Final

from . import messages, world_events
from .entities import Channel, Message, MessageType, Reference
from .errors import DiscordError, Reason
from .messages import Origin
from .permissions import Permission
from .world import World

PINS: Final = 250


def pinned(channel: Channel) -> list[Message]:
    """Return the channel's pinned messages, the last pinned first."""
    found = [message for message in channel.messages.values() if message.pinned is not None]
    return sorted(found, key=lambda message: message.pinned or 0.0, reverse=True)


def pin(world: World, message: Message, user_id: int) -> None:
    """Pin a message, and announce it. Raises 50013, 50021 for a system message, 30003 for one too many."""
    channel = _changeable(world, message, user_id)
    if message.pinned is not None:
        return
    if message.type not in (MessageType.DEFAULT, MessageType.REPLY, MessageType.CHAT_INPUT_COMMAND):
        raise DiscordError(Reason.SYSTEM_MESSAGE)
    if len(pinned(channel)) >= PINS:
        raise DiscordError(Reason.TOO_MANY_PINS)
    message.pinned = channel.last_pin = world.clock()
    world.emit(world_events.MessageEdited(message))
    world.emit(world_events.PinsChanged(channel))
    reference = Reference(channel.id, message.id, channel.guild_id)
    messages.announce(world, channel, user_id, Origin(type=MessageType.PINS_ADD, reference=reference))


def unpin(world: World, message: Message, user_id: int) -> None:
    """Unpin a message if it is pinned. Raises 50013."""
    channel = _changeable(world, message, user_id)
    if message.pinned is None:
        return
    message.pinned = None
    world.emit(world_events.MessageEdited(message))
    world.emit(world_events.PinsChanged(channel))


def _changeable(world: World, message: Message, user_id: int) -> Channel:
    channel = world.channel(message.channel_id, user_id)
    may = Permission.PIN_MESSAGES | Permission.MANAGE_MESSAGES
    if channel.guild_id is not None and not world.permissions(channel, user_id) & may:
        raise DiscordError(Reason.MISSING_PERMISSIONS)
    return channel
