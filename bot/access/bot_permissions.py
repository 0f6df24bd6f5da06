"""The Discord permissions that the bot uses: their names, and the consequences of lacking each."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import discord

SCOPES = ("bot", "applications.commands")
"""The scopes of the invite link: a member, and its slash commands."""

PERMISSIONS: Mapping[str, str] = MappingProxyType(
    {
        "view_channel": "View Channels",
        "send_messages": "Send Messages",
        "send_messages_in_threads": "Send Messages in Threads",
        "create_public_threads": "Create Public Threads",
        "read_message_history": "Read Message History",
        "add_reactions": "Add Reactions",
        "attach_files": "Attach Files",
        "manage_threads": "Manage Threads",
    }
)
"""The library's name of each permission, and Discord's name for people."""

FOR_THREADS = ("create_public_threads", "send_messages_in_threads")
"""The permissions that a thread needs."""

_TITLES = {**PERMISSIONS, "connect": "Connect"}

_CONSEQUENCES = {
    "send_messages": "it cannot tell people that it refuses them, or answer where it cannot open a thread",
    **dict.fromkeys(FOR_THREADS, "it cannot open threads, and answers in the channel"),
    "read_message_history": "it misses messages that come while it is away, and adds no reactions",
    "add_reactions": "it adds no reactions",
    "attach_files": "it cannot attach files: long code, changes, the rest of long answers",
    "manage_threads": "/close cannot archive a thread that a person opened",
}


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
        names = tuple(_TITLES[name] for name in missing)
        return MissingPermissions(names, tuple(f"{_TITLES[name]} ({_CONSEQUENCES[name]})" for name in missing))


def _cannot_answer(missing: list[str]) -> MissingPermissions:
    names = tuple(_TITLES[name] for name in missing)
    return MissingPermissions(names, (f"{', '.join(names)} (it cannot answer there at all)",), mute=True)


_EVERYWHERE = ("read_message_history", "add_reactions", "attach_files")

IN_CHANNEL = PermissionNeeds((("send_messages",), FOR_THREADS), (*_EVERYWHERE, "manage_threads"))
IN_FORUM = PermissionNeeds((("send_messages_in_threads",),), (*_EVERYWHERE, "manage_threads"))
"""Posts, which people open."""
IN_VOICE_CHAT = PermissionNeeds((("connect", "send_messages"),), _EVERYWHERE)
"""The chat of a voice channel has no threads, and reading it needs Connect (Discord, Get Channel Messages)."""


def invite_link(application_id: int) -> str:
    """Return the address where a manager of a server adds the bot."""
    permissions = discord.Permissions(**dict.fromkeys(PERMISSIONS, True))
    return discord.utils.oauth_url(application_id, permissions=permissions, scopes=SCOPES)
