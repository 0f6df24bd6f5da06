"""Threads: open them, list them, and manage their members."""

from __future__ import annotations

from typing import Final

from loopback.payloads import message_payloads
from loopback.payloads import objects as payloads
from loopback.rest.rate_limits import Limit
from loopback.state import drafts, membership, threads
from loopback.state.entities import ChannelType, Json, Thread
from loopback.state.errors import DiscordError, Reason
from loopback.state.permissions import Permission

from .route import Call, Route

ARCHIVED_PAGE: Final = 100
MEMBERS_PAGE: Final = 100


def _open_on_message(call: Call) -> Json:
    thread = threads.open_on(call.world, call.message(), call.bot.id, call.fields)
    return payloads.thread(thread, call.bot.id)


def _open_in_channel(call: Call) -> Json:
    first = None
    if "message" in call.fields:
        first = drafts.read(call.fields["message"], call.uploads, call.world.rules)
    thread = threads.open_in(call.world, call.channel(), call.bot.id, call.fields, first)
    payload = payloads.thread(thread, call.bot.id)
    if first is not None and thread.id in thread.messages:
        payload["message"] = message_payloads.message(call.world, thread.messages[thread.id], call.bot.id)
    return payload


def _thread(call: Call) -> Thread:
    return threads.thread_of(call.world, call.id("channel_id"), call.bot.id)


def _get_members(call: Call) -> list[Json]:
    thread = _thread(call)
    page = sorted(thread.members)[: call.limit(MEMBERS_PAGE, MEMBERS_PAGE)]
    return [_member(call, thread, user_id) for user_id in page]


def _get_member(call: Call) -> Json:
    thread, user_id = _thread(call), call.id("user_id")
    if user_id not in thread.members:
        raise DiscordError(Reason.UNKNOWN_MEMBER)
    return _member(call, thread, user_id)


def _member(call: Call, thread: Thread, user_id: int) -> Json:
    payload = payloads.thread_member(thread, user_id)
    member = call.world.guilds[thread.guild_id or 0].members.get(user_id)
    if call.flag("with_member") and member is not None:
        payload["member"] = payloads.member(call.world, member)
    return payload


def _put_member(call: Call) -> None:
    threads.add(call.world, _thread(call), call.bot.id, call.id("user_id"))


def _delete_member(call: Call) -> None:
    threads.remove(call.world, _thread(call), call.bot.id, call.id("user_id"))


def _listing(call: Call, found: list[Thread], *, has_more: bool) -> Json:
    mine = [thread for thread in found if call.bot.id in thread.members]
    return {
        "threads": [payloads.thread(thread, call.bot.id) for thread in found],
        "members": [payloads.thread_member(thread, call.bot.id) for thread in mine],
        "has_more": has_more,
    }


def _get_active(call: Call) -> Json:
    guild = call.world.guild(call.id("guild_id"), call.bot.id)
    found = [call.world.channels[channel_id] for channel_id in guild.channel_ids]
    active = [one for one in found if isinstance(one, Thread) and not one.archived]
    seen = [one for one in active if call.world.permissions(one, call.bot.id) & Permission.VIEW_CHANNEL]
    return _listing(call, seen[::-1], has_more=False)


def _get_archived_public(call: Call) -> Json:
    return _archived(call, private=False, joined=False)


def _get_archived_private(call: Call) -> Json:
    call.channel(Permission.MANAGE_THREADS)
    return _archived(call, private=True, joined=False)


def _get_archived_joined(call: Call) -> Json:
    return _archived(call, private=True, joined=True)


def _archived(call: Call, *, private: bool, joined: bool) -> Json:
    channel = call.channel(Permission.READ_MESSAGE_HISTORY)
    found = [
        thread
        for thread in call.world.threads_of(channel)
        if thread.archived
        and (thread.type == ChannelType.PRIVATE_THREAD) == private
        and (not joined or call.bot.id in thread.members)
    ]
    found.sort(key=lambda thread: thread.archive_changed, reverse=True)
    if before := call.query.get("before"):
        found = [thread for thread in found if payloads.moment(thread.archive_changed) < before.replace("Z", "+00:00")]
    limit = call.limit(ARCHIVED_PAGE, ARCHIVED_PAGE)
    return _listing(call, found[:limit], has_more=len(found) > limit)


def _leave(call: Call) -> None:
    membership.dismiss(call.world, _thread(call), call.bot.id)


_ON_MESSAGE: Final = "/channels/{channel_id}/messages/{message_id}/threads"

ROUTES: tuple[Route, ...] = (
    Route("POST", _ON_MESSAGE, _open_on_message, status=201, limit=Limit.THREADS),
    Route("POST", "/channels/{channel_id}/threads", _open_in_channel, status=201, limit=Limit.THREADS),
    Route("GET", "/channels/{channel_id}/thread-members", _get_members),
    Route("DELETE", "/channels/{channel_id}/thread-members/@me", _leave),
    Route("GET", "/channels/{channel_id}/thread-members/{user_id}", _get_member),
    Route("PUT", "/channels/{channel_id}/thread-members/{user_id}", _put_member),
    Route("DELETE", "/channels/{channel_id}/thread-members/{user_id}", _delete_member),
    Route("GET", "/guilds/{guild_id}/threads/active", _get_active),
    Route("GET", "/channels/{channel_id}/threads/archived/public", _get_archived_public),
    Route("GET", "/channels/{channel_id}/threads/archived/private", _get_archived_private),
    Route("GET", "/channels/{channel_id}/users/@me/threads/archived/private", _get_archived_joined),
)
