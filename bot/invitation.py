"""What the bot asks of a server that it is invited to: exactly the permissions that it uses, by their names."""

from collections.abc import Mapping
from types import MappingProxyType

import discord

__all__ = ["FOR_THREADS", "PERMISSIONS", "SCOPES", "invite_link", "missing"]

SCOPES = ("bot", "applications.commands")
"""What a person grants by the link: a member, and its slash commands."""

PERMISSIONS: Mapping[str, str] = MappingProxyType(
    {
        "view_channel": "View Channels",
        "send_messages": "Send Messages",
        "send_messages_in_threads": "Send Messages in Threads",
        "create_public_threads": "Create Public Threads",
        "read_message_history": "Read Message History",
        "add_reactions": "Add Reactions",
        "attach_files": "Attach Files",
    }
)
"""The library's name of each permission, and Discord's for people."""

FOR_THREADS = ("create_public_threads", "send_messages_in_threads")
"""Those without which a thread is not to be had, or no use."""

_BESIDE_VOICE = {
    **{name: title for name, title in PERMISSIONS.items() if name not in FOR_THREADS},
    "connect": "Connect",
}
"""What it uses beside a voice or stage channel: there are no threads, and who may not connect does not hear."""


def invite_link(application_id: int) -> str:
    """Return the address at which somebody who manages a server lets the bot in."""
    permissions = discord.Permissions(**dict.fromkeys(PERMISSIONS, True))
    return discord.utils.oauth_url(application_id, permissions=permissions, scopes=SCOPES)


def missing(granted: discord.Permissions, *, beside_voice: bool = False) -> list[str]:
    """Name the permissions that the bot uses and does not have. Without a view there is nothing else either."""
    if not granted.view_channel:
        return [PERMISSIONS["view_channel"]]
    used = _BESIDE_VOICE if beside_voice else PERMISSIONS
    return [title for name, title in used.items() if not getattr(granted, name)]
