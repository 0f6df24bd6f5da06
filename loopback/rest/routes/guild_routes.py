"""Guilds, their channels, roles and members."""

from __future__ import annotations

from typing import Final

from loopback.payloads import objects as payloads
from loopback.state import permissions, threads, world_events
from loopback.state.entities import ChannelType, Guild, Json, Thread
from loopback.state.errors import DiscordError, Reason
from loopback.state.permissions import Permission

from .route import Call, Route

MEMBERS_PAGE: Final = 1000


def _guild(call: Call) -> Guild:
    return call.world.guild(call.id("guild_id"), call.bot.id)


def _get_guild(call: Call) -> Json:
    return payloads.guild(_guild(call))


def _get_channels(call: Call) -> list[Json]:
    found = [call.world.channels[channel_id] for channel_id in _guild(call).channel_ids]
    return [payloads.channel(call.world, one, call.bot.id) for one in found if not isinstance(one, Thread)]


def _post_channel(call: Call) -> Json:
    guild = _guild(call)
    if not permissions.in_guild(guild, call.bot.id) & Permission.MANAGE_CHANNELS:
        raise DiscordError(Reason.MISSING_PERMISSIONS)
    kind, name = call.fields.get("type") or ChannelType.TEXT, threads.name_of(call.fields)
    channel = call.world.add_channel(guild, name, kind=kind, topic=call.fields.get("topic"))
    return payloads.channel(call.world, channel, call.bot.id)


def _get_roles(call: Call) -> list[Json]:
    return [payloads.role(role) for role in _guild(call).roles.values()]


def _get_member(call: Call) -> Json:
    member = _guild(call).members.get(call.id("user_id"))
    if member is None:
        call.world.account(call.id("user_id"))
        raise DiscordError(Reason.UNKNOWN_MEMBER)
    return payloads.member(call.world, member)


def _get_members(call: Call) -> list[Json]:
    after = call.asked("after") or 0
    members = sorted(_guild(call).members.values(), key=lambda member: member.user_id)
    page = [member for member in members if member.user_id > after][: call.limit(1, MEMBERS_PAGE)]
    return [payloads.member(call.world, member) for member in page]


def _search_members(call: Call) -> list[Json]:
    prefix = call.query.get("query", "").lower()
    members = _guild(call).members.values()
    found = [one for one in members if call.world.accounts[one.user_id].name.lower().startswith(prefix)]
    return [payloads.member(call.world, member) for member in found[: call.limit(1, MEMBERS_PAGE)]]


def _patch_my_member(call: Call) -> Json:
    guild = _guild(call)
    member = guild.members[call.bot.id]
    member.nick = call.fields.get("nick", member.nick)
    call.world.emit(world_events.MemberChanged(guild, member))
    return payloads.member(call.world, member)


ROUTES: tuple[Route, ...] = (
    Route("GET", "/guilds/{guild_id}", _get_guild),
    Route("GET", "/guilds/{guild_id}/channels", _get_channels),
    Route("POST", "/guilds/{guild_id}/channels", _post_channel, status=201),
    Route("GET", "/guilds/{guild_id}/roles", _get_roles),
    Route("GET", "/guilds/{guild_id}/members", _get_members),
    Route("GET", "/guilds/{guild_id}/members/search", _search_members),
    Route("PATCH", "/guilds/{guild_id}/members/@me", _patch_my_member),
    Route("GET", "/guilds/{guild_id}/members/{user_id}", _get_member),
)
