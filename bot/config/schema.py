"""The configuration file: TOML, every key known, every error with the file, the line and the dotted key."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, PrivateAttr, model_validator

from bot.access.gate import Bots, Mention, People, Rules

from . import env_file as variables
from .agents import AgentConfig, AgentsConfig
from .appearance import Finish, Style, Tables, Thoughts, Tools
from .document import ConfigError, Document, Problem, read
from .file_exposure import readable_by_others, writable_by_others
from .reactions import Reactions
from .requirements import unmet
from .secrets import TOKEN, literal_secrets, secrets_of
from .values import (
    Address,
    Approvers,
    Channels,
    Endpoint,
    PeopleList,
    Size,
    Snowflake,
    Table,
    Token,
    at_home,
    state_directory,
)

__all__ = ["AgentConfig", "ChannelConfig", "Config", "ConfigError", "load", "read_config"]


READABLE = "others may read what stands here; use a variable, or close the file"


class DiscordConfig(Table):
    """`[discord]`."""

    token: Token
    endpoint: Endpoint = ""
    """Base address of another Discord-compatible server; empty: Discord."""


class AccessConfig(Table):
    """`[access]`."""

    guilds: frozenset[Snowflake] = frozenset()
    channels: Channels = frozenset()
    users: PeopleList = People(owner=True, entries=("owner",))
    approvers: Approvers = People(asker=True, entries=("asker",))
    admins: PeopleList = People(owner=True, entries=("owner",))
    dm: bool = False

    @model_validator(mode="after")
    def _guilds_bound_the_star(self) -> "AccessConfig":
        if self.channels is None and not self.guilds:
            raise ValueError('channels = ["*"] needs guilds: name the servers whose channels are meant')
        return self


class ChannelConfig(Table):
    """`[channels.ID]`: what is different in one channel and its threads."""

    agent: str = "default"
    agents: tuple[str, ...] = ()
    cwd: str = ""
    mode: str = ""
    permission: Literal["", "ask", "allow_reads", "allow_all", "deny"] = ""


class PoolConfig(Table):
    """`[pool]`."""

    max_agents: Annotated[int, Field(ge=1, le=1000)] = 8
    idle_minutes: Annotated[float, Field(gt=0)] = 60
    max_memory: Size = 0
    per_user: Annotated[int, Field(ge=1)] = 8
    per_thread: Annotated[int, Field(ge=1)] = 50
    per_minute: Annotated[int, Field(ge=1)] = 30
    silence_seconds: Annotated[float, Field(gt=0)] = 120
    question_hours: Annotated[float, Field(gt=0)] = 4
    reminder_hours: Annotated[float, Field(ge=0)] = 2


class CatchUpConfig(Table):
    """`[catch_up]`."""

    hours: Annotated[float, Field(gt=0, le=24 * 14)] = 24
    messages: Annotated[int, Field(ge=1, le=1000)] = 200


_STYLE = Style()
"""How replies look where the configuration says nothing."""


class ReplyConfig(Table):
    """`[reply]`."""

    tables: Tables = _STYLE.tables
    tools: Tools = _STYLE.tools
    thoughts: Thoughts = _STYLE.thoughts
    finish: Finish = _STYLE.finish
    max_pages: Annotated[int, Field(ge=0, le=100)] = _STYLE.max_pages
    long_code_lines: Annotated[int, Field(ge=0, le=10_000)] = _STYLE.long_code_lines

    def style(self, directory: Path) -> Style:
        """Return how replies look whose session works in `directory`."""
        return Style(
            tables=self.tables,
            tools=self.tools,
            thoughts=self.thoughts,
            max_pages=self.max_pages,
            long_code_lines=self.long_code_lines,
            finish=self.finish,
            directory=str(directory),
        )


class ReactionsConfig(Table):
    """`[reactions]`."""

    enabled: bool = True
    keep: bool = True
    progress: bool = False

    @property
    def signs(self) -> Reactions:
        """Return which signs messages get."""
        return Reactions(self.enabled, self.keep, self.progress)


class ThreadsConfig(Table):
    """`[threads]`."""

    mention: Mention = "involved"
    mention_roles: frozenset[Snowflake] = frozenset()
    bots: Bots = "off"
    trusted_bots: frozenset[Snowflake] = frozenset()
    bot_turns: Annotated[int, Field(ge=1, le=1000)] = 10
    busy: Literal["queue", "steer"] = "queue"
    introduction: bool = True
    directory: Literal["shared", "exclusive"] = "shared"
    auto_archive_minutes: Literal[60, 1440, 4320, 10080] = 4320


class JournalConfig(Table):
    """`[journal]`."""

    path: str = ""

    @property
    def file(self) -> Path:
        """Where the journal is."""
        if self.path:
            return at_home(Path(self.path))
        return state_directory() / "threadline.db"

    @property
    def attachments(self) -> Path:
        """Where people's files are kept, beside it."""
        return self.file.with_suffix(".attachments").absolute()


class AuditConfig(Table):
    """`[audit]`."""

    path: str = ""

    @property
    def file(self) -> Path | None:
        """Where the audit log is, if one is wanted."""
        return at_home(Path(self.path)) if self.path else None


class MetricsConfig(Table):
    """`[metrics]`."""

    listen: Address = ""

    @property
    def address(self) -> tuple[str, int] | None:
        """Host and port, where something is to be served."""
        host, _, port = self.listen.rpartition(":")
        return (host.strip("[]"), int(port)) if self.listen else None


class Config(Table):
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
    audit: AuditConfig = Field(default_factory=AuditConfig)
    metrics: MetricsConfig = Field(default_factory=MetricsConfig)

    @property
    def rules(self) -> Rules:
        """What the gate goes by."""
        access, threads = self.access, self.threads
        return Rules(
            guilds=access.guilds,
            channels=access.channels,
            users=access.users,
            approvers=access.approvers,
            admins=access.admins,
            dm=access.dm,
            mention=threads.mention,
            mention_roles=threads.mention_roles,
            bots=threads.bots,
            trusted_bots=threads.trusted_bots,
            bot_turns=threads.bot_turns,
        )

    @property
    def secrets(self) -> tuple[str, ...]:
        """Values that must appear in no log and no message."""
        return tuple(secrets_of(self, self._document.variables if self._document else ()))

    _document: "Document[Config] | None" = PrivateAttr(default=None)

    _file: Path = PrivateAttr(default_factory=Path)

    _given: Path = PrivateAttr(default_factory=Path)
    """The file as it was named: it may be a link."""

    @property
    def log_file(self) -> Path:
        """Where the last log lines are kept, beside the journal."""
        return self.journal.file.with_suffix(".log")

    @property
    def file(self) -> Path:
        """Where it was read from."""
        return self._file

    @property
    def own_files(self) -> tuple[Path, ...]:
        """The bot's own files, which no agent may have posted."""
        journal = self.journal.file
        beside = (journal.with_name(journal.name + suffix) for suffix in ("-wal", "-shm", ".lock"))
        audit = () if self.audit.file is None else (self.audit.file,)
        configuration = dict.fromkeys((self._file, self._given))
        secrets = map(variables.beside, configuration)
        return (*configuration, *secrets, journal, *beside, self.log_file, *audit)

    def unmet(self) -> list[Problem]:
        """Return what does not hold on this machine: the parts of the key, and a line that names the file too."""
        return [(keys, self._document.located(keys, words)) for keys, words in unmet(self)] if self._document else []

    def warnings(self) -> list[str]:
        """Return what is allowed, but hardly meant."""
        empty = [name for name in ("users", "admins") if getattr(self.access, name) == People()]
        found = [f"access.{name} is empty: nobody is allowed" for name in empty]
        if self.access.approvers == People():
            found.append("access.approvers is empty: only admins are allowed")
        if self.threads.bots != "off" and not self.threads.trusted_bots:
            found.append("threads.trusted_bots is empty: no bot is answered")
        if self.access.channels == frozenset():
            found.append("access.channels is empty: the bot works nowhere")
        elif self.access.channels is not None:
            unlisted = sorted(self.channels.keys() - self.access.channels)
            found += [f"channels.{each} is about a channel that access.channels does not list" for each in unlisted]
        for name, agent in self.agents.by_name.items():
            for each in sorted(agent.client.intersection(agent.known.own_client if agent.known else ())):
                found.append(f'agents.{name}.client: "{each}" protects nothing: the agent does it also when refused')
        if self._document is not None and readable_by_others(self._document.path):
            readable = literal_secrets(self, self._document.variables)
            found += [f"{'.'.join(keys)}: {READABLE}: chmod 600 {self._document.path}" for keys in readable]
        return found


def load(path: Path, environ: Mapping[str, str] = os.environ) -> Config:
    """Read the file, and see that what it needs is there. Raises `ConfigError`."""
    config = read_config(path, environ)
    if problems := config.unmet():
        raise ConfigError("\n".join(line for _, line in problems))
    return config


def read_config(path: Path, environ: Mapping[str, str] = os.environ) -> Config:
    """Read the file, whether or not what it needs is there. Raises `ConfigError`."""
    document = read(path, environ, Config)
    _refuse_exposed(document)
    config = _resolved(document.content, path)
    config._document = document  # noqa: SLF001 - made here
    return config


def _refuse_exposed(document: Document[Config]) -> None:
    """Raise `ConfigError` where other accounts may change the file, which names programs to run, or read a secret."""
    path = document.path
    if writable_by_others(path):
        raise ConfigError(f"{path}: others may write it, and it names programs to run: chmod go-w {path}")
    if readable_by_others(path) and TOKEN in literal_secrets(document.content, document.variables):
        raise ConfigError(document.located(TOKEN, f"{READABLE}: chmod 600 {path}"))


def _resolved(config: Config, path: Path) -> Config:
    """Make paths absolute; relative ones are meant from the directory of the configuration file, links followed."""
    file = path.resolve()
    base = file.parent
    agents = {name: _placed(agent, base) for name, agent in config.agents.by_name.items()}
    channels = {
        channel_id: channel.model_copy(update={"cwd": channel.cwd and str(base / at_home(Path(channel.cwd)))})
        for channel_id, channel in config.channels.items()
    }
    update: dict[str, Any] = {"agents": AgentsConfig.model_construct(None, **agents), "channels": channels}
    if config.journal.path:
        update["journal"] = JournalConfig(path=str(base / config.journal.file))
    if config.audit.file is not None:
        update["audit"] = AuditConfig(path=str(base / config.audit.file))
    resolved = config.model_copy(update=update)
    resolved._file, resolved._given = file, path.absolute()  # noqa: SLF001 - made here
    return resolved


def _placed(agent: AgentConfig, base: Path) -> AgentConfig:
    others = tuple(base / at_home(each) for each in agent.additional_directories)
    return agent.model_copy(update={"cwd": base / at_home(agent.cwd), "additional_directories": others})
