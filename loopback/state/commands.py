"""Application commands: their registration, and the data of their use. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from . import field_types, world_events
from .entities import Account, Bot, Channel, Json, Role
from .errors import FormErrors, invalid
from .world import World

NAME_LENGTH: Final = 32
DESCRIPTION_LENGTH: Final = 100
OPTIONS: Final = 25
SLASH: Final = 1
USER_MENU: Final = 2
MESSAGE_MENU: Final = 3
SUB_COMMANDS: Final = (1, 2)
STRING: Final = 3
INTEGER: Final = 4
BOOLEAN: Final = 5
USER: Final = 6
CHANNEL: Final = 7
ROLE: Final = 8
NUMBER: Final = 10

_EXPECTED: Final[dict[int, tuple[type, ...]]] = {
    STRING: (str,),
    INTEGER: (int,),
    BOOLEAN: (bool,),
    NUMBER: (int, float),
}

Value = str | int | float | bool | Account | Channel | Role


def register(world: World, bot: Bot, guild_id: int | None, bodies: list[Json]) -> list[Json]:
    """Replace the bot's commands, global or of one guild. An unchanged name keeps its id. Raises 50035."""
    problems = FormErrors()
    field_types.check(bodies, ["command"], problems)
    problems.check()
    for index, body in enumerate(bodies):
        _check(body, (index,), problems)
    problems.check()
    old = {(one["type"], one["name"]): one["id"] for one in bot.commands.get(guild_id, [])}
    made = []
    for body in bodies:
        kind = body.get("type") or SLASH
        command_id = old.get((kind, body["name"])) or str(world.snowflake())
        made.append(_command(world, bot, guild_id, body, kind, command_id))
    bot.commands[guild_id] = made
    world.emit(world_events.CommandsChanged(bot))
    return made


def _check(body: Json, path: tuple[str | int, ...], problems: FormErrors) -> None:
    name = body.get("name")
    slash = (body.get("type") or SLASH) == SLASH
    fits = isinstance(name, str) and 1 <= len(name) <= NAME_LENGTH
    if not fits or (slash and (name != str(name).lower() or " " in str(name))):
        problems.add((*path, "name"), "APPLICATION_COMMAND_INVALID_NAME", "Command name is invalid")
    description = body.get("description") or ""
    if slash and not 1 <= len(description) <= DESCRIPTION_LENGTH:
        message = f"Must be between 1 and {DESCRIPTION_LENGTH} in length."
        problems.add((*path, "description"), "BASE_TYPE_BAD_LENGTH", message)
    options = body.get("options") or []
    if len(options) > OPTIONS:
        problems.add((*path, "options"), "BASE_TYPE_MAX_LENGTH", f"Must be {OPTIONS} or fewer in length.")
    for index, option in enumerate(options):
        _check({**option, "type": SLASH}, (*path, "options", index), problems)


def _command(world: World, bot: Bot, guild_id: int | None, body: Json, kind: int, command_id: str) -> Json:
    permissions = body.get("default_member_permissions")
    command: Json = {
        "id": command_id,
        "application_id": str(bot.application_id),
        "version": str(world.snowflake()),
        "default_member_permissions": None if permissions is None else str(permissions),  # Taken as a number too.
        "type": kind,
        "name": body["name"],
        "name_localizations": body.get("name_localizations"),
        "description": body.get("description") or "",
        "description_localizations": body.get("description_localizations"),
        "nsfw": bool(body.get("nsfw")),
        "options": body.get("options") or [],
    }
    if guild_id is not None:
        command["guild_id"] = str(guild_id)
    else:
        command["contexts"] = body.get("contexts")
        # The application's setting. A new one can be installed to servers and to accounts.
        command["integration_types"] = body.get("integration_types") or [0, 1]
        command["dm_permission"] = body.get("dm_permission", True) is not False
    return command


@dataclass(frozen=True)
class AvailableCommand:
    """A command that a person may use, and its bot."""

    bot: Bot
    command: Json


def available(world: World, channel: Channel, kind: int) -> list[AvailableCommand]:
    """Return the commands of one kind that the channel's bots have; a guild's own hides a global one of its name."""
    guild, guild_id = world.guild_of(channel), channel.guild_id
    members = channel.recipient_ids if guild is None else guild.members
    found = []
    for bot in world.bots_by_application.values():
        if bot.id not in members:
            continue
        own = bot.commands.get(guild_id, []) if guild_id is not None else []
        hidden = {(one["type"], one["name"]) for one in own}
        shared = [one for one in bot.commands.get(None, []) if (one["type"], one["name"]) not in hidden]
        if guild_id is None:
            shared = [one for one in shared if one.get("dm_permission", True)]
        found += [AvailableCommand(bot, one) for one in (*own, *shared) if one["type"] == kind]
    return found


def slash_data(
    found: AvailableCommand, path: list[str], values: Mapping[str, Value], focused: str | None = None
) -> Json:
    """Return a slash command's interaction data. `path` names sub-commands, `focused` the option being typed.

    Raises 50035 for an unknown or missing option and for a value of the wrong kind or outside the choices: Discord's
    client prevents all of these.
    """
    options = found.command["options"]
    nesting = []
    for step in path:
        inner = next((one for one in options if one["type"] in SUB_COMMANDS and one["name"] == step), None)
        if inner is None:
            raise invalid(("options",), "APPLICATION_COMMAND_INVALID_OPTION", f"no sub-command {step!r}")
        nesting.append(inner)
        options = inner.get("options") or []
    filled = _fill(options, values, focused)
    for inner in reversed(nesting):
        filled = [{"name": inner["name"], "type": inner["type"], "options": filled}]
    data = {"id": found.command["id"], "name": found.command["name"], "type": SLASH, "options": filled}
    if "guild_id" in found.command:
        data["guild_id"] = found.command["guild_id"]
    return data


def _fill(options: list[Json], values: Mapping[str, Value], focused: str | None) -> list[Json]:
    known = {one["name"]: one for one in options}
    for name in values:
        if name not in known:
            message = f"no option {name!r} in {sorted(known)}"
            raise invalid(("options", name), "APPLICATION_COMMAND_INVALID_OPTION", message)
    filled: list[Json] = []
    for name, option in known.items():
        if name not in values:
            if option.get("required") and focused is None:
                raise invalid(("options", name), "BASE_TYPE_REQUIRED", "This field is required")
            continue
        value = _value(option, values[name], typing=name == focused)
        one = {"name": name, "type": option["type"], "value": value}
        filled.append({**one, "focused": True} if name == focused else one)
    return filled


def _value(option: Json, value: Value, *, typing: bool) -> str | int | float | bool:
    if isinstance(value, Account | Channel | Role):
        return str(value.id)
    expected = _EXPECTED.get(option["type"])
    if typing:
        return value
    if expected is not None and not isinstance(value, expected):
        raise invalid(("options", option["name"]), "BASE_TYPE_CONVERT", f"{value!r} is not of type {option['type']}")
    choices = [one["value"] for one in option.get("choices") or ()]
    if choices and value not in choices:
        raise invalid(("options", option["name"]), "BASE_TYPE_CHOICES", f"Value must be one of {choices}.")
    return value


def named_ids(options: list[Json], kind: int) -> list[int]:
    """Return the ids in filled options of one kind (USER, CHANNEL, ROLE), sub-commands included."""
    found = []
    for option in options:
        if option["type"] == kind:
            found.append(int(option["value"]))
        found += named_ids(option.get("options") or [], kind)
    return found
