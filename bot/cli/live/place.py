"""The channel in which a live check works: what it is, and whether the bot may do there what the check does."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import discord

from bot.access.bot_permissions import IN_CHANNEL
from bot.cli.discord_probe import DiscordProbe, connect_probe
from bot.cli.texts import failures, results
from bot.config.schema import Config
from bot.gateway.connection import intents
from bot.gateway.identify_limit import IdentifyLimit
from bot.operations.locks import user_lock
from bot.operations.start_failure import NeedsPerson
from bot.user_messages.access_rules import permission_titles

NEEDED = tuple(dict.fromkeys([*(name for way in IN_CHANNEL.ways for name in way), *IN_CHANNEL.others]))
"""All permissions that the bot ever asks for: the check does all that the bot does."""

FOR_FORUM = ("view_channel", "send_messages", "send_messages_in_threads", "manage_threads")
"""The permissions to open a post, to change its tags and to delete it."""


@dataclass(frozen=True, slots=True)
class Forum:
    """A forum, and one of its tags."""

    channel_id: int
    tag_id: int


@dataclass(frozen=True, slots=True)
class Place:
    """A text channel, and the bot that works in it. `owner_id` is the person to whom the application belongs."""

    channel_id: int
    guild_id: int
    name: str
    """The channel's and the server's name."""
    bot_id: int
    owner_id: int
    forum: Forum | None = None


async def find_place(config: Config, channel_id: int, limit: IdentifyLimit, forum_id: int | None = None) -> Place:
    """Log in, and look at a channel, and at a forum of its server if one is named, at the cost of one identify.

    Raises `NeedsPerson` for a channel that is not suitable, `StartFailed`, and `TooManyIdentifies`.
    """
    async with connect_probe(config.discord, intents()) as probe:
        if probe.user is None:
            raise LookupError
        with user_lock(probe.user.id, config.file):
            await limit.acquire(probe.http)
            async with probe.connected():
                place = _place(probe, probe.user.id, channel_id)
                return place if forum_id is None else replace(place, forum=_forum(probe, place.guild_id, forum_id))


def _place(probe: DiscordProbe, bot_id: int, channel_id: int) -> Place:
    channel = probe.get_channel(channel_id)
    if channel is None:
        raise NeedsPerson(failures.live_unseen(channel_id))
    if not isinstance(channel, discord.TextChannel):
        raise NeedsPerson(failures.live_kind(channel_id))
    _must_be_allowed(channel, ("view_channel", *NEEDED))
    return Place(
        channel_id=channel_id,
        guild_id=channel.guild.id,
        name=results.channel(channel.name, channel.guild.name),
        bot_id=bot_id,
        owner_id=probe.myself.owner.id,
    )


def _forum(probe: DiscordProbe, guild_id: int, forum_id: int) -> Forum:
    forum = probe.get_channel(forum_id)
    if not isinstance(forum, discord.ForumChannel) or forum.guild.id != guild_id or not forum.available_tags:
        raise NeedsPerson(failures.live_forum(forum_id))
    _must_be_allowed(forum, FOR_FORUM)
    return Forum(forum_id, forum.available_tags[0].id)


def _must_be_allowed(channel: discord.abc.GuildChannel, wanted: Iterable[str]) -> None:
    granted = discord.abc.GuildChannel.permissions_for(channel, channel.guild.me)
    if missing := [name for name in wanted if not getattr(granted, name)]:
        raise NeedsPerson(failures.live_lacks(channel.name, permission_titles(missing)))
