"""Converts openab's configuration, and collects its settings without a counterpart. Pure.

Source of the keys: openab's example configurations and its reference, of version 0.8 and later. An unknown key is
listed like those without a counterpart: every key is accounted for.
"""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any

from bot.cli.init.config_template import TOKEN
from bot.config.document import VARIABLE
from bot.config.presets import PRESETS

from .texts import openab as texts

_SAME_MEANING = {
    "discord.allow_dm": "access.dm",
    "discord.allowed_role_ids": "threads.mention_roles",
    "discord.trusted_bot_ids": "threads.trusted_bots",
    "agent.args": "agents.default.args",
    "agent.env": "agents.default.env",
    "agent.inherit_env": "agents.default.inherit_env",
    "pool.max_sessions": "pool.max_agents",
    "reactions.enabled": "reactions.enabled",
}
"""Keys whose values have the same meaning here."""

_CHOICES = {
    "discord.allow_bot_messages": (
        "threads.bots",
        {"off": "off", "none": "off", "false": "off", "mentions": "mentions", "all": "all", "true": "all"},
    ),
    "discord.allow_user_messages": (
        "threads.mention",
        {"involved": "involved", "mentions": "mentions", "multibot-mentions": "shared"},
    ),
    "markdown.tables": ("reply.tables", {"code": "code", "bullets": "bullets", "off": "off"}),
    "reactions.tool_display": (
        "reply.tools",
        {"full": "full", "compact": "compact", "none": "off", "off": "off", "hidden": "off"},
    ),
}
"""Keys with a fixed set of words, and our word for each. openab ignores case, and takes `_` for `-`."""
_SECRET = re.compile(r"\$\{secrets\.([^}]+)\}")
MOST = 1000
"""The largest allowed number of agents, and of bots' turns."""


@dataclass
class Translation:
    """Our tables, by dotted name, and the report: each key of the old file once, then advice."""

    tables: dict[str, dict[str, Any]] = field(default_factory=dict)
    converted: list[str] = field(default_factory=list)
    unsupported: list[str] = field(default_factory=list)
    """Keys without a counterpart."""
    advice: list[str] = field(default_factory=list)
    token: str = ""
    """The bot's token, if the old file contains it; it belongs into the file of variables."""

    def put(self, ours: str, value: Any, theirs: str = "") -> None:
        """Set a key of ours; `theirs` is the source of the value."""
        table, _, key = ours.rpartition(".")
        self.tables.setdefault(table, {})[key] = value
        if theirs:
            self.converted.append(f"{theirs} -> {ours}")


def translate(old: Mapping[str, Any]) -> Translation:
    """Translate a parsed file. Where openab's default is everybody, the result allows the owner alone."""
    done = Translation()
    given = {theirs: _with_variables(value) for theirs, value in _flat(old)}
    if any(theirs.startswith("secrets.refs.") for theirs in given):
        done.advice.append(texts.SECRETS)
    _discord(given, done)
    _agent(given, done)
    _pool(given, done)
    if (removed := given.pop("reactions.remove_after_reply", None)) is not None:
        done.put("reactions.keep", not removed, "reactions.remove_after_reply")
    for theirs, ours in _SAME_MEANING.items():
        if theirs in given:
            done.put(ours, given.pop(theirs), theirs)
    for theirs in given:
        reasons = (texts.REASONS[prefix] for prefix in _prefixes(theirs) if prefix in texts.REASONS)
        reason = next(reasons, texts.UNKNOWN)
        done.unsupported.append(f"{theirs}: {reason}")
    return done


def _flat(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in table.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict) and name != "agent.env":
            yield from _flat(value, f"{name}.")
        else:
            yield name, value


def _with_variables(value: Any) -> Any:
    """Turn openab's secrets into variables."""
    match value:
        case str():
            return _SECRET.sub(lambda found: f"${{{re.sub(r'[^A-Za-z0-9_]', '_', found[1]).upper()}}}", value)
        case list():
            return [_with_variables(each) for each in value]
        case dict():
            return {key: _with_variables(each) for key, each in value.items()}
        case _:
            return value


def _prefixes(key: str) -> Iterator[str]:
    parts = key.split(".")
    return (".".join(parts[:count]) for count in range(len(parts), 0, -1))


def _discord(given: dict[str, Any], done: Translation) -> None:
    token = given.pop("discord.bot_token", "")
    if VARIABLE.fullmatch(token):
        done.put("discord.token", token, "discord.bot_token")
    else:
        done.put("discord.token", f"${{{TOKEN}}}", "discord.bot_token")
        done.token = "" if "${" in token else token
        if not done.token:
            done.advice.append(texts.token_variable(TOKEN))
    _allowed(given, done, "channels", [], texts.ALL_CHANNELS)
    _allowed(given, done, "users", ["owner"], texts.ALL_USERS)
    _convert_choices(given, done)
    bots, trusted = done.tables.get("threads", {}).get("bots", "off"), given.get("discord.trusted_bot_ids")
    if bots != "off" and not trusted:
        done.advice.append(texts.ANY_BOT)
    if bots == "off" and trusted:
        done.advice.append(texts.TRUSTED_BOTS)
    if (turns := given.pop("discord.max_bot_turns", None)) is not None:
        done.put("threads.bot_turns", _bounded("threads.bot_turns", int(turns), MOST, done), "discord.max_bot_turns")


def _convert_choices(given: dict[str, Any], done: Translation) -> None:
    for theirs, (ours, known) in _CHOICES.items():
        if (word := given.pop(theirs, None)) is None:
            continue
        if (same := known.get(word.lower().replace("_", "-"))) is not None:
            done.put(ours, same, theirs)
        else:
            done.unsupported.append(f"{theirs}: {texts.unknown_value(word)}")


def _allowed(given: dict[str, Any], done: Translation, what: str, instead: list[str], advice: str) -> None:
    """Convert a list of users or channels; `instead` replaces "all", which an empty list means in openab too."""
    every, some = f"discord.allow_all_{what}", f"discord.allowed_{what}"
    listed, allowed = given.get(some, []), given.get(every)
    if not listed if allowed is None else allowed:
        done.advice.append(advice)
        if listed:
            done.unsupported.append(f"{some}: {texts.ignored(every)}")
            del given[some]
        listed = instead
    done.put(f"access.{what}", listed)
    done.converted += [f"{theirs} -> access.{what}" for theirs in (some, every) if given.pop(theirs, None) is not None]


def _agent(given: dict[str, Any], done: Translation) -> None:
    command, args = given.pop("agent.command", ""), given.get("agent.args", [])
    if not command:
        done.advice.append(texts.AGENT_FROM_VARIABLE)
    name = PurePath(command).name
    if name in {"claude", "codex"}:
        done.advice.append(texts.no_acp(name))
    preset = next((key for key, each in PRESETS.items() if (each.command, each.args) == (name, tuple(args))), "")
    if preset:
        given.pop("agent.args", None)
        done.put("agents.default.preset", preset, "agent.command")
    if command != name or not preset:
        done.put("agents.default.command", command or "openab-agent", "agent.command" if command and not preset else "")
    working_dir = "agent.working_dir" if "agent.working_dir" in given else ""
    done.put("agents.default.cwd", given.pop("agent.working_dir", "~"), working_dir)
    unasked = [arg for arg in args if any(word in arg for word in ("trust", "yolo", "bypass", "dangerous"))]
    if unasked:
        done.advice.append(texts.acts_unasked(unasked))
    done.advice.append(texts.PERMISSION)


def _pool(given: dict[str, Any], done: Translation) -> None:
    if (agents := given.get("pool.max_sessions")) is not None:
        given["pool.max_sessions"] = _bounded("pool.max_agents", int(agents), MOST, done)
    if (hours := given.pop("pool.session_ttl_hours", None)) is not None:
        minutes = _bounded("pool.idle_minutes", float(hours) * 60, math.inf, done)
        done.put("pool.idle_minutes", minutes, "pool.session_ttl_hours")
    if (seconds := given.pop("pool.prompt_hard_timeout_secs", None)) is not None:
        minutes = _bounded("agents.default.ceiling_minutes", float(seconds) / 60, math.inf, done)
        done.put("agents.default.ceiling_minutes", minutes, "pool.prompt_hard_timeout_secs")
    if (mode := given.pop("pool.default_config_options.mode", None)) is not None:
        done.put("agents.default.mode", mode, "pool.default_config_options.mode")
        done.advice.append(texts.asking_mode(mode))


def _bounded(ours: str, value: float, most: float, done: Translation) -> float:
    """Return the nearest allowed value, at least 1, and advise where it differs."""
    allowed = type(value)(min(max(value, 1), most))
    if allowed != value:
        done.advice.append(texts.bounded(ours, value, allowed))
    return allowed
