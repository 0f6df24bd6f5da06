"""Converts world events into gateway events for one bot and its intents. Pure.

Source: Discord's developer documentation, "Gateway Events" and "Gateway Intents".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from loopback.payloads import interaction_payloads, message_payloads
from loopback.payloads import objects as payloads
from loopback.state import world_events
from loopback.state.entities import Bot, Channel, Json, Message, Thread
from loopback.state.permissions import Permission
from loopback.state.world import World

GUILDS: Final = 1 << 0
GUILD_MEMBERS: Final = 1 << 1
GUILD_WEBHOOKS: Final = 1 << 5
GUILD_MESSAGES: Final = 1 << 9
GUILD_MESSAGE_REACTIONS: Final = 1 << 10
GUILD_MESSAGE_TYPING: Final = 1 << 11
DIRECT_MESSAGES: Final = 1 << 12
DIRECT_MESSAGE_REACTIONS: Final = 1 << 13
DIRECT_MESSAGE_TYPING: Final = 1 << 14

Dispatch = tuple[str, Json]


def shard_of(guild_id: int | None, shards: int) -> int:
    """Return the shard that gets a guild's events. DMs go to the first."""
    return 0 if guild_id is None else (guild_id >> 22) % shards


def guild_of(event: world_events.Event) -> int | None:
    """Return the guild of an event, None for a DM's."""
    match event:
        case (
            world_events.MessageCreated(message)
            | world_events.MessageEdited(message)
            | world_events.MessageDeleted(message)
            | world_events.ReactionAdded(message)
            | world_events.ReactionRemoved(message)
            | world_events.ReactionsCleared(message)
        ):
            return message.guild_id
        case world_events.MessagesDeleted(messages):
            return messages[0].guild_id
        case (
            world_events.TypingStarted(place) | world_events.ChannelCreated(place) | world_events.ChannelUpdated(place)
        ):
            return place.guild_id
        case world_events.PinsChanged(place) | world_events.WebhooksChanged(place):
            return place.guild_id
        case world_events.ChannelDeleted(place) | world_events.ThreadCreated(place) | world_events.ThreadUpdated(place):
            return place.guild_id
        case world_events.ThreadDeleted(place) | world_events.ThreadMembersChanged(place):
            return place.guild_id
        case world_events.MemberJoined(guild) | world_events.MemberChanged(guild) | world_events.MemberLeft(guild):
            return guild.id
        case world_events.RoleCreated(guild):
            return guild.id
        case world_events.InteractionCreated(interaction) | world_events.InteractionAnswered(interaction):
            return interaction.guild_id
        case world_events.CommandsChanged():
            return None


def translate(world: World, event: world_events.Event, bot: Bot, intents: int) -> Iterator[Dispatch]:
    """Yield the (name, payload) pairs for the event, if the bot may see it and asked for it."""
    match event:
        case world_events.MessageCreated() | world_events.MessageEdited() | world_events.MessageDeleted():
            yield from _message(world, event, bot, intents)
        case world_events.MessagesDeleted((first, *_) as gone):
            if _reaches(world, first, bot, intents, GUILD_MESSAGES, DIRECT_MESSAGES):
                yield (
                    "MESSAGE_DELETE_BULK",
                    {"ids": [str(message.id) for message in gone], **_ids(first.channel_id, first.guild_id)},
                )
        case world_events.ReactionAdded() | world_events.ReactionRemoved() | world_events.ReactionsCleared():
            yield from _reaction(world, event, bot, intents)
        case world_events.TypingStarted(channel, user_id):
            wanted = GUILD_MESSAGE_TYPING if channel.guild_id is not None else DIRECT_MESSAGE_TYPING
            if intents & wanted and world.reads(channel, bot.id):
                yield "TYPING_START", _typing(world, channel, user_id)
        case (
            world_events.ChannelCreated(channel)
            | world_events.ChannelUpdated(channel)
            | world_events.ChannelDeleted(channel)
        ):
            name = {
                world_events.ChannelCreated: "CREATE",
                world_events.ChannelUpdated: "UPDATE",
                world_events.ChannelDeleted: "DELETE",
            }
            if intents & GUILDS and channel.guild_id is not None and _sees(world, channel, bot):
                yield f"CHANNEL_{name[type(event)]}", payloads.channel(world, channel, bot.id)
        case (
            world_events.ThreadCreated(thread)
            | world_events.ThreadUpdated(thread)
            | world_events.ThreadDeleted(thread)
            | world_events.ThreadMembersChanged(thread)
        ):
            if intents & GUILDS and (_sees(world, thread, bot) or _was_removed(event, bot)):
                yield from _thread(world, event, thread, bot, intents)
        case world_events.PinsChanged(channel):
            if (intents & GUILDS or channel.guild_id is None) and _sees(world, channel, bot):
                pinned = None if channel.last_pin is None else payloads.moment(channel.last_pin)
                yield "CHANNEL_PINS_UPDATE", {**_ids(channel.id, channel.guild_id), "last_pin_timestamp": pinned}
        case world_events.WebhooksChanged(channel):
            if intents & GUILD_WEBHOOKS and _sees(world, channel, bot):
                yield "WEBHOOKS_UPDATE", _ids(channel.id, channel.guild_id)
        case world_events.MemberJoined() | world_events.MemberChanged() | world_events.MemberLeft():
            yield from _member(world, event, bot, intents)
        case world_events.RoleCreated(guild, role):
            if intents & GUILDS and bot.id in guild.members:
                yield "GUILD_ROLE_CREATE", {"guild_id": str(guild.id), "role": payloads.role(role)}
        case world_events.InteractionCreated(interaction):
            if interaction.bot is bot:
                yield "INTERACTION_CREATE", interaction_payloads.created(world, interaction)
        case world_events.InteractionAnswered() | world_events.CommandsChanged():
            return


def _sees(world: World, channel: Channel, bot: Bot) -> bool:
    return bool(world.permissions(channel, bot.id) & Permission.VIEW_CHANNEL)


def _was_removed(event: world_events.Event, bot: Bot) -> bool:
    return isinstance(event, world_events.ThreadMembersChanged) and bot.id in event.removed


def _reaches(world: World, message: Message, bot: Bot, intents: int, in_guild: int, direct: int) -> bool:
    wanted = in_guild if message.guild_id is not None else direct
    channel = world.channels.get(message.channel_id)
    readable = channel is not None and world.reads(channel, bot.id)
    return bool(intents & wanted) and message.ephemeral_to is None and readable


def _message(
    world: World,
    event: world_events.MessageCreated | world_events.MessageEdited | world_events.MessageDeleted,
    bot: Bot,
    intents: int,
) -> Iterator[Dispatch]:
    message = event.message
    if not _reaches(world, message, bot, intents, GUILD_MESSAGES, DIRECT_MESSAGES):
        return
    match event:
        case world_events.MessageCreated():
            yield "MESSAGE_CREATE", message_payloads.event_message(world, message, bot.id, intents)
        case world_events.MessageEdited():
            yield "MESSAGE_UPDATE", message_payloads.event_message(world, message, bot.id, intents)
        case world_events.MessageDeleted():
            yield "MESSAGE_DELETE", {"id": str(message.id), **_ids(message.channel_id, message.guild_id)}


def _ids(channel_id: int, guild_id: int | None) -> Json:
    ids = {"channel_id": str(channel_id)}
    return ids if guild_id is None else {**ids, "guild_id": str(guild_id)}


def _reaction(
    world: World,
    event: world_events.ReactionAdded | world_events.ReactionRemoved | world_events.ReactionsCleared,
    bot: Bot,
    intents: int,
) -> Iterator[Dispatch]:
    message = event.message
    if not _reaches(world, message, bot, intents, GUILD_MESSAGE_REACTIONS, DIRECT_MESSAGE_REACTIONS):
        return
    payload = {"message_id": str(message.id), **_ids(message.channel_id, message.guild_id)}
    match event:
        case world_events.ReactionsCleared(emoji=None):
            yield "MESSAGE_REACTION_REMOVE_ALL", payload
        case world_events.ReactionsCleared(emoji=str(emoji)):
            yield "MESSAGE_REACTION_REMOVE_EMOJI", {**payload, "emoji": message_payloads.emoji(emoji)}
        case world_events.ReactionRemoved(_, user_id, emoji):
            one = {"user_id": str(user_id), "emoji": message_payloads.emoji(emoji), "burst": False, "type": 0}
            yield "MESSAGE_REACTION_REMOVE", {**payload, **one}
        case world_events.ReactionAdded(_, user_id, emoji):
            one = {"user_id": str(user_id), "emoji": message_payloads.emoji(emoji), "burst": False, "type": 0}
            one["message_author_id"] = str(message.author_id)
            if message.guild_id is not None:
                members = world.guilds[message.guild_id].members
                one["member"] = payloads.member(world, members[user_id])
            yield "MESSAGE_REACTION_ADD", {**payload, **one}


def _typing(world: World, channel: Channel, user_id: int) -> Json:
    payload: Json = {
        **_ids(channel.id, channel.guild_id),
        "user_id": str(user_id),
        "timestamp": int(world.clock()),
    }
    if channel.guild_id is not None:
        payload["member"] = payloads.member(world, world.guilds[channel.guild_id].members[user_id])
    return payload


def _thread(world: World, event: world_events.Event, thread: Thread, bot: Bot, intents: int) -> Iterator[Dispatch]:
    match event:
        case world_events.ThreadCreated():
            yield "THREAD_CREATE", {**payloads.thread(thread, bot.id), "newly_created": True}
        case world_events.ThreadUpdated():
            yield "THREAD_UPDATE", payloads.thread(thread, bot.id)
        case world_events.ThreadDeleted():
            kept = ("id", "guild_id", "parent_id", "type")
            yield "THREAD_DELETE", {key: payloads.thread(thread, bot.id)[key] for key in kept}
        case world_events.ThreadMembersChanged(_, added, removed):
            # Without the members intent a bot gets only its own changes.
            if not intents & GUILD_MEMBERS and bot.id not in added and bot.id not in removed:
                return
            if bot.id in added and bot.id != thread.owner_id:
                yield "THREAD_CREATE", payloads.thread(thread, bot.id)
            yield "THREAD_MEMBERS_UPDATE", _thread_members(world, thread, added, removed)


def _thread_members(world: World, thread: Thread, added: tuple[int, ...], removed: tuple[int, ...]) -> Json:
    members = world.guilds[thread.guild_id or 0].members
    payload: Json = {
        "id": str(thread.id),
        "guild_id": str(thread.guild_id),
        "member_count": min(len(thread.members), 50),
        "added_members": [
            {
                **payloads.thread_member(thread, user_id),
                "member": payloads.member(world, members[user_id]),
                "presence": None,
            }
            for user_id in added
            if user_id in members
        ],
    }
    if removed:
        payload["removed_member_ids"] = [str(user_id) for user_id in removed]
    return payload


def _member(
    world: World,
    event: world_events.MemberJoined | world_events.MemberChanged | world_events.MemberLeft,
    bot: Bot,
    intents: int,
) -> Iterator[Dispatch]:
    guild, member = event.guild, event.member
    own = member.user_id == bot.id
    where = {"guild_id": str(guild.id)}
    match event:
        case world_events.MemberJoined() if own:
            if intents & GUILDS:
                created = payloads.guild_create(world, guild, bot.id, members=bool(intents & GUILD_MEMBERS))
                # Libraries tell a join from a start by the absence of this key.
                del created["unavailable"]
                yield "GUILD_CREATE", created
        case world_events.MemberLeft() if own:
            if intents & GUILDS:
                yield "GUILD_DELETE", {"id": str(guild.id)}
        case world_events.MemberChanged() if own and intents & GUILDS:
            yield "GUILD_MEMBER_UPDATE", {**payloads.member(world, member), **where}
        case _ if bot.id not in guild.members or not intents & GUILD_MEMBERS:
            return
        case world_events.MemberJoined():
            yield "GUILD_MEMBER_ADD", {**payloads.member(world, member), **where}
        case world_events.MemberChanged():
            yield "GUILD_MEMBER_UPDATE", {**payloads.member(world, member), **where}
        case world_events.MemberLeft():
            yield "GUILD_MEMBER_REMOVE", {**where, "user": payloads.user(world.accounts[member.user_id])}
