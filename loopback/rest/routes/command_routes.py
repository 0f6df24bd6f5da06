"""A bot's application commands, global and per guild."""

from __future__ import annotations

from typing import Final

from loopback.state import commands
from loopback.state.entities import Json
from loopback.state.errors import DiscordError, Reason

from .route import Call, Route

_GLOBAL: Final = "/applications/{application_id}/commands"
_GUILD: Final = "/applications/{application_id}/guilds/{guild_id}/commands"


def _scope(call: Call) -> int | None:
    if call.id("application_id") != call.bot.application_id:
        raise DiscordError(Reason.MISSING_ACCESS)
    if "guild_id" not in call.names:
        return None
    guild_id = call.id("guild_id")
    if call.bot.id not in call.world.guilds[guild_id].members if guild_id in call.world.guilds else True:
        raise DiscordError(Reason.MISSING_ACCESS)
    return guild_id


def _get_commands(call: Call) -> list[Json]:
    return call.bot.commands.get(_scope(call), [])


def _put_commands(call: Call) -> list[Json]:
    bodies = call.body if isinstance(call.body, list) else []
    return commands.register(call.world, call.bot, _scope(call), bodies)


def _post_command(call: Call) -> Json:
    scope, body = _scope(call), call.fields
    same = (body.get("name"), body.get("type") or commands.SLASH)
    others = [one for one in call.bot.commands.get(scope, []) if (one["name"], one["type"]) != same]
    return commands.register(call.world, call.bot, scope, [*others, body])[-1]


def _get_command(call: Call) -> Json:
    for command in call.bot.commands.get(_scope(call), []):
        if command["id"] == call.names["command_id"]:
            return command
    raise DiscordError(Reason.UNKNOWN_COMMAND)


def _patch_command(call: Call) -> Json:
    command, scope = _get_command(call), _scope(call)
    bodies = [{**one, **call.fields} if one is command else one for one in call.bot.commands[scope]]
    index = call.bot.commands[scope].index(command)
    return commands.register(call.world, call.bot, scope, bodies)[index]


def _delete_command(call: Call) -> None:
    command, scope = _get_command(call), _scope(call)
    commands.register(call.world, call.bot, scope, [one for one in call.bot.commands[scope] if one is not command])


ROUTES: tuple[Route, ...] = tuple(
    route
    for scope in (_GLOBAL, _GUILD)
    for route in (
        Route("GET", scope, _get_commands),
        Route("PUT", scope, _put_commands),
        Route("POST", scope, _post_command, status=201),
        Route("GET", scope + "/{command_id}", _get_command),
        Route("PATCH", scope + "/{command_id}", _patch_command),
        Route("DELETE", scope + "/{command_id}", _delete_command),
    )
)
