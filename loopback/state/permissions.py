"""Discord's permission bits, and the order of roles and overwrites.

Source: Discord's developer documentation, "Permissions".
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from .entities import Channel, Guild


class Permission(IntEnum):
    """The bits that this server checks. `|` combines them into a plain int."""

    ADMINISTRATOR = 1 << 3
    MANAGE_CHANNELS = 1 << 4
    ADD_REACTIONS = 1 << 6
    VIEW_CHANNEL = 1 << 10
    SEND_MESSAGES = 1 << 11
    MANAGE_MESSAGES = 1 << 13
    EMBED_LINKS = 1 << 14
    ATTACH_FILES = 1 << 15
    READ_MESSAGE_HISTORY = 1 << 16
    MENTION_EVERYONE = 1 << 17
    USE_EXTERNAL_EMOJIS = 1 << 18
    CONNECT = 1 << 20
    CHANGE_NICKNAME = 1 << 26
    MANAGE_WEBHOOKS = 1 << 29
    USE_APPLICATION_COMMANDS = 1 << 31
    MANAGE_THREADS = 1 << 34
    CREATE_PUBLIC_THREADS = 1 << 35
    CREATE_PRIVATE_THREADS = 1 << 36
    SEND_MESSAGES_IN_THREADS = 1 << 38
    PIN_MESSAGES = 1 << 51


ALL: Final = (1 << 53) - 1
EVERYONE: Final = (
    Permission.ADD_REACTIONS
    | Permission.VIEW_CHANNEL
    | Permission.SEND_MESSAGES
    | Permission.EMBED_LINKS
    | Permission.ATTACH_FILES
    | Permission.READ_MESSAGE_HISTORY
    | Permission.USE_EXTERNAL_EMOJIS
    | Permission.CONNECT
    | Permission.CHANGE_NICKNAME
    | Permission.USE_APPLICATION_COMMANDS
    | Permission.CREATE_PUBLIC_THREADS
    | Permission.CREATE_PRIVATE_THREADS
    | Permission.SEND_MESSAGES_IN_THREADS
)
DIRECT: Final = (
    Permission.ADD_REACTIONS
    | Permission.VIEW_CHANNEL
    | Permission.SEND_MESSAGES
    | Permission.EMBED_LINKS
    | Permission.ATTACH_FILES
    | Permission.READ_MESSAGE_HISTORY
    | Permission.USE_EXTERNAL_EMOJIS
    | Permission.USE_APPLICATION_COMMANDS
)


def reads(channel: Channel, granted: int) -> bool:
    """Return whether `granted` includes reading the messages of a channel.

    In voice and stage channels this needs the right to connect too (Discord, Get Channel Messages).
    """
    needs = Permission.VIEW_CHANNEL | (Permission.CONNECT if channel.is_vocal else 0)
    return granted & needs == needs


def in_guild(guild: Guild, user_id: int) -> int:
    """Return a member's permissions in the guild, without a channel's overwrites; 0 for others."""
    member = guild.members.get(user_id)
    if member is None:
        return 0
    granted = guild.roles[guild.id].permissions
    for role_id in member.role_ids:
        granted |= guild.roles[role_id].permissions
    if user_id == guild.owner_id or granted & Permission.ADMINISTRATOR:
        return ALL
    return granted


def in_channel(guild: Guild, channel: Channel, user_id: int) -> int:
    """Return a member's permissions in one channel of the guild, for a thread in its parent."""
    granted = in_guild(guild, user_id)
    if granted in (0, ALL) or not channel.overwrites:
        return granted
    if everyone := channel.overwrites.get(guild.id):
        granted = granted & ~everyone.deny | everyone.allow
    allow = deny = 0
    for role_id in guild.members[user_id].role_ids:
        if overwrite := channel.overwrites.get(role_id):
            allow |= overwrite.allow
            deny |= overwrite.deny
    granted = granted & ~deny | allow
    if own := channel.overwrites.get(user_id):
        granted = granted & ~own.deny | own.allow
    return granted if granted & Permission.VIEW_CHANNEL else 0
