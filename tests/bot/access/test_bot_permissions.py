"""The permissions that the bot asks for, and the consequences of lacking them."""

import discord
import pytest

from bot.access.bot_permissions import (
    IN_CHANNEL,
    IN_FORUM,
    IN_VOICE_CHAT,
    SCOPES,
    MissingPermissions,
    PermissionNeeds,
    invite_link,
)
from bot.user_messages.access_rules import PERMISSIONS


def test_the_link_asks_for_exactly_what_is_used() -> None:
    """The link has the sum of the permissions, and the two scopes."""
    link = invite_link(42)
    wanted = discord.Permissions(**dict.fromkeys(PERMISSIONS, True))
    assert link.startswith("https://discord.com/oauth2/authorize?client_id=42&")
    assert f"permissions={wanted.value}" in link
    assert f"scope={'+'.join(SCOPES)}" in link


def without(*names: str) -> discord.Permissions:
    """Return all permissions that the link asks for, without these."""
    return discord.Permissions(**{**dict.fromkeys((*PERMISSIONS, "connect"), True), **dict.fromkeys(names, False)})


@pytest.mark.parametrize("use", [IN_CHANNEL, IN_FORUM, IN_VOICE_CHAT])
def test_what_is_asked_for_is_enough_everywhere(use: PermissionNeeds) -> None:
    """Without View Channels only that one is named, as the rest follows from it."""
    assert use.missing_from(without()) == MissingPermissions()
    assert use.missing_from(without("view_channel", "add_reactions")).names == ("View Channels",)
    assert use.missing_from(without("view_channel")).mute


@pytest.mark.parametrize(
    ("use", "names", "told"),
    [
        (IN_CHANNEL, ["create_public_threads"], ["Create Public Threads"]),
        (IN_CHANNEL, ["send_messages"], ["Send Messages"]),
        (IN_FORUM, ["send_messages", "create_public_threads"], []),
        (IN_VOICE_CHAT, ["create_public_threads", "send_messages_in_threads"], []),
        (IN_VOICE_CHAT, ["attach_files"], ["Attach Files"]),
    ],
)
def test_a_missing_permission_matters_by_the_kind_of_place(
    use: PermissionNeeds, names: list[str], told: list[str]
) -> None:
    """Each has Discord's name and a line of its own."""
    lacks = use.missing_from(without(*names))
    assert (list(lacks.names), len(lacks.lines), lacks.mute) == (told, len(told), False)


@pytest.mark.parametrize(
    ("use", "names"),
    [
        (IN_CHANNEL, ["send_messages", "create_public_threads"]),
        (IN_CHANNEL, ["send_messages", "send_messages_in_threads"]),
        (IN_FORUM, ["send_messages_in_threads"]),
        (IN_VOICE_CHAT, ["connect"]),
        (IN_VOICE_CHAT, ["send_messages"]),
    ],
)
def test_where_no_way_to_answer_is_left_that_is_all_that_is_said(use: PermissionNeeds, names: list[str]) -> None:
    """It is one line."""
    lacks = use.missing_from(without(*names, "add_reactions"))
    assert (lacks.mute, len(lacks.lines)) == (True, 1)
