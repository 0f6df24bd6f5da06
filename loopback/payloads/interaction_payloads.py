"""Interactions in Discord's JSON: the bot's event, and the response to its callback. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from loopback.state import commands
from loopback.state.components import SELECTS, walk
from loopback.state.entities import Interaction, Json
from loopback.state.world import World

from . import message_payloads
from . import objects as payloads

ATTACHMENT_LIMIT: Final = 10 * 1024 * 1024


def created(world: World, one: Interaction) -> Json:
    """Return the interaction as the bot gets it."""
    place = world.channels[one.channel_id]
    resolved = _resolved(world, one)
    data = {**one.data, "resolved": resolved} if resolved else one.data
    payload: Json = {
        "id": str(one.id),
        "application_id": str(one.bot.application_id),
        "type": int(one.type),
        "token": one.token,
        "version": 1,
        "data": data,
        "channel_id": str(one.channel_id),
        "channel": {
            **payloads.channel(world, place, one.bot.id),
            "permissions": str(int(world.permissions(place, one.user_id))),
        },
        "locale": "en-US",
        "entitlements": [],
        "authorizing_integration_owners": {"0": str(one.guild_id or 0)},
        "context": 0 if one.guild_id is not None else 1,
        "attachment_size_limit": ATTACHMENT_LIMIT,
        "app_permissions": str(int(world.permissions(place, one.bot.id))),
    }
    if one.message is not None and one.data.get("type") != commands.MESSAGE_MENU:
        payload["message"] = message_payloads.message(world, one.message, one.bot.id)
    account = world.accounts[one.user_id]
    if one.guild_id is None:
        payload["user"] = payloads.user(account)
        return payload
    home = world.guilds[one.guild_id]
    payload["guild_id"] = str(one.guild_id)
    payload["guild"] = {"id": str(one.guild_id), "locale": "en-US", "features": []}
    payload["guild_locale"] = "en-US"
    payload["member"] = {
        **payloads.member(world, home.members[one.user_id]),
        "permissions": str(int(world.permissions(place, one.user_id))),
    }
    return payload


def answered(world: World, one: Interaction) -> Json:
    """Return the callback's response, which `with_response` asks for."""
    about: Json = {"id": str(one.id), "type": int(one.type), "channel_id": str(one.channel_id)}
    if one.guild_id is not None:
        about["guild_id"] = str(one.guild_id)
    kind = (one.response or {}).get("type")
    if one.original is None:
        return {"interaction": about}
    about["response_message_id"] = str(one.original.id)
    about["response_message_loading"] = one.loading
    about["response_message_ephemeral"] = one.original.ephemeral_to is not None
    return {
        "interaction": about,
        "resource": {"type": kind, "message": message_payloads.message(world, one.original, one.bot.id)},
    }


def _resolved(world: World, one: Interaction) -> Json:
    """Return the objects of the ids in the interaction's data."""
    options = one.data.get("options") or []
    chosen = [int(value) for value in one.data.get("values") or () if value.isdigit()] if _chooses_ids(one) else []
    for _, field in walk(one.data.get("components") or []):
        if field.get("type") in SELECTS - {3}:
            chosen += [int(value) for value in field.get("values") or ()]
    target = [int(one.data["target_id"])] if one.data.get("type") == commands.USER_MENU else []
    people = (*commands.named_ids(options, commands.USER), *chosen, *target)
    found: Json = _people(world, one.guild_id, people)
    places = (*commands.named_ids(options, commands.CHANNEL), *chosen)
    channels = {str(key): world.channels[key] for key in places if key in world.channels}
    if channels:
        found["channels"] = {
            key: {
                **payloads.channel(world, each, one.bot.id),
                "permissions": str(int(world.permissions(each, one.user_id))),
            }
            for key, each in channels.items()
        }
    known = world.guilds[one.guild_id].roles if one.guild_id is not None else {}
    roles = (*commands.named_ids(options, commands.ROLE), *chosen)
    if named := {str(key): payloads.role(known[key]) for key in roles if key in known}:
        found["roles"] = named
    if one.data.get("type") == commands.MESSAGE_MENU and one.message is not None:
        found["messages"] = {str(one.message.id): message_payloads.message(world, one.message, one.bot.id)}
    return found


def _chooses_ids(one: Interaction) -> bool:
    return one.data.get("component_type") in SELECTS - {3}


def _people(world: World, guild_id: int | None, user_ids: Iterable[int]) -> Json:
    accounts = [world.accounts[user_id] for user_id in user_ids if user_id in world.accounts]
    if not accounts:
        return {}
    found: Json = {"users": {str(account.id): payloads.user(account) for account in accounts}}
    if guild_id is not None:
        members = world.guilds[guild_id].members
        found["members"] = {
            str(account.id): {**payloads.partial_member(members[account.id]), "permissions": "0"}
            for account in accounts
            if account.id in members
        }
    return found
