"""What the bot asks of a server."""

import discord

from bot.invitation import PERMISSIONS, SCOPES, invite_link, missing


def test_the_link_asks_for_exactly_what_is_used() -> None:
    """The sum of the permissions, and the two scopes."""
    link = invite_link(42)
    wanted = discord.Permissions(**dict.fromkeys(PERMISSIONS, True))
    assert link.startswith("https://discord.com/oauth2/authorize?client_id=42&")
    assert f"permissions={wanted.value}" in link
    assert f"scope={'+'.join(SCOPES)}" in link


def test_what_lacks_is_named_as_discord_names_it() -> None:
    """Whoever sees nothing is told of that alone: the rest follows from it."""
    wanted = discord.Permissions(**dict.fromkeys(PERMISSIONS, True))
    assert missing(wanted) == []
    wanted.update(attach_files=False, create_public_threads=False)
    assert missing(wanted) == ["Create Public Threads", "Attach Files"]
    wanted.update(view_channel=False)
    assert missing(wanted) == ["View Channels"]
