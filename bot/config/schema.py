"""The tables and keys of the configuration file, as frozen models with all defaults."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, PrivateAttr, SecretStr, model_validator

from acp.places.here import HERE
from bot.access.gate import Bots, Mention, People, Rules

from . import env_file as variables
from . import error_texts as texts
from .agents import AgentsConfig
from .appearance import Reactions, ReplyConfig
from .document import Document
from .places import PlaceConfig, PlaceName
from .values import (
    Address,
    Approvers,
    Channels,
    ConfigTable,
    Endpoint,
    Name,
    PeopleList,
    Permission,
    ProxyAddress,
    Size,
    Snowflake,
    Token,
    expand_home,
    state_directory,
)


class DiscordConfig(ConfigTable):
    """`[discord]`."""

    token: Token
    endpoint: Endpoint = ""
    """Base address of another Discord-compatible server; empty: Discord."""
    proxy: ProxyAddress = SecretStr("")
    """Address of an HTTP proxy, which may hold credentials; empty: the environment's, see `bot.config.proxy`."""


class AccessConfig(ConfigTable):
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
            raise ValueError(texts.STAR_NEEDS_GUILDS)
        return self


class ChannelConfig(ConfigTable):
    """`[channels.ID]`: the exceptions for one channel and its threads."""

    agent: str = "default"
    agents: tuple[str, ...] = ()
    cwd: str = ""
    mode: str = ""
    permission: Literal["", Permission] = ""
    places: tuple[Name, ...] = ()

    @model_validator(mode="after")
    def _found_elsewhere(self) -> "ChannelConfig":
        if self.cwd and set(self.places) - {HERE} and not Path(self.cwd).is_absolute():
            raise ValueError(texts.relative_elsewhere(Path(self.cwd)))
        return self


class PoolConfig(ConfigTable):
    """`[pool]`."""

    max_agents: Annotated[int, Field(ge=1, le=1000)] = 8
    idle_minutes: Annotated[float, Field(gt=0)] = 60
    max_memory: Size = 0
    max_memory_per_agent: Size = 0
    per_user: Annotated[int, Field(ge=1)] = 8
    per_thread: Annotated[int, Field(ge=1)] = 50
    per_minute: Annotated[int, Field(ge=1)] = 30
    silence_seconds: Annotated[float, Field(gt=0)] = 120
    question_hours: Annotated[float, Field(gt=0)] = 4
    reminder_hours: Annotated[float, Field(ge=0)] = 2


class CatchUpConfig(ConfigTable):
    """`[catch_up]`."""

    hours: Annotated[float, Field(gt=0, le=24 * 14)] = 24
    messages: Annotated[int, Field(ge=1, le=1000)] = 200


class ThreadsConfig(ConfigTable):
    """`[threads]`."""

    mention: Mention = "involved"
    mention_roles: frozenset[Snowflake] = frozenset()
    bots: Bots = "off"
    trusted_bots: frozenset[Snowflake] = frozenset()
    bot_turns: Annotated[int, Field(ge=1, le=1000)] = 10
    busy: Literal["auto", "queue", "steer"] = "auto"
    introduction: bool = True
    directory: Literal["shared", "exclusive"] = "shared"
    auto_archive_minutes: Literal[60, 1440, 4320, 10080] = 4320


class JournalConfig(ConfigTable):
    """`[journal]`."""

    path: str = ""

    @property
    def file(self) -> Path:
        """The path of the journal."""
        if self.path:
            return expand_home(Path(self.path))
        return state_directory() / "threadline.db"

    @property
    def attachments(self) -> Path:
        """The directory of people's files, next to the journal."""
        return self.file.with_suffix(".attachments").absolute()

    @property
    def homes(self) -> Path:
        """The directory of the private homes of agents in sandboxes, next to the journal."""
        return self.file.with_suffix(".homes").absolute()


class AuditConfig(ConfigTable):
    """`[audit]`."""

    path: str = ""

    @property
    def file(self) -> Path | None:
        """The path of the audit log, if there is one."""
        return expand_home(Path(self.path)) if self.path else None


class MetricsConfig(ConfigTable):
    """`[metrics]`."""

    listen: Address = ""

    @property
    def address(self) -> tuple[str, int] | None:
        """Host and port, if metrics are served."""
        host, _, port = self.listen.rpartition(":")
        return (host.strip("[]"), int(port)) if self.listen else None


class Config(ConfigTable):
    """The whole file."""

    discord: DiscordConfig
    access: AccessConfig = Field(default_factory=AccessConfig)
    agents: AgentsConfig
    channels: dict[Snowflake, ChannelConfig] = Field(default_factory=dict)
    places: dict[PlaceName, PlaceConfig] = Field(default_factory=dict)
    pool: PoolConfig = Field(default_factory=PoolConfig)
    catch_up: CatchUpConfig = Field(default_factory=CatchUpConfig)
    reply: ReplyConfig = Field(default_factory=ReplyConfig)
    reactions: Reactions = Field(default_factory=Reactions)
    threads: ThreadsConfig = Field(default_factory=ThreadsConfig)
    journal: JournalConfig = Field(default_factory=JournalConfig)
    audit: AuditConfig = Field(default_factory=AuditConfig)
    metrics: MetricsConfig = Field(default_factory=MetricsConfig)

    @property
    def rules(self) -> Rules:
        """The access rules for the gate."""
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

    _document: "Document[Config] | None" = PrivateAttr(default=None)

    _file: Path = PrivateAttr(default_factory=Path)

    _named_file: Path = PrivateAttr(default_factory=Path)
    """The file as it was named, which may be a link."""

    def set_source(self, document: "Document[Config]") -> None:
        """Remember the source file, and tell the agents what is the bot's own."""
        self._document, self._named_file, self._file = document, document.path.absolute(), document.path.resolve()
        hidden = (*self.own_files, self.journal.attachments, self.journal.homes)
        agents = self.agents.by_name
        boxed = {name: agent for name, agent in agents.items() if agent.sandbox.is_on}
        shared = [directory for agent in boxed.values() for directory in (*agent.directories, *agent.sandbox.read)]
        channels = (each for each in self.channels.values() if boxed.keys() & {each.agent, *(each.agents or agents)})
        shared += (Path(each.cwd) for each in channels if each.cwd)
        for name, agent in agents.items():
            agent.set_own(home=self.journal.homes / name, hidden=hidden, shared=tuple(dict.fromkeys(shared)))

    @property
    def document(self) -> "Document[Config] | None":
        """The file with its text, if the configuration came from one."""
        return self._document

    def located(self, keys: tuple[str, ...], words: str) -> str:
        """Return a problem as a line with its place in the file."""
        return self._document.located(keys, words) if self._document else words

    @property
    def log_file(self) -> Path:
        """The file of the last log lines, next to the journal."""
        return self.journal.file.with_suffix(".log")

    @property
    def file(self) -> Path:
        """The source file, with links resolved."""
        return self._file

    @property
    def own_files(self) -> tuple[Path, ...]:
        """The bot's own files, which no agent may have posted."""
        journal = self.journal.file
        beside = (journal.with_name(journal.name + suffix) for suffix in ("-wal", "-shm", ".lock"))
        audit = () if self.audit.file is None else (self.audit.file,)
        configuration = dict.fromkeys((self._file, self._named_file))
        secrets = map(variables.variables_path, configuration)
        return (*configuration, *secrets, journal, *beside, self.log_file, *audit)
