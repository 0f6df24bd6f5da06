"""The configuration of agents: how each starts, what it gets, and what it may do."""

import os
import re
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, PrivateAttr, model_validator

from acp import Client, FileSystem, Launch, Terminals, environment
from acp.places.here import HERE
from acp.process.environment import BASE_NAMES
from acp.process.sandbox import Sandbox
from acp.process.srt import SETTINGS, Hosts
from acp.session import ASKING_MODES

from . import error_texts as texts
from .mcp_servers import ServerConfig
from .presets import PRESETS, Preset
from .values import ConfigTable, Name, Permission, PresetName, Size

STATE_VARIABLES = ("_HOME", "_DIR")
"""Ends of the names of variables that say where an agent keeps its files: not inherited where it has its own home."""


class SandboxConfig(ConfigTable):
    """`[agents.NAME.sandbox]`."""

    engine: Literal["off", "bwrap", "srt"] = "off"
    network: Literal["all", "none"] | tuple[Name, ...] = "all"
    read: tuple[Path, ...] = ()
    write: tuple[Path, ...] = ()
    state: Literal["own", "shared"] = "own"

    @model_validator(mode="after")
    def _list_by_srt(self) -> "SandboxConfig":
        if isinstance(self.network, str) == (self.engine == "srt"):
            raise ValueError(texts.HOSTS_BY_SRT)
        return self

    @property
    def is_on(self) -> bool:
        """Whether there is one."""
        return self.engine != "off"


class AgentConfig(ConfigTable):
    """`[agents.NAME]`. Missing keys come from the preset, if one is named."""

    preset: PresetName = ""
    command: Name
    args: tuple[str, ...] = ()
    wrap: tuple[Name, ...] = ()
    cwd: Path
    places: Annotated[tuple[Name, ...], Field(min_length=1)] = (HERE,)
    memory: Size = 0
    env: dict[str, str] = Field(default_factory=dict)
    inherit_env: tuple[Name, ...] = ()
    permission: Permission = "ask"
    mode: str = ""
    client: frozenset[Literal["fs", "terminal"]] = frozenset()
    mcp_servers: tuple[ServerConfig, ...] = ()
    additional_directories: tuple[Path, ...] = ()
    warm: Annotated[int, Field(ge=0, le=100)] = 0
    ceiling_minutes: Annotated[float, Field(gt=0)] = 120
    sandbox: SandboxConfig = Field(default_factory=SandboxConfig)

    _home: Path = PrivateAttr(default_factory=Path)

    _hidden: tuple[Path, ...] = PrivateAttr(default=())

    _shared: tuple[Path, ...] = PrivateAttr(default=())

    @model_validator(mode="before")
    @classmethod
    def _filled_from_preset(cls, given: Any) -> Any:
        """Fill missing keys. Variables are filled one by one, so that one key of `env` keeps the preset's others."""
        if not isinstance(given, dict) or not isinstance(name := given.get("preset"), str) or not name:
            return given
        preset = PRESETS.get(name)
        if preset is None:
            return {"command": name, **given}  # Report the unknown name alone, not a missing command too.
        env = given.get("env", {})
        return {
            "command": preset.command,
            "args": preset.args,
            "mode": preset.mode,
            "inherit_env": preset.inherit_env,
            **given,
            "env": {**preset.env, **env} if isinstance(env, dict) else env,
        }

    @model_validator(mode="after")
    def _found_elsewhere(self) -> "AgentConfig":
        if set(self.places) != {HERE}:
            for directory in (self.cwd, *self.additional_directories):
                if not directory.is_absolute():
                    raise ValueError(texts.relative_elsewhere(directory))
        return self

    @property
    def known_preset(self) -> Preset | None:
        """The preset of this agent, if any."""
        return PRESETS.get(self.preset)

    @property
    def title(self) -> str:
        """Its makers' name for it, by its preset or by its command; empty where neither is known."""
        program = Path(self.command).name
        known = self.known_preset or next((each for each in PRESETS.values() if each.command == program), None)
        return "" if known is None else known.title

    @property
    def may_have_page_login(self) -> bool:
        """Whether a person may be able to log in to it by a page; unknown for an agent without a preset."""
        return self.known_preset is None or bool(self.known_preset.page_login)

    @property
    def asking_modes(self) -> tuple[str, ...]:
        """The ids of the modes in which it asks before it acts, as far as known."""
        preset = self.known_preset
        return (preset.mode,) if preset is not None and preset.mode else ASKING_MODES

    def set_own(self, *, home: Path, hidden: tuple[Path, ...], shared: tuple[Path, ...]) -> None:
        """Set what the bot has for it: its private home, what stays out of its sight, and where any agent works."""
        self._home, self._hidden, self._shared = home, hidden, shared

    @property
    def directories(self) -> tuple[Path, ...]:
        """The directories in which it may write."""
        return (self.cwd, *self.additional_directories, *(self.sandbox.write if self.sandbox.is_on else ()))

    @property
    def has_own_home(self) -> bool:
        """Whether it keeps its login, settings and sessions in a home of its own, inside its sandbox."""
        return self.sandbox.is_on and self.sandbox.state == "own"

    def environment(self) -> dict[str, str]:
        """Return the whole environment that the agent gets, except its marker."""
        found = environment(os.environ, inherit=self.inherit_env, env={})
        if self.sandbox.is_on:
            found.pop("TMPDIR", None)  # There is nothing but /tmp.
            if self.has_own_home:
                found = {name: value for name, value in found.items() if not name.endswith(STATE_VARIABLES)}
                found["HOME"] = str(self._home)
        return {**found, **self.env}

    def launch(self, files: Sequence[Path] = ()) -> Launch:
        """Return how to start the agent: inside the program that wraps it, if there is one, and inside its sandbox.

        `files` are directories of a thread that the sandbox shows, and that are made where they are missing.
        """
        wrap = [part.replace("{cwd}", str(self.cwd)) for part in self.wrap]
        line = (*wrap, self.command, *self.args)
        # Another place has its own directories too.
        local = {*BASE_NAMES, *(name for name in self.inherit_env if name.endswith(STATE_VARIABLES))} - self.env.keys()
        return Launch(
            line[0],
            line[1:],
            self.cwd,
            self.environment(),
            memory=self.memory,
            local_env=frozenset(local),
            sandbox=self._sandbox(files),
        )

    def _sandbox(self, files: Sequence[Path]) -> Sandbox | None:
        if not self.sandbox.is_on:
            return None
        own = self.has_own_home
        servers = (server.command for server in self.mcp_servers if server.type == "stdio")
        state = () if own else self._shared_state
        return Sandbox(
            network=self._network,
            readable=self.sandbox.read,
            writable=(*self.directories, *state),
            made=(self._home, *files) if own else tuple(files),
            hidden=self._hidden,
            shared=self._shared,
            programs=(self.command, *servers),
        )

    @property
    def view(self) -> Sandbox | None:
        """What a program may see that reads its directories for people; None where it sees all of the account itself.

        Such a program writes only in a directory of its own.
        """
        if not self.sandbox.is_on:
            return None
        return Sandbox(network="none", readable=self.directories, hidden=self._hidden, shared=self._shared)

    @property
    def _network(self) -> Literal["all", "none"] | Hosts:
        wanted = self.sandbox.network
        if isinstance(wanted, str):
            return wanted
        return Hosts(wanted, self._home.with_name(self._home.name + SETTINGS))

    @property
    def _shared_state(self) -> tuple[Path, ...]:
        """Where the agent keeps its files in the person's home."""
        preset, home = self.known_preset, Path(self.environment().get("HOME", "/"))
        return tuple(path for each in (preset.state if preset else ()) if (path := home / each).exists())

    @model_validator(mode="after")
    def _wrapped_whole(self) -> "AgentConfig":
        if self.wrap and "terminal" in self.client:
            raise ValueError(texts.TERMINAL_OUTSIDE_WRAP)
        if self.sandbox.engine == "srt" and "terminal" in self.client:
            raise ValueError(texts.TERMINAL_IN_SRT)
        if self.warm and self.sandbox.is_on:
            raise ValueError(texts.WARM_IN_SANDBOX)
        return self

    @property
    def search_path(self) -> str:
        """The PATH on which the agent's commands are found."""
        return self.environment().get("PATH", os.defpath)

    def far_offer(self) -> Client:
        """Return what its sessions on another machine get. There it can ask us for no files and terminals."""
        return Client(
            mcp_servers=tuple(server.entry(self.cwd, None) for server in self.mcp_servers),
            additional_directories=self.additional_directories,
        )

    def client_offer(self, marker: str, launch: Launch | None = None, *, terminal_login: bool = False) -> Client:
        """Return what the agent of that marker may ask of us, and what its sessions get, on this machine.

        `launch` is how it was started; `terminal_login`: whether a person can log in to it in a terminal.
        """
        launch = launch or self.launch()
        env, sandbox = launch.env, launch.sandbox
        files = FileSystem if sandbox is None else partial(FileSystem, protected=sandbox.protects)
        return Client(
            file_system=files if "fs" in self.client else None,
            terminals=(lambda roots: Terminals(roots, env, marker, sandbox)) if "terminal" in self.client else None,
            terminal_login=terminal_login,
            mcp_servers=tuple(server.entry(self.cwd, self.search_path) for server in self.mcp_servers),
            additional_directories=self.additional_directories,
        )


class AgentsConfig(ConfigTable):
    """`[agents]`: the default agent, and others by name."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, AgentConfig]

    default: AgentConfig

    @model_validator(mode="before")
    @classmethod
    def _named(cls, given: Any) -> Any:
        for name in given if isinstance(given, dict) else ():
            if not re.fullmatch(r"[A-Za-z0-9_-]{1,32}", name):
                raise ValueError(texts.no_agents_name(name))
        return given

    @property
    def by_name(self) -> dict[str, AgentConfig]:
        """All agents, by the NAME of their table."""
        return dict(self)
