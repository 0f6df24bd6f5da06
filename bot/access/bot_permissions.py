"""The Discord permissions that each kind of place needs, and those that the bot lacks there."""

from dataclasses import dataclass

import discord

from bot.user_messages import access_rules as texts

SCOPES = ("bot", "applications.commands")
"""The scopes of the invite link: a member, and its slash commands."""

FOR_THREADS = ("create_public_threads", "send_messages_in_threads")
"""The permissions that a thread needs."""


@dataclass(frozen=True, slots=True)
class MissingPermissions:
    """The permissions missing in a place by Discord's names, and a line with the consequence of each."""

    names: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()
    mute: bool = False
    """Whether it cannot answer there at all."""


@dataclass(frozen=True, slots=True)
class PermissionNeeds:
    """The permissions for a kind of place. To answer, it needs all permissions of one of the `ways`."""

    ways: tuple[tuple[str, ...], ...]
    others: tuple[str, ...]

    def missing_from(self, granted: discord.Permissions) -> MissingPermissions:
        """Return the missing permissions; without View Channels, only that one."""
        if not granted.view_channel:
            return _cannot_answer(["view_channel"])
        used = dict.fromkeys([*(name for way in self.ways for name in way), *self.others])
        missing = [name for name in used if not getattr(granted, name)]
        if all(set(way) & set(missing) for way in self.ways):
            return _cannot_answer(missing)
        return MissingPermissions(texts.permission_titles(missing), tuple(map(texts.consequence, missing)))


def _cannot_answer(missing: list[str]) -> MissingPermissions:
    return MissingPermissions(texts.permission_titles(missing), (texts.cannot_answer(missing),), mute=True)


_EVERYWHERE = ("read_message_history", "add_reactions", "attach_files")

IN_CHANNEL = PermissionNeeds((("send_messages",), FOR_THREADS), (*_EVERYWHERE, "manage_threads"))
IN_FORUM = PermissionNeeds((("send_messages_in_threads",),), (*_EVERYWHERE, "manage_threads"))
"""Posts, which people open."""
IN_VOICE_CHAT = PermissionNeeds((("connect", "send_messages"),), _EVERYWHERE)
"""The chat of a voice channel has no threads, and reading it needs Connect (Discord, Get Channel Messages)."""


def invite_link(application_id: int) -> str:
    """Return the address where a manager of a server adds the bot."""
    permissions = discord.Permissions(**dict.fromkeys(texts.PERMISSIONS, True))
    return discord.utils.oauth_url(application_id, permissions=permissions, scopes=SCOPES)
