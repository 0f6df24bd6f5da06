"""The channel in which a live check works: what it is, and whether the bot may do there what the check does."""

from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True)
class Place:
    """A text channel, and the bot that works in it. `owner_id` is the person to whom the application belongs."""

    channel_id: int
    guild_id: int
    name: str
    """The channel's and the server's name."""
    bot_id: int
    owner_id: int


async def find_place(config: Config, channel_id: int, limit: IdentifyLimit) -> Place:
    """Log in, and look at a channel, at the cost of one identify.

    Raises `NeedsPerson` for a channel that is not suitable, `StartFailed`, and `TooManyIdentifies`.
    """
    async with connect_probe(config.discord, intents()) as probe:
        if probe.user is None:
            raise LookupError
        with user_lock(probe.user.id, config.file):
            await limit.acquire(probe.http)
            async with probe.connected():
                return _place(probe, probe.user.id, channel_id)


def _place(probe: DiscordProbe, bot_id: int, channel_id: int) -> Place:
    channel = probe.get_channel(channel_id)
    if channel is None:
        raise NeedsPerson(failures.live_unseen(channel_id))
    if not isinstance(channel, discord.TextChannel):
        raise NeedsPerson(failures.live_kind(channel_id))
    granted = discord.abc.GuildChannel.permissions_for(channel, channel.guild.me)
    wanted = ("view_channel", *NEEDED)
    if missing := [name for name in wanted if not getattr(granted, name)]:
        raise NeedsPerson(failures.live_lacks(channel.name, permission_titles(missing)))
    return Place(
        channel_id=channel_id,
        guild_id=channel.guild.id,
        name=results.channel(channel.name, channel.guild.name),
        bot_id=bot_id,
        owner_id=probe.myself.owner.id,
    )
