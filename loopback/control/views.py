"""The control port's view of the world as plain JSON: ids are strings, times Unix seconds, `at` monotonic seconds."""

from __future__ import annotations

from typing import Any

from loopback.payloads import message_payloads
from loopback.rest.call_log import RestCall
from loopback.rest.rate_limits import Limits
from loopback.state.entities import Bot, Channel, Json, Message, Thread, Webhook
from loopback.state.faults import Fault
from loopback.state.outcome import Outcome
from loopback.state.world import World


def message(world: World, one: Message) -> Json:
    """Return a message with its history."""
    return {
        "id": str(one.id),
        "channel": str(one.channel_id),
        "author": str(one.author_id),
        "author_name": one.author_name or world.accounts[one.author_id].name,
        "type": int(one.type),
        "content": one.content,
        "created": one.created,
        "edited": one.edited,
        "deleted": one.deleted,
        "pinned": one.pinned is not None,
        "flags": int(one.flags),
        "ephemeral_to": _id(one.ephemeral_to),
        "thread": _id(one.thread_id),
        "reply_to": _id(one.reference.message_id if one.reference else None),
        "mentions": [str(user_id) for user_id in one.mentions],
        "reactions": {emoji: [str(user_id) for user_id in users] for emoji, users in one.reactions.items()},
        "attachments": [message_payloads.attachment(world, each) for each in one.attachments],
        "embeds": one.embeds,
        "components": one.components,
        "history": [{"at": at, "content": content} for at, content in one.history],
    }


def channel(one: Channel) -> Json:
    """Return a channel, thread or DM."""
    about: Json = {
        "id": str(one.id),
        "type": int(one.type),
        "name": one.name,
        "guild": _id(one.guild_id),
        "parent": _id(one.parent_id),
    }
    if isinstance(one, Thread):
        members = [str(user_id) for user_id in one.members]
        about |= {"archived": one.archived, "locked": one.locked, "members": members}
    return about


def world(one: World) -> Json:
    """Return the whole world except messages."""
    accounts = one.accounts.values()
    return {
        "guilds": [
            {"id": str(each.id), "name": each.name, "members": [str(user_id) for user_id in each.members]}
            for each in one.guilds.values()
        ],
        "channels": [channel(each) for each in one.channels.values()],
        "people": [{"id": str(each.id), "name": each.name} for each in accounts if not isinstance(each, Bot | Webhook)],
        "bots": [{"id": str(each.id), "name": each.name} for each in accounts if isinstance(each, Bot)],
    }


def outcome(world_: World, one: Outcome) -> Json:
    """Return the outcome of a click, a choice, a form or a command."""
    return {
        "interaction": str(one.interaction.id),
        "acknowledged": one.acknowledged,
        "response": one.response,
        "message": None if one.message is None else message(world_, one.message),
        "followups": [message(world_, each) for each in one.followups],
        "choices": one.choices,
    }


def call(one: RestCall) -> Json:
    """Return a REST call of a bot."""
    return {
        "method": one.method,
        "path": one.path,
        "query": dict(one.query),
        "body": one.body,
        "files": [{"name": name, "size": size} for name, size in one.files],
        "status": one.status,
        "bot": None if one.bot is None else str(one.bot.id),
        "error": one.error,
        "fault": one.fault,
        "started_at": one.started,
        "finished_at": one.finished,
    }


def fault(one: Fault) -> Json:
    """Return a fault rule."""
    return {"fault": one.number, "rule": repr(one), "hits": one.hits, "left": one.times}


def limits(one: Limits) -> Json:
    """Return the enforced limits, and the running windows."""
    windows: list[dict[str, Any]] = [
        {
            "limit": each.limit,
            "bot": _id(each.bot_id),
            "method": each.method,
            "of": each.major,
            "left": each.left,
            "ends": each.ends,
        }
        for each in one.windows()
    ]
    return {"active": sorted(one.active), "refusals": one.refusals, "windows": windows}


def _id(value: int | None) -> str | None:
    return None if value is None else str(value)
