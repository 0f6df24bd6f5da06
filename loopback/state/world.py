"""The state of the world, its permissions, and the one place that emits events.

Pure: no clock of its own, no I/O, no asyncio. The modules `messages`, `threads` and `interactions` have the functions
that change these. Each change gives its events to `World.listeners`, in order, before the call returns.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterable
from typing import Final

from . import permissions, world_events
from .archive import MESSAGES_KEPT, Archive
from .entities import (
    ALL_INTENTS,
    Account,
    Bot,
    Channel,
    ChannelType,
    Guild,
    Interaction,
    Member,
    Message,
    Overwrite,
    Role,
    Thread,
    Webhook,
)
from .errors import DiscordError, Reason
from .permissions import Permission
from .strict_rules import StrictRule

DISCORD_EPOCH_MS: Final = 1_420_070_400_000
INTERACTIONS_KEPT: Final = 2_000

Listener = Callable[[world_events.Event], None]


class World:
    """Everything that exists. `clock` gives seconds since the epoch, `monotonic` seconds for measuring.

    `cdn` is the server's address, also of attachments. `rules` are those in force. The oldest messages beyond
    `messages_kept` are forgotten.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        messages_kept: int = MESSAGES_KEPT,
    ) -> None:
        self.clock = clock
        self.monotonic = monotonic
        self.cdn = ""
        self.rules = set(StrictRule)
        self.accounts: dict[int, Account] = {}
        self.guilds: dict[int, Guild] = {}
        self.channels: dict[int, Channel] = {}
        self.interactions: dict[int, Interaction] = {}
        self.webhooks: dict[int, Webhook] = {}
        self.archive = Archive(self.channels, messages_kept)
        self.listeners: list[Listener] = []
        self.bots_by_token: dict[str, Bot] = {}
        self.bots_by_application: dict[int, Bot] = {}
        self._last_id = 0
        self._direct: dict[frozenset[int], Channel] = {}
        self.default_owner = self._account("owner")

    def __repr__(self) -> str:
        return (
            f"<World: {len(self.guilds)} guilds, {len(self.channels)} channels and threads, "
            f"{len(self.accounts)} users, {len(self.archive)} messages>"
        )

    @property
    def gateway_url(self) -> str:
        """Where clients connect to the gateway, and resume."""
        return self.cdn.replace("http", "ws", 1) + "/gateway/"

    def snowflake(self) -> int:
        """Return a new id, which is larger than all before."""
        now = (int(self.clock() * 1000) - DISCORD_EPOCH_MS) << 22
        self._last_id = max(now, self._last_id + 1)
        return self._last_id

    def emit(self, event: world_events.Event) -> None:
        """Pass the event to every listener."""
        for listener in self.listeners:
            listener(event)

    # People, bots, guilds

    def _account(self, name: str) -> Account:
        account = Account(self.snowflake(), name)
        self.accounts[account.id] = account
        return account

    def add_guild(self, name: str, *, owner: Account | None = None) -> Guild:
        """Add a guild with its @everyone role. It belongs to `owner`, or to the world's default owner."""
        owner = owner or self.default_owner
        guild = Guild(self.snowflake(), name, owner.id)
        guild.roles[guild.id] = Role(guild.id, "@everyone", permissions.EVERYONE, 0)
        self.guilds[guild.id] = guild
        self.join(guild, owner)
        return guild

    def add_role(self, guild: Guild, name: str, *, granted: int = 0, managed_by: int | None = None) -> Role:
        """Add a role of the guild above the others."""
        role = Role(self.snowflake(), name, granted, len(guild.roles), managed_by)
        guild.roles[role.id] = role
        self.emit(world_events.RoleCreated(guild, role))
        return role

    def add_person(self, name: str, *, guilds: Iterable[Guild] = (), roles: Iterable[Role] = ()) -> Account:
        """Add a person, a member of `guilds`, with `roles` in the guilds that have them."""
        account = self._account(name)
        given = list(roles)
        for guild in guilds:
            self.join(guild, account, roles=[role for role in given if role.id in guild.roles])
        return account

    def add_bot(
        self,
        name: str,
        *,
        token: str,
        owner: int | None = None,
        guilds: Iterable[Guild] = (),
        granted: int = Permission.MANAGE_THREADS,
        allowed_intents: int = ALL_INTENTS,
    ) -> Bot:
        """Add a bot and its application. In `guilds` its managed role has the permissions `granted`."""
        if token in self.bots_by_token:
            raise ValueError(f"another bot has the token {token!r}")
        bot = Bot(
            id=self.snowflake(),
            name=name,
            application_id=self.snowflake(),
            token=token,
            owner_id=owner if owner is not None else self.default_owner.id,
            allowed_intents=allowed_intents,
        )
        self.accounts[bot.id] = bot
        self.bots_by_token[token] = bot
        self.bots_by_application[bot.application_id] = bot
        for guild in guilds:
            self.invite(guild, bot, granted=granted)
        return bot

    def reset_token(self, bot: Bot) -> None:
        """Give the bot a new token. The old one is refused."""
        del self.bots_by_token[bot.token]
        bot.token = secrets.token_urlsafe(48)
        self.bots_by_token[bot.token] = bot

    def invite(self, guild: Guild, bot: Bot, *, granted: int = Permission.MANAGE_THREADS) -> None:
        """Make the bot a member, with a managed role that has the permissions `granted`."""
        self.join(guild, bot, roles=[self.add_role(guild, bot.name, granted=granted, managed_by=bot.id)])

    def join(self, guild: Guild, account: Account, *, roles: Iterable[Role] = ()) -> Member:
        """Make the user a member of the guild."""
        member = Member(account.id, self.clock(), [role.id for role in roles])
        guild.members[account.id] = member
        self.emit(world_events.MemberJoined(guild, member))
        return member

    def leave(self, guild: Guild, account: Account) -> None:
        """Remove the user from the guild and its threads."""
        member = guild.members.pop(account.id)
        for channel_id in guild.channel_ids:
            channel = self.channels[channel_id]
            if isinstance(channel, Thread):
                channel.members.pop(account.id, None)
        self.emit(world_events.MemberLeft(guild, member))

    def give_role(self, guild: Guild, account: Account, role: Role) -> None:
        """Give a member one more role."""
        member = guild.members[account.id]
        if role.id not in member.role_ids:
            member.role_ids.append(role.id)
            self.emit(world_events.MemberChanged(guild, member))

    # Channels

    def add_channel(
        self,
        guild: Guild,
        name: str,
        *,
        kind: int = ChannelType.TEXT,
        topic: str | None = None,
        tags: Iterable[str] = (),
    ) -> Channel:
        """Add a channel at the end of the guild's list. `tags` are those of a forum."""
        channel = Channel(self.snowflake(), kind, name, guild.id, topic=topic, position=len(guild.channel_ids))
        channel.tags = {self.snowflake(): tag for tag in tags}
        self.place(channel)
        self.emit(world_events.ChannelCreated(channel))
        return channel

    def place(self, channel: Channel) -> None:
        """Register a channel or thread without an event."""
        self.channels[channel.id] = channel
        if channel.guild_id is not None:
            self.guilds[channel.guild_id].channel_ids[channel.id] = None

    def direct(self, one: int, other: int) -> Channel:
        """Return the DM between two users, which the first call creates."""
        ends = frozenset((one, other))
        channel = self._direct.get(ends)
        if channel is None:
            channel = Channel(self.snowflake(), ChannelType.DM, "", recipient_ids=ends)
            self._direct[ends] = channel
            self.place(channel)
            self.emit(world_events.ChannelCreated(channel))
        return channel

    def overwrite(self, channel: Channel, target: int, *, allow: int = 0, deny: int = 0) -> None:
        """Set a channel's exception for a role or a member."""
        channel.overwrites[target] = Overwrite(allow, deny)
        self.emit(world_events.ChannelUpdated(channel))

    def delete_channel(self, channel: Channel) -> None:
        """Delete a channel with its threads, or one thread."""
        for thread in self.threads_of(channel):
            self._forget_channel(thread)
        self._forget_channel(channel)
        gone = (
            world_events.ThreadDeleted(channel) if isinstance(channel, Thread) else world_events.ChannelDeleted(channel)
        )
        self.emit(gone)

    def _forget_channel(self, channel: Channel) -> None:
        self.channels.pop(channel.id, None)
        if channel.guild_id is not None:
            self.guilds[channel.guild_id].channel_ids.pop(channel.id, None)
        for message in list(channel.messages.values()):
            self.archive.forget(message)
            message.deleted = True
        for webhook in [one for one in self.webhooks.values() if one.channel_id == channel.id]:
            del self.webhooks[webhook.id]

    def threads_of(self, channel: Channel) -> list[Thread]:
        """Return the channel's threads, archived ones too, oldest first."""
        if channel.guild_id is None or isinstance(channel, Thread):
            return []
        found = (self.channels[channel_id] for channel_id in self.guilds[channel.guild_id].channel_ids)
        return [thread for thread in found if isinstance(thread, Thread) and thread.parent_id == channel.id]

    # Look-ups, and who may

    def account(self, user_id: int) -> Account:
        """Return the user. Raises 10013."""
        account = self.accounts.get(user_id)
        if account is None:
            raise DiscordError(Reason.UNKNOWN_USER)
        return account

    def guild(self, guild_id: int, viewer: int) -> Guild:
        """Return the guild, if the viewer is a member. Raises 10004."""
        guild = self.guilds.get(guild_id)
        if guild is None or viewer not in guild.members:
            raise DiscordError(Reason.UNKNOWN_GUILD)
        return guild

    def guild_of(self, channel: Channel) -> Guild | None:
        """Return the channel's guild; None for a DM."""
        return None if channel.guild_id is None else self.guilds[channel.guild_id]

    def channel(self, channel_id: int, viewer: int, needs: int = 0) -> Channel:
        """Return the channel. Raises 10003, 50001 if the viewer may not read it, 50013 without all of `needs`."""
        channel = self.channels.get(channel_id)
        if channel is None:
            raise DiscordError(Reason.UNKNOWN_CHANNEL)
        granted = self.permissions(channel, viewer)
        if not permissions.reads(channel, granted):
            raise DiscordError(Reason.MISSING_ACCESS)
        if needs & ~granted:
            raise DiscordError(Reason.MISSING_PERMISSIONS)
        return channel

    def reads(self, channel: Channel, user_id: int) -> bool:
        """Return whether a user may read the channel's messages."""
        return permissions.reads(channel, self.permissions(channel, user_id))

    def permissions(self, channel: Channel, user_id: int) -> int:
        """Return a user's permissions in the channel, 0 if they do not see it."""
        if channel.guild_id is None:
            return permissions.DIRECT if user_id in channel.recipient_ids else 0
        guild = self.guilds[channel.guild_id]
        if not isinstance(channel, Thread):
            return permissions.in_channel(guild, channel, user_id)
        parent = self.channels.get(channel.parent_id or 0, channel)
        granted = permissions.in_channel(guild, parent, user_id)
        private = channel.type == ChannelType.PRIVATE_THREAD
        if private and user_id not in channel.members and not granted & Permission.MANAGE_THREADS:
            return 0
        return granted

    def message(self, channel: Channel, message_id: int) -> Message:
        """Return the channel's message, unless it is ephemeral. Raises 10008."""
        message = channel.messages.get(message_id)
        if message is None or message.ephemeral_to is not None:
            named = StrictRule.UNKNOWN_MESSAGES in self.rules
            raise DiscordError(Reason.UNKNOWN_MESSAGE if named else Reason.NOT_FOUND)
        return message

    def keep_interaction(self, interaction: Interaction) -> None:
        """Store an interaction, and forget the oldest beyond the bound."""
        self.interactions[interaction.id] = interaction
        while len(self.interactions) > INTERACTIONS_KEPT:
            del self.interactions[next(iter(self.interactions))]
