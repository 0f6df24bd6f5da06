"""Checks the bot's setup on Discord: token, intent, servers, and the permissions in each listed channel."""

from collections.abc import AsyncIterator, Iterator

import discord

from bot.access.bot_permissions import MissingPermissions, invite_link
from bot.access.gate import People
from bot.config.schema import Config
from bot.gateway.connection import intents
from bot.operations.start_failure import StartFailed

from .discord_probe import DiscordProbe, connect_probe, lacks_in
from .findings import Finding, Level

LISTED = 20
"""Channels that are listed one by one where all of a server's are allowed, and users that are looked up."""


def portal_url(application_id: int) -> str:
    """Return the page of the developer portal with the bot's switches."""
    return f"https://discord.com/developers/applications/{application_id}/bot"


async def discord_findings(config: Config) -> list[Finding]:
    """Log in, connect, and check. Never raises for Discord's errors; ends within the bounds of `discord_probe`."""
    found: list[Finding] = []
    try:
        async with connect_probe(config.discord, intents(direct=config.access.dm)) as probe:
            found.extend(_check_application(probe))
            async with probe.connected():
                found.append(Finding("gateway", Level.OK, "connects, and may read what people write"))
                found.extend([finding async for finding in _check_places(config, probe)])
    except StartFailed as error:
        subject = "gateway" if found else "token"
        return [*found, Finding(subject, Level.FAILED, str(error))]
    return found


def _check_application(probe: DiscordProbe) -> Iterator[Finding]:
    application = probe.myself
    owner = application.team.name if application.team is not None else application.owner.name
    yield Finding("token", Level.OK, f"is that of {probe.user}, an application of {owner}")
    if application.bot_public:
        words = f"everybody may invite it to their server; turn Public Bot off: {portal_url(application.id)}"
        yield Finding("bot_public", Level.WARNING, words)


async def _check_places(config: Config, probe: DiscordProbe) -> AsyncIterator[Finding]:
    link = f"to invite it: {invite_link(probe.myself.id)}"
    if not probe.guilds:
        yield Finding("servers", Level.FAILED, f"the bot is in no server; {link}")
        return
    for guild_id in sorted(config.access.guilds):
        guild = probe.get_guild(guild_id)
        if guild is None:
            known = await probe.identify(guild_id)
            words = f"is {known}, not a server" if known else f"the bot is no member, or the id is wrong; {link}"
            yield Finding(f"server {guild_id}", Level.FAILED, words)
        elif config.access.channels is None:
            for finding in _check_guild(guild):
                yield finding
    for channel_id in sorted(config.access.channels or ()):
        yield await _check_channel(probe, channel_id)
    async for finding in _check_people(config, probe):
        yield finding


def _check_guild(guild: discord.Guild) -> Iterator[Finding]:
    """Check all channels of a server: count the good ones, and list those with missing permissions."""
    lacking = [(each, lacks) for each in guild.text_channels if (lacks := lacks_in(each)).names]
    count = len(guild.text_channels)
    level = Level.FAILED if all(lacks.mute for _, lacks in lacking) and len(lacking) == count else Level.OK
    yield Finding(f"server {guild.name}", level, f"all is there in {count - len(lacking)} of {count} channels")
    for channel, lacks in lacking[:LISTED]:
        yield Finding(f"#{channel.name}", Level.WARNING, _lines(lacks))


def _lines(lacks: MissingPermissions) -> str:
    return "\n".join(f"the bot lacks: {line}" for line in lacks.lines)


async def _check_channel(probe: DiscordProbe, channel_id: int) -> Finding:
    channel = probe.get_channel(channel_id)
    match channel:
        case discord.TextChannel() | discord.ForumChannel() | discord.VoiceChannel() | discord.StageChannel():
            lacks = lacks_in(channel)
            level = Level.FAILED if lacks.mute else Level.WARNING if lacks.names else Level.OK
            words = _lines(lacks) or "all permissions are there"
            return Finding(f"#{channel.name} in {channel.guild.name}", level, words)
        case None:
            return Finding(f"channel {channel_id}", Level.FAILED, await _why_unseen(probe, channel_id))
        case discord.Thread():
            words = f"is a thread; list the channel above it: {channel.parent_id}"
            return Finding(f"channel {channel_id}", Level.FAILED, words)
        case discord.abc.GuildChannel():
            return Finding(f"channel {channel_id}", Level.FAILED, f"is a {channel.type.name}; list the channels in it")
        case _:
            return Finding(f"channel {channel_id}", Level.FAILED, "is not a channel of a server")


async def _why_unseen(probe: DiscordProbe, channel_id: int) -> str:
    if known := await probe.identify(channel_id):
        return f"is {known}, not a channel"
    try:
        await probe.fetch_channel(channel_id)
    except discord.Forbidden:
        return "the bot cannot see it: it lacks View Channels there, or is not in its server"
    except discord.NotFound:
        return "there is no such channel in the servers of the bot; is it the id of a channel?"
    except discord.DiscordException as error:
        return f"cannot be looked at: {error}"
    return "is not a channel of a server"


async def _check_people(config: Config, probe: DiscordProbe) -> AsyncIterator[Finding]:
    """Find unknown roles and users in the lists of people."""
    lists: list[People] = [config.access.users, config.access.approvers, config.access.admins]
    roles = {role_id for people in lists for role_id in people.role_ids} | config.threads.mention_roles
    for role_id in sorted(roles - {role.id for guild in probe.guilds for role in guild.roles}):
        known = await probe.identify(role_id)
        words = f"is {known}, not a role" if known else "no server of the bot has this role"
        yield Finding(f"role {role_id}", Level.WARNING, words)
    for user_id in sorted({user_id for people in lists for user_id in people.user_ids})[:LISTED]:
        known = await probe.identify(user_id)
        if not known:
            yield Finding(f"user {user_id}", Level.WARNING, "Discord names no such user")
        elif not known.startswith("the user"):
            yield Finding(f"user {user_id}", Level.WARNING, f'is {known}, not a user; a role is written "role:ID"')
