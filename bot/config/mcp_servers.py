"""MCP servers in the configuration: programs that an agent starts, or addresses that it calls."""

import os
import shutil
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from acp.schema import EnvVariable, HttpHeader, McpServer, McpServerHttp, McpServerSse, McpServerStdio

from . import error_texts as texts
from .values import Name

_PROGRAM = ("command", "args", "env")
_ADDRESS = ("url", "headers")


class ServerConfig(BaseModel):
    """One of `mcp_servers`, with a `command` or a `url`, which also determines a missing `type`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Name
    type: Literal["stdio", "http", "sse"]
    command: str = ""
    args: tuple[str, ...] = ()
    env: dict[str, str] = Field(default_factory=dict)
    url: Annotated[str, Field(pattern=r"^(https?://[^/\s]+(/\S*)?)?$")] = ""
    headers: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _typed(cls, given: Any) -> Any:
        return {"type": "http" if "url" in given else "stdio", **given} if isinstance(given, dict) else given

    @model_validator(mode="after")
    def _of_one_kind(self) -> "ServerConfig":
        needed, foreign = ("command", _ADDRESS) if self.type == "stdio" else ("url", _PROGRAM)
        if not getattr(self, needed):
            raise ValueError(texts.server_needs(self.type, needed))
        for name in foreign:
            if getattr(self, name):
                raise ValueError(texts.server_has_no(self.type, name))
        return self

    def program(self, cwd: Path, path: str) -> str | None:
        """Return the absolute path of the command, as the protocol requires; None where there is no such program.

        It is found on `path`, or relative to `cwd` if it contains a `/`, like an agent's own command.
        """
        command = str(cwd / self.command) if os.sep in self.command else self.command
        found = shutil.which(command, path=path)
        return None if found is None else str(cwd / found)

    def _there(self, cwd: Path) -> str:
        """Return the command as another machine finds it, from any directory."""
        return str(cwd / self.command) if os.sep in self.command else self.command

    def entry(self, cwd: Path, path: str | None) -> McpServer:
        """Return the server in the form that sessions get; without `path`, for an agent on another machine.

        Its program is found by the agent there: only that machine knows its files.
        """
        headers = [HttpHeader(name=name, value=value) for name, value in self.headers.items()]
        match self.type:
            case "http":
                return McpServerHttp(name=self.name, url=self.url, headers=headers)
            case "sse":
                return McpServerSse(name=self.name, url=self.url, headers=headers)
            case "stdio":
                env = [EnvVariable(name=name, value=value) for name, value in self.env.items()]
                command = self._there(cwd) if path is None else self.program(cwd, path) or self.command
                return McpServerStdio(name=self.name, command=command, args=list(self.args), env=env)
