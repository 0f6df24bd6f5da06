"""The sidebar of a person: guilds with channels, threads and members, and DMs. Pure."""

from __future__ import annotations

from collections.abc import Callable

from loopback.state.entities import Account, Bot, Channel, ChannelType, Guild, Json, Thread
from loopback.state.permissions import Permission
from loopback.state.world import World

from .names import persons

Online = Callable[[Bot], bool]


def overview(world: World, viewer: Account, online: Online) -> Json:
    """Return all that the person sees except messages."""
    return {
        "me": {"id": str(viewer.id), "name": viewer.name},
        "people": [{"id": str(one.id), "name": one.name} for one in persons(world)],
        "guilds": [_guild(world, one, viewer, online) for one in world.guilds.values() if viewer.id in one.members],
        "direct": [_direct(world, one, viewer, online) for one in _partners(world, viewer)],
    }


def _guild(world: World, guild: Guild, viewer: Account, online: Online) -> Json:
    there = [world.channels[channel_id] for channel_id in guild.channel_ids]
    seen = [one for one in there if world.permissions(one, viewer.id) & Permission.VIEW_CHANNEL]
    accounts = [world.accounts[user_id] for user_id in guild.members]
    return {
        "id": str(guild.id),
        "name": guild.name,
        "channels": [_channel(world, one, viewer) for one in seen],
        "members": [_member(one, online) for one in accounts if one is not world.default_owner],
        "roles": [
            {"id": str(role.id), "name": role.name}
            for role in guild.roles.values()
            if role.id != guild.id and role.managed_by is None
        ],
    }


def _member(account: Account, online: Online) -> Json:
    bot = isinstance(account, Bot)
    return {
        "id": str(account.id),
        "name": account.name,
        "bot": bot,
        "online": online(account) if isinstance(account, Bot) else True,
    }


def _channel(world: World, channel: Channel, viewer: Account) -> Json:
    granted = world.permissions(channel, viewer.id)
    thread = channel if isinstance(channel, Thread) else None
    needs = Permission.SEND_MESSAGES if thread is None else Permission.SEND_MESSAGES_IN_THREADS
    takes_messages = channel.type != ChannelType.CATEGORY and not channel.holds_posts
    locked = thread is not None and thread.locked and not granted & Permission.MANAGE_THREADS
    return {
        "id": str(channel.id),
        "name": channel.name,
        "type": int(channel.type),
        "topic": channel.topic or "",
        "thread": thread is not None,
        "parent": str(channel.parent_id) if channel.parent_id else None,
        "archived": thread is not None and thread.archived,
        "locked": thread is not None and thread.locked,
        "joined": thread is None or viewer.id in thread.members,
        "manages": thread is not None and (viewer.id == thread.owner_id or bool(granted & Permission.MANAGE_THREADS)),
        "writable": bool(granted & needs) and not locked and takes_messages and world.reads(channel, viewer.id),
        "vocal": channel.is_vocal,
        "last": str(channel.last_message_id or 0),
    }


def _partners(world: World, viewer: Account) -> list[Bot]:
    """Return the bots that share a guild with the person, who can write to them."""
    guilds = [one for one in world.guilds.values() if viewer.id in one.members]
    met = {user_id for guild in guilds for user_id in guild.members}
    return [one for one in world.bots_by_application.values() if one.id in met]


def _direct(world: World, bot: Bot, viewer: Account, online: Online) -> Json:
    """Describe a DM, which has no id before it is first opened."""
    ends = {bot.id, viewer.id}
    found = next((one for one in world.channels.values() if one.guild_id is None and one.recipient_ids == ends), None)
    return {
        "id": None if found is None else str(found.id),
        "bot": str(bot.id),
        "name": bot.name,
        "online": online(bot),
        "last": str(found.last_message_id or 0) if found else "0",
    }
