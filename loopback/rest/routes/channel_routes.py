"""Channels: read, change, delete, type."""

from __future__ import annotations

from loopback.payloads import objects as payloads
from loopback.rest.rate_limits import Limit
from loopback.state import threads, world_events
from loopback.state.entities import ChannelType, Json, Thread
from loopback.state.errors import DiscordError, Reason
from loopback.state.permissions import Permission

from .route import Call, Route


def _get_channel(call: Call) -> Json:
    return payloads.channel(call.world, call.channel(), call.bot.id)


def _patch_channel(call: Call) -> Json:
    channel = call.channel()
    if channel.type == ChannelType.DM:
        raise DiscordError(Reason.NOT_IN_DM)
    threads.change(call.world, channel, call.bot.id, call.fields)
    return payloads.channel(call.world, channel, call.bot.id)


def _rename(call: Call) -> Limit | None:
    return Limit.RENAMES if isinstance(call.body, dict) and "name" in call.body else None


def _delete_channel(call: Call) -> Json:
    channel = call.channel()
    if channel.type == ChannelType.DM:
        raise DiscordError(Reason.NOT_IN_DM)
    needed = Permission.MANAGE_THREADS if isinstance(channel, Thread) else Permission.MANAGE_CHANNELS
    call.channel(needed)
    payload = payloads.channel(call.world, channel, call.bot.id)
    call.world.delete_channel(channel)
    return payload


def _post_typing(call: Call) -> None:
    channel = call.channel()
    in_thread = isinstance(channel, Thread)
    call.channel(Permission.SEND_MESSAGES_IN_THREADS if in_thread else Permission.SEND_MESSAGES)
    call.world.emit(world_events.TypingStarted(channel, call.bot.id))


ROUTES: tuple[Route, ...] = (
    Route("GET", "/channels/{channel_id}", _get_channel),
    Route("PATCH", "/channels/{channel_id}", _patch_channel, limit=Limit.CHANNELS, also=_rename),
    Route("DELETE", "/channels/{channel_id}", _delete_channel),
    Route("POST", "/channels/{channel_id}/typing", _post_typing),
)
