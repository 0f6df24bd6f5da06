"""Checks the bot's setup on Discord: token, intent, servers, and the permissions in each listed channel."""

from collections.abc import AsyncIterator, Iterator

import aiohttp
import discord

from bot.access.bot_permissions import MissingPermissions, invite_link
from bot.access.gate import People
from bot.config.schema import Config
from bot.gateway.connection import describe_error, intents
from bot.operations.start_failure import StartFailed

from .discord_probe import DiscordProbe, connect_probe, lacks_in
from .findings import Finding, Level
from .texts import failures, results
from .texts.setup import PORTAL

LISTED = 20
"""Channels that are listed one by one where all of a server's are allowed, and users that are looked up."""


def portal_url(application_id: int) -> str:
    """Return the page of the developer portal with the bot's switches."""
    return f"{PORTAL}/{application_id}/bot"


async def discord_findings(config: Config) -> list[Finding]:
    """Log in, connect, and check. Never raises for Discord's errors; ends within the bounds of `discord_probe`."""
    found: list[Finding] = []
    try:
        async with connect_probe(config.discord, intents()) as probe:
            found.extend(_check_application(probe))
            async with probe.connected():
                found.append(Finding(results.GATEWAY, Level.OK, results.CONNECTED))
                found.extend([finding async for finding in _check_places(config, probe)])
    except StartFailed as error:
        subject = results.GATEWAY if found else results.TOKEN
        return [*found, Finding(subject, Level.FAILED, str(error))]
    return found


def _check_application(probe: DiscordProbe) -> Iterator[Finding]:
    application = probe.myself
    owner = application.team.name if application.team is not None else application.owner.name
    yield Finding(results.TOKEN, Level.OK, results.token_of(probe.user, owner))
    if application.bot_public:
        yield Finding(results.PUBLIC_BOT, Level.WARNING, failures.public(portal_url(application.id)))


async def _check_places(config: Config, probe: DiscordProbe) -> AsyncIterator[Finding]:
    link = invite_link(probe.myself.id)
    if not probe.guilds:
        yield Finding(results.SERVERS, Level.FAILED, failures.no_server(link))
        return
    for guild_id in sorted(config.access.guilds):
        guild = probe.get_guild(guild_id)
        if guild is None:
            known = await probe.identify(guild_id)
            words = failures.not_a(known, "server") if known else failures.not_member(link)
            yield Finding(results.server(guild_id), Level.FAILED, words)
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
    yield Finding(results.server(guild.name), level, failures.channels_in_order(count - len(lacking), count))
    for channel, lacks in lacking[:LISTED]:
        yield Finding(results.channel(channel.name, guild.name), Level.WARNING, _lines(lacks))


def _lines(lacks: MissingPermissions) -> str:
    return "\n".join(map(failures.lacks, lacks.lines))


async def _check_channel(probe: DiscordProbe, channel_id: int) -> Finding:
    channel = probe.get_channel(channel_id)
    match channel:
        case discord.TextChannel() | discord.ForumChannel() | discord.VoiceChannel() | discord.StageChannel():
            lacks = lacks_in(channel)
            level = Level.FAILED if lacks.mute else Level.WARNING if lacks.names else Level.OK
            words = _lines(lacks) or results.ALL_PERMISSIONS
            return Finding(results.channel(channel.name, channel.guild.name), level, words)
        case None:
            words = await _why_unseen(probe, channel_id)
        case discord.Thread():
            words = failures.is_thread(channel.parent_id)
        case discord.abc.GuildChannel():
            words = failures.is_kind(channel.type.name)
        case _:
            words = failures.NOT_A_CHANNEL
    return Finding(results.channel_id(channel_id), Level.FAILED, words)


async def _why_unseen(probe: DiscordProbe, channel_id: int) -> str:
    if known := await probe.identify(channel_id):
        return failures.not_a(known, "channel")
    try:
        await probe.fetch_channel(channel_id)
    except discord.Forbidden:
        return failures.UNSEEN
    except discord.NotFound:
        return failures.NO_SUCH_CHANNEL
    except (discord.DiscordException, aiohttp.ClientError, OSError) as error:
        return failures.cannot_look(describe_error(error))
    return failures.NOT_A_CHANNEL


async def _check_people(config: Config, probe: DiscordProbe) -> AsyncIterator[Finding]:
    """Find unknown roles and users in the lists of people."""
    lists: list[People] = [config.access.users, config.access.approvers, config.access.admins]
    roles = {role_id for people in lists for role_id in people.role_ids} | config.threads.mention_roles
    for role_id in sorted(roles - {role.id for guild in probe.guilds for role in guild.roles}):
        known = await probe.identify(role_id)
        words = failures.not_a(known, "role") if known else failures.NO_SUCH_ROLE
        yield Finding(results.role_id(role_id), Level.WARNING, words)
    for user_id in sorted({user_id for people in lists for user_id in people.user_ids})[:LISTED]:
        known = await probe.identify(user_id)
        if not known:
            yield Finding(results.user_id(user_id), Level.WARNING, failures.NO_SUCH_USER)
        elif probe.known_as(user_id):
            yield Finding(results.user_id(user_id), Level.WARNING, failures.not_a_user(known))
