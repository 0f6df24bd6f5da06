"""The configuration of agents: how each starts, what it gets, and what it may do."""

import os
import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, model_validator

from acp import Client, FileSystem, Launch, Terminals, environment
from acp.places.here import HERE
from acp.process.environment import BASE_NAMES
from acp.session import ASKING_MODES

from . import error_texts as texts
from .mcp_servers import ServerConfig
from .presets import PRESETS, Preset
from .values import ConfigTable, Name, Permission, PresetName, Size


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

    def environment(self) -> dict[str, str]:
        """Return the whole environment that the agent gets, except its marker."""
        return environment(os.environ, inherit=self.inherit_env, env=self.env)

    def launch(self) -> Launch:
        """Return how to start the agent: inside the program that wraps it, if there is one."""
        wrap = [part.replace("{cwd}", str(self.cwd)) for part in self.wrap]
        line = (*wrap, self.command, *self.args)
        local = frozenset(BASE_NAMES) - self.env.keys()
        return Launch(line[0], line[1:], self.cwd, self.environment(), memory=self.memory, local_env=local)

    @model_validator(mode="after")
    def _wrapped_whole(self) -> "AgentConfig":
        if self.wrap and "terminal" in self.client:
            raise ValueError(texts.TERMINAL_OUTSIDE_WRAP)
        return self

    @property
    def search_path(self) -> str:
        """The PATH on which the agent's commands are found."""
        return self.environment().get("PATH", os.defpath)

    def client_offer(self, marker: str, *, terminal_login: bool = False) -> Client:
        """Return what the agent of that marker may ask of us, and what its sessions get.

        `terminal_login`: whether a person can log in to it in a terminal.
        """
        env = self.environment()
        return Client(
            file_system=FileSystem if "fs" in self.client else None,
            terminals=(lambda roots: Terminals(roots, env, marker)) if "terminal" in self.client else None,
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
