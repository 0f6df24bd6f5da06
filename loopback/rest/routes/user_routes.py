"""The bot's own user, other users, the address of the gateway, and the sounds that every server has."""

from __future__ import annotations

import math
from typing import Any, Final

from loopback.payloads import objects as payloads
from loopback.rest.rate_limits import Limit
from loopback.state.entities import Json
from loopback.state.errors import DiscordError, Reason, invalid

from .route import Call, Route

USERNAME_LENGTH: Final = 32
MAX_CONCURRENCY: Final = 1


def _get_me(call: Call) -> Json:
    return payloads.own_user(call.bot)


def _patch_me(call: Call) -> Json:
    call.bot.name = str(call.fields.get("username") or call.bot.name)[:USERNAME_LENGTH]
    return payloads.own_user(call.bot)


def _get_user(call: Call) -> Json:
    return payloads.user(call.world.account(call.id("user_id")))


def _get_application(call: Call) -> Json:
    return payloads.application(call.world, call.bot)


def _patch_application(call: Call) -> Json:
    """Change the flags of the privileged intents. Other settings are ignored."""
    flags = call.fields.get("flags")
    if flags is not None:
        if not isinstance(flags, int) or isinstance(flags, bool):
            raise invalid(("flags",), "NUMBER_TYPE_COERCE", f'Value "{flags}" is not int.')
        call.bot.allowed_intents = payloads.intents_allowed(call.bot.allowed_intents, flags)
    return payloads.application(call.world, call.bot)


def _get_my_guilds(call: Call) -> list[Json]:
    found = [guild for guild in call.world.guilds.values() if call.bot.id in guild.members]
    keys = ("id", "name", "icon", "banner", "features")
    return [
        {
            **{key: payloads.guild(guild)[key] for key in keys},
            "owner": guild.owner_id == call.bot.id,
            "permissions": "0",
        }
        for guild in found
    ]


def _post_dm(call: Call) -> Json:
    recipient = call.world.account(call.given("recipient_id"))
    if recipient is call.bot:
        raise DiscordError(Reason.CANNOT_SEND_TO_USER)
    channel = call.world.direct(call.bot.id, recipient.id)
    return payloads.channel(call.world, channel, call.bot.id)


def _get_gateway(call: Call) -> dict[str, Any]:
    return {"url": call.world.gateway_url}


def _get_gateway_bot(call: Call) -> dict[str, Any]:
    left, seconds = call.limits.starts_left(call.bot.id)
    starts = {
        "total": call.limits.rule(Limit.IDENTIFIES).limit,
        "remaining": left,
        "reset_after": math.ceil(seconds * 1000),
        "max_concurrency": MAX_CONCURRENCY,
    }
    return {**_get_gateway(call), "shards": 1, "session_start_limit": starts}


def _get_default_sounds(_call: Call) -> list[Json]:
    """Return none. Pycord asks for them before it is ready."""
    return []


ROUTES: tuple[Route, ...] = (
    Route("GET", "/users/@me", _get_me),
    Route("PATCH", "/users/@me", _patch_me),
    Route("GET", "/users/@me/guilds", _get_my_guilds),
    Route("POST", "/users/@me/channels", _post_dm),
    Route("GET", "/users/{user_id}", _get_user),
    Route("GET", "/oauth2/applications/@me", _get_application),
    Route("GET", "/applications/@me", _get_application),
    Route("PATCH", "/applications/@me", _patch_application),
    Route("GET", "/gateway", _get_gateway, needs_token=False),
    Route("GET", "/gateway/bot", _get_gateway_bot),
    Route("GET", "/soundboard-default-sounds", _get_default_sounds),
)
