"""The configuration file: TOML, every key known, every error with the file, the line and the dotted key."""

import json
import os
import re
import shutil
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    SecretStr,
    ValidationError,
    model_validator,
)

from acp import Launch, environment

from .gate import People, Rules
from .presets import PRESETS, Preset
from .style import Style, Tables, Thoughts, Tools

__all__ = ["AgentConfig", "ChannelConfig", "Config", "ConfigError", "load"]

_VARIABLE = re.compile(r"\$(\$\{|\{([A-Za-z_][A-Za-z0-9_]*)\})")
_HEADER = re.compile(r"\s*\[\s*([^\[\]]+?)\s*\]\s*(?:#.*)?$")
_ASSIGNMENT = re.compile(r"""\s*((?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[A-Za-z0-9_-]+|"[^"]*"))*)\s*=""")


class ConfigError(Exception):
    """The configuration cannot be used. The text has a line for each thing that is wrong."""


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


def _snowflake(value: object) -> int:
    if isinstance(value, bool) or not re.fullmatch(r"[0-9]{1,20}", str(value)):
        raise ValueError("is not a Discord id; ids are numbers, written as text")
    return int(str(value))


def _people(value: object, *, asker: bool = False) -> People:
    if isinstance(value, People):
        return value
    if not isinstance(value, list):
        raise ValueError("must be a list")  # noqa: TRY004 - pydantic turns only ValueError into a message
    users: set[int] = set()
    roles: set[int] = set()
    words: set[str] = set()
    allowed = {"owner", "*", "asker"} if asker else {"owner", "*"}
    for number, entry in enumerate(value, start=1):
        if isinstance(entry, str) and entry in allowed:
            words.add(entry)
            continue
        role = isinstance(entry, str) and entry.startswith("role:")
        try:
            (roles if role else users).add(_snowflake(entry.removeprefix("role:") if role else entry))
        except ValueError:
            known = ", ".join(f'"{word}"' for word in sorted(allowed))
            raise ValueError(f'entry {number} is none of: a user id, "role:ID", {known}') from None
    return People(
        user_ids=frozenset(users),
        role_ids=frozenset(roles),
        owner="owner" in words,
        everyone="*" in words,
        asker="asker" in words,
        entries=tuple(map(str, value)),
    )


def _approvers(value: object) -> People:
    return _people(value, asker=True)


def _given(secret: SecretStr) -> SecretStr:
    if not secret.get_secret_value().strip():
        raise ValueError("is empty")
    return secret


def _preset(name: str) -> str:
    if name and name not in PRESETS:
        raise ValueError(f"{name!r} is no preset; there are: {', '.join(PRESETS)}")
    return name


def _address(text: str) -> str:
    match = re.fullmatch(r"(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\]):([0-9]{1,5})", text)
    if text and (match is None or int(match[1]) > 65535):
        raise ValueError('must be a host and a port, like "127.0.0.1:9464"')
    return text


def _channels(value: object) -> object:
    """Turn `["*"]` into None: all channels."""
    return None if value == ["*"] else value


def _bytes(value: object) -> object:
    """Read a size: a number of bytes, or one with KiB, MiB or GiB behind it."""
    match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)\s*([KMG]iB)?", str(value))
    if isinstance(value, bool) or match is None:
        raise ValueError('is not a size like "4GiB"; 0 is no bound')
    powers = {None: 0, "KiB": 1, "MiB": 2, "GiB": 3}
    return int(float(match[1]) * 1024 ** powers[match[2]])


Snowflake = Annotated[int, BeforeValidator(_snowflake)]
PeopleList = Annotated[People, BeforeValidator(_people)]
Approvers = Annotated[People, BeforeValidator(_approvers)]
Name = Annotated[str, Field(min_length=1)]


class DiscordConfig(_Table):
    """`[discord]`."""

    token: Annotated[SecretStr, AfterValidator(_given)]
    endpoint: Annotated[str, Field(pattern=r"^(https?://[^/\s]+)?$")] = ""
    """Base address of another Discord-compatible server; empty: Discord."""


class AccessConfig(_Table):
    """`[access]`."""

    guilds: frozenset[Snowflake] = frozenset()
    channels: Annotated[frozenset[Snowflake] | None, BeforeValidator(_channels)] = frozenset()
    users: PeopleList = Field(default_factory=lambda: _people(["owner"]))
    approvers: Approvers = Field(default_factory=lambda: _approvers(["asker"]))
    admins: PeopleList = Field(default_factory=lambda: _people(["owner"]))

    @model_validator(mode="after")
    def _guilds_bound_the_star(self) -> "AccessConfig":
        if self.channels is None and not self.guilds:
            raise ValueError('channels = ["*"] needs guilds: name the servers whose channels are meant')
        return self

    @property
    def rules(self) -> Rules:
        """The lists as the gate reads them."""
        return Rules(self.guilds, self.channels, self.users, self.approvers, self.admins)


class AgentConfig(_Table):
    """`[agents.NAME]`. What is not given comes from the preset, if one is named."""

    preset: Annotated[str, AfterValidator(_preset)] = ""
    command: Name
    args: tuple[str, ...] = ()
    cwd: Path
    env: dict[str, str] = Field(default_factory=dict)
    inherit_env: tuple[Name, ...] = ()
    permission: Literal["ask"] = "ask"
    mode: str = ""
    warm: Annotated[int, Field(ge=0, le=100)] = 0
    ceiling_minutes: Annotated[float, Field(gt=0)] = 120

    @model_validator(mode="before")
    @classmethod
    def _filled_from_preset(cls, given: Any) -> Any:
        """Fill what is not given. Variables are filled one by one: a key of one's own must not undo the others."""
        if not isinstance(given, dict) or not isinstance(name := given.get("preset"), str) or not name:
            return given
        preset = PRESETS.get(name)
        if preset is None:
            return {"command": name, **given}  # The unknown name is the mistake; a missing command would be another.
        env = given.get("env", {})
        return {
            "command": preset.command,
            "args": preset.args,
            "mode": preset.mode,
            "inherit_env": preset.inherit_env,
            **given,
            "env": {**preset.env, **env} if isinstance(env, dict) else env,
        }

    @property
    def known(self) -> Preset | None:
        """What is known of this agent beyond its settings."""
        return PRESETS.get(self.preset)

    def environment(self) -> dict[str, str]:
        """Return the whole environment that the agent gets from us, but for its marker."""
        return environment(os.environ, inherit=self.inherit_env, env=self.env)

    def launch(self) -> Launch:
        """Say how the agent is started."""
        return Launch(self.command, self.args, self.cwd, self.environment())


class AgentsConfig(_Table):
    """`[agents]`: the one that is used where nothing else is said, and others by their names."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, AgentConfig]

    default: AgentConfig

    @model_validator(mode="before")
    @classmethod
    def _named(cls, given: Any) -> Any:
        for name in given if isinstance(given, dict) else ():
            if not re.fullmatch(r"[A-Za-z0-9_-]{1,32}", name):
                raise ValueError(f"{_one_line(name)!r} is no name for an agent: up to 32 letters, digits, - and _")
        return given

    @property
    def by_name(self) -> dict[str, AgentConfig]:
        """All agents, by the NAME of their table."""
        return dict(self)


class ChannelConfig(_Table):
    """`[channels.ID]`: what is different in one channel and its threads."""

    agent: str = "default"
    agents: tuple[str, ...] = ()
    cwd: str = ""
    mode: str = ""
    permission: Literal["", "ask"] = ""


class PoolConfig(_Table):
    """`[pool]`."""

    max_agents: Annotated[int, Field(ge=1, le=1000)] = 8
    idle_minutes: Annotated[float, Field(gt=0)] = 60
    max_memory: Annotated[int, BeforeValidator(_bytes)] = 0
    per_user: Annotated[int, Field(ge=1)] = 8
    per_thread: Annotated[int, Field(ge=1)] = 50
    per_minute: Annotated[int, Field(ge=1)] = 30
    silence_seconds: Annotated[float, Field(gt=0)] = 120
    question_hours: Annotated[float, Field(gt=0)] = 4


class CatchUpConfig(_Table):
    """`[catch_up]`."""

    hours: Annotated[float, Field(gt=0, le=24 * 14)] = 24
    messages: Annotated[int, Field(ge=1, le=1000)] = 200


class ReplyConfig(_Table):
    """`[reply]`."""

    tables: Tables = "code"
    tools: Tools = "compact"
    thoughts: Thoughts = "off"
    max_pages: Annotated[int, Field(ge=0, le=100)] = 8
    long_code_lines: Annotated[int, Field(ge=0, le=10_000)] = 200

    def style(self, directory: Path) -> Style:
        """Return how replies look whose session works in `directory`."""
        return Style(
            tables=self.tables,
            tools=self.tools,
            thoughts=self.thoughts,
            max_pages=self.max_pages,
            long_code_lines=self.long_code_lines,
            directory=str(directory),
        )


class ReactionsConfig(_Table):
    """`[reactions]`."""

    enabled: bool = True


class ThreadsConfig(_Table):
    """`[threads]`."""

    auto_archive_minutes: Literal[60, 1440, 4320, 10080] = 4320


class JournalConfig(_Table):
    """`[journal]`."""

    path: str = ""

    @property
    def file(self) -> Path:
        """Where the journal is."""
        if self.path:
            return _at_home(Path(self.path))
        state = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
        return _at_home(Path(state)) / "threadline" / "threadline.db"


class MetricsConfig(_Table):
    """`[metrics]`."""

    listen: Annotated[str, AfterValidator(_address)] = ""

    @property
    def address(self) -> tuple[str, int] | None:
        """Host and port, where something is to be served."""
        host, _, port = self.listen.rpartition(":")
        return (host.strip("[]"), int(port)) if self.listen else None


class Config(_Table):
    """The whole file."""

    discord: DiscordConfig
    access: AccessConfig = Field(default_factory=AccessConfig)
    agents: AgentsConfig
    channels: dict[Snowflake, ChannelConfig] = Field(default_factory=dict)
    pool: PoolConfig = Field(default_factory=PoolConfig)
    catch_up: CatchUpConfig = Field(default_factory=CatchUpConfig)
    reply: ReplyConfig = Field(default_factory=ReplyConfig)
    reactions: ReactionsConfig = Field(default_factory=ReactionsConfig)
    threads: ThreadsConfig = Field(default_factory=ThreadsConfig)
    journal: JournalConfig = Field(default_factory=JournalConfig)
    metrics: MetricsConfig = Field(default_factory=MetricsConfig)

    @property
    def secrets(self) -> tuple[str, ...]:
        """Values that must appear in no log and no message."""
        return (self.discord.token.get_secret_value(),)

    _file: Path = PrivateAttr(default_factory=Path)

    @property
    def own_files(self) -> tuple[Path, ...]:
        """The bot's own files, which no agent may have posted."""
        journal = self.journal.file
        beside = (journal.with_name(journal.name + suffix) for suffix in ("-wal", "-shm", ".lock"))
        return (self._file, journal, *beside)

    def warnings(self) -> list[str]:
        """Return what is allowed, but hardly meant."""
        empty = [name for name in ("users", "admins") if getattr(self.access, name) == People()]
        found = [f"access.{name} is empty: nobody is allowed" for name in empty]
        if self.access.channels == frozenset():
            found.append("access.channels is empty: the bot works nowhere")
        elif self.access.channels is not None:
            unlisted = sorted(self.channels.keys() - self.access.channels)
            found += [f"channels.{each} is about a channel that access.channels does not list" for each in unlisted]
        return found


def load(path: Path, environ: Mapping[str, str] = os.environ) -> Config:
    """Read the file. Raises `ConfigError`."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from None
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: is not TOML: {error}") from None
    problems: list[tuple[tuple[str, ...], str]] = []
    expanded = _expand(raw, environ, (), problems)
    if not problems:
        try:
            config = Config.model_validate(expanded)
        except ValidationError as error:
            problems = [(tuple(map(str, each["loc"])), _words(each)) for each in error.errors()]
        else:
            config = _resolved(config, path.resolve())
            problems = [*_missing(config), *_unknown(config)]
    if problems:
        raise ConfigError("\n".join(_located(path, text, keys, message) for keys, message in problems))
    return config


def _expand(value: Any, environ: Mapping[str, str], keys: tuple[str, ...], problems: list[Any]) -> Any:
    """Replace `${NAME}` in text values; `$${` is a literal `${`. Values, never syntax: a quote in one is harmless."""
    if isinstance(value, dict):
        return {key: _expand(each, environ, (*keys, key), problems) for key, each in value.items()}
    if isinstance(value, list):
        return [_expand(each, environ, keys, problems) for each in value]
    if not isinstance(value, str):
        return value

    def replace(match: re.Match[str]) -> str:
        name = match[2]
        if name is None:
            return "${"
        if name not in environ:
            problems.append((keys, f"the environment variable {name} is not set"))
        return environ.get(name, "")

    return _VARIABLE.sub(replace, value)


def _resolved(config: Config, file: Path) -> Config:
    """Make paths absolute; relative ones are meant from the configuration file's directory."""
    base = file.parent
    agents = {
        name: agent.model_copy(update={"cwd": base / _at_home(agent.cwd)})
        for name, agent in config.agents.by_name.items()
    }
    channels = {
        channel_id: channel.model_copy(update={"cwd": channel.cwd and str(base / _at_home(Path(channel.cwd)))})
        for channel_id, channel in config.channels.items()
    }
    update: dict[str, Any] = {"agents": AgentsConfig.model_construct(None, **agents), "channels": channels}
    if config.journal.path:
        update["journal"] = JournalConfig(path=str(base / config.journal.file))
    resolved = config.model_copy(update=update)
    resolved._file = file  # noqa: SLF001 - made here
    return resolved


def _at_home(path: Path) -> Path:
    """Replace a leading `~`; the home of nobody stays as it is written, and is then not found."""
    try:
        return path.expanduser()
    except RuntimeError:
        return path


def _missing(config: Config) -> Iterator[tuple[tuple[str, ...], str]]:
    """Look at what the agents need on this machine."""
    for name, agent in config.agents.by_name.items():
        if not agent.cwd.is_dir():
            yield ("agents", name, "cwd"), f"the directory {agent.cwd} does not exist"
            continue
        command = str(agent.cwd / agent.command) if os.sep in agent.command else agent.command
        if shutil.which(command, path=agent.environment().get("PATH", os.defpath)) is None:
            advice = f" To install it: {agent.known.install}" if agent.known else ""
            yield ("agents", name, "command"), f"the command {agent.command!r} was not found; is it installed?{advice}"
    for channel_id, channel in config.channels.items():
        if channel.cwd and not Path(channel.cwd).is_dir():
            yield ("channels", str(channel_id), "cwd"), f"the directory {channel.cwd} does not exist"


def _unknown(config: Config) -> Iterator[tuple[tuple[str, ...], str]]:
    """Look for agents that channels name and nobody has described."""
    known = ", ".join(config.agents.by_name)
    for channel_id, channel in config.channels.items():
        for key, names in (("agent", (channel.agent,)), ("agents", channel.agents)):
            for name in set(names) - config.agents.by_name.keys():
                yield ("channels", str(channel_id), key), f"there is no agent {name!r}; there are: {known}"


def _words(error: Any) -> str:
    """Say a pydantic error in the words of this file's reader."""
    match error["type"]:
        case "extra_forbidden":
            return "unknown key"
        case "missing":
            return "is missing"
        case "value_error":
            return str(error["ctx"]["error"])
        case "path_type":
            return "must be a path, written as text"
        case "string_pattern_mismatch":
            return 'must be an address like "http://127.0.0.1:8377"'
        case "frozen_set_type" | "tuple_type" | "list_type":
            return "must be a list"
        case "model_type" | "model_attributes_type" | "dict_type":
            return "must be a table"
        case _:
            return str(error["msg"])


def _located(path: Path, text: str, keys: tuple[str, ...], message: str) -> str:
    line = _line_of(text, keys)
    where = f"{path}:{line}" if line else f"{path}"
    return f"{where}: {'.'.join(map(_bare, keys))}: {_one_line(message)}"


def _bare(key: str) -> str:
    """Write a part of a dotted key; only what is no bare key in TOML needs quotes."""
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else json.dumps(key)


def _one_line(text: str) -> str:
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in text)


def _line_of(text: str, keys: tuple[str, ...]) -> int | None:
    """Return the line of the assignment, or table header, that comes closest to the dotted key; None if none does."""
    best, best_line = 0, None
    table: tuple[str, ...] = ()
    for number, line in enumerate(text.splitlines(), start=1):
        if header := _HEADER.match(line):
            table = found = _split_key(header[1])
        elif assignment := _ASSIGNMENT.match(line):
            found = (*table, *_split_key(assignment[1]))
        else:
            continue
        if found == keys[: len(found)] and len(found) > best:
            best, best_line = len(found), number
    return best_line


def _split_key(dotted: str) -> tuple[str, ...]:
    return tuple(part.strip().strip("\"'") for part in dotted.split("."))
