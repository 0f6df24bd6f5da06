"""A short connection to Discord that reads who the bot is, where it is a member, and what it may do there.

It only reads, so it may run while the bot works with the same token.
"""

import asyncio
from collections.abc import AsyncIterator, Collection, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
import discord

from bot.access.bot_permissions import IN_CHANNEL, IN_FORUM, IN_VOICE_CHAT, MissingPermissions
from bot.config.schema import DiscordConfig
from bot.gateway.connection import (
    LoginRefused,
    client_options,
    close_client,
    configure_library,
    describe_error,
    end_client,
    fatal_reason,
)
from bot.operations.start_failure import StartFailed
from bot.user_messages import connection_errors as texts

from .texts import failures, results

LOGIN_SECONDS = 30.0
"""Bound of the login: two calls, which the library repeats while Discord has trouble."""

READY_SECONDS = 60.0
"""Bound of the gateway's greeting and the descriptions of all servers."""

GUILD_SECONDS = 2.0
"""The library's wait for one more server before it considers the list complete."""


@dataclass(frozen=True, slots=True)
class ChannelFacts:
    """A text channel or forum in one of the bot's servers."""

    channel_id: int
    name: str
    guild: str
    lacks: MissingPermissions

    def __str__(self) -> str:
        """Return the channel's and the server's name."""
        return results.channel(self.name, self.guild)


@dataclass(frozen=True, slots=True)
class RoleFacts:
    """A role that people can have, in one of the bot's servers."""

    role_id: int
    name: str
    guild: str


class DiscordProbe(discord.Client):
    """A client that only reads. Use `connect_probe`."""

    def __init__(self, settings: DiscordConfig, intents: discord.Intents) -> None:
        options = client_options(settings)
        super().__init__(intents=intents, max_messages=None, guild_ready_timeout=GUILD_SECONDS, **options)
        self._where = settings.endpoint or texts.DISCORD
        self._changed = asyncio.Event()

    @property
    def myself(self) -> discord.AppInfo:
        """The bot's application; known after the login."""
        if self.application is None:
            raise LookupError
        return self.application

    @property
    def can_read_messages(self) -> bool:
        """Whether the application's settings allow the Message Content intent."""
        flags = self.myself.flags
        return flags.gateway_message_content or flags.gateway_message_content_limited

    async def enable_message_content(self) -> None:
        """Turn the Message Content intent on. Raises `discord.HTTPException` where Discord requires a person."""
        before = self.myself.flags
        kept = discord.ApplicationFlags(
            gateway_message_content_limited=True,
            gateway_presence_limited=before.gateway_presence_limited,
            gateway_guild_members_limited=before.gateway_guild_members_limited,
        )
        await self.myself.edit(flags=kept)

    # ---- at the gateway

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[None]:
        """Connect to the gateway and wait for all servers; the connection ends with the block.

        Raises `StartFailed` within READY_SECONDS.
        """
        link = asyncio.create_task(self.connect(reconnect=False), name="probe")
        ready = asyncio.create_task(self.wait_until_ready(), name="probe-ready")
        try:
            await asyncio.wait((link, ready), return_when=asyncio.FIRST_COMPLETED, timeout=READY_SECONDS)
            if link.done():
                raise _failure(link.exception(), self._where)
            if not ready.done():
                raise StartFailed(failures.silent_gateway(READY_SECONDS))
            yield
        finally:
            ready.cancel()
            await end_client(self, link)

    async def on_guild_join(self, _guild: discord.Guild) -> None:
        """Wake `joined`."""
        self._changed.set()

    async def on_guild_channel_create(self, _channel: Any) -> None:
        """Wake `joined`."""
        self._changed.set()

    async def joined(self, channel_ids: Collection[int], seconds: float) -> bool:
        """Wait until the bot sees these channels, or any if none is named. False after `seconds`."""
        try:
            async with asyncio.timeout(seconds):
                while not self._shown(channel_ids):
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            return False
        return True

    def _shown(self, channel_ids: Collection[int]) -> bool:
        known = {room.channel_id for room in self.channel_facts(channel_ids)}
        return known.issuperset(channel_ids) if channel_ids else bool(known)

    def channel_facts(self, channel_ids: Collection[int] = ()) -> list[ChannelFacts]:
        """Return all text channels and forums, in Discord's order; or the named channels, of any kind with messages."""
        return [
            ChannelFacts(channel.id, channel.name, guild.name, lacks_in(channel))
            for guild in self.guilds
            for channel in _written_in(guild)
            if channel.id in channel_ids or not (channel_ids or isinstance(channel, discord.channel.VocalGuildChannel))
        ]

    def role_facts(self) -> list[RoleFacts]:
        """Return the servers' roles, the highest first, without those of everybody and of bots."""
        return [
            RoleFacts(role.id, role.name, guild.name)
            for guild in self.guilds
            for role in reversed(guild.roles)
            if not (role.is_default() or role.managed)
        ]

    def known_as(self, some_id: int) -> str:
        """Say what has this id in the bot's servers; empty where that is unknown."""
        if (guild := self.get_guild(some_id)) is not None:
            return results.known_server(guild.name)
        match self.get_channel(some_id):
            case discord.CategoryChannel() as channel:
                return results.known_category(channel.name, channel.guild.name)
            case discord.Thread() as thread:
                return results.known_thread(thread.parent_id)
            case discord.abc.GuildChannel() as channel:
                return results.channel(channel.name, channel.guild.name)
        roles = (guild.get_role(some_id) for guild in self.guilds)
        return next((results.known_role(role.name, role.guild.name) for role in roles if role is not None), "")

    async def identify(self, some_id: int) -> str:
        """Say what has this id, users included; empty where Discord does not tell."""
        if known := self.known_as(some_id):
            return known
        try:
            return results.known_user(await self.fetch_user(some_id))
        except (discord.HTTPException, aiohttp.ClientError, OSError):
            return ""


def _written_in(guild: discord.Guild) -> Iterator[discord.abc.GuildChannel]:
    yield from guild.text_channels
    yield from guild.forums
    yield from guild.voice_channels
    yield from guild.stage_channels


def lacks_in(channel: discord.abc.GuildChannel) -> MissingPermissions:
    """Return the permissions that the bot lacks in a channel and its threads."""
    # The base class's answer: a channel's own answer implies no Attach Files without Send Messages, which is wrong for
    # its threads.
    granted = discord.abc.GuildChannel.permissions_for(channel, channel.guild.me)
    match channel:
        case discord.VoiceChannel() | discord.StageChannel():
            return IN_VOICE_CHAT.missing_from(granted)
        case discord.ForumChannel():
            return IN_FORUM.missing_from(granted)
        case _:
            return IN_CHANNEL.missing_from(granted)


@asynccontextmanager
async def connect_probe(settings: DiscordConfig, intents: discord.Intents) -> AsyncIterator[DiscordProbe]:
    """Log in, and close the client at the end. Raises `StartFailed` within LOGIN_SECONDS."""
    configure_library(settings.endpoint)
    client = DiscordProbe(settings, intents)
    try:
        try:
            async with asyncio.timeout(LOGIN_SECONDS):
                await client.login(settings.token.get_secret_value())
        except TimeoutError:
            raise StartFailed(failures.no_answer(LOGIN_SECONDS)) from None
        except (discord.DiscordException, aiohttp.ClientError, OSError) as error:
            raise _failure(error, settings.endpoint or texts.DISCORD) from None
        yield client
    finally:
        await close_client(client)


def _failure(error: BaseException | None, where: str) -> StartFailed:
    if not isinstance(error, Exception):
        return StartFailed(failures.CLOSED)
    if pointless := fatal_reason(error):
        return LoginRefused(pointless)
    return StartFailed(texts.cannot_connect(where, describe_error(error)))
