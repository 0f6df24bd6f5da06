"""MCP servers for an agent (schema: McpServer)."""

from typing import Literal

from pydantic import Field

from .base import SchemaModel


class EnvVariable(SchemaModel):
    """A variable of a process's environment."""

    name: str
    value: str


class HttpHeader(SchemaModel):
    """A header of each request to a server."""

    name: str
    value: str


class McpServerStdio(SchemaModel):
    """A program that the agent starts. Every agent accepts it. In the schema it has no `type`."""

    name: str
    command: str
    args: list[str] = Field(default_factory=list)
    env: list[EnvVariable] = Field(default_factory=list)


class McpServerHttp(SchemaModel):
    """A server reached over HTTP. Gated by `mcpCapabilities.http`."""

    type: Literal["http"] = "http"
    name: str
    url: str
    headers: list[HttpHeader] = Field(default_factory=list)


class McpServerSse(SchemaModel):
    """A server reached over HTTP with server-sent events. Gated by `mcpCapabilities.sse`."""

    type: Literal["sse"] = "sse"
    name: str
    url: str
    headers: list[HttpHeader] = Field(default_factory=list)


McpServer = McpServerStdio | McpServerHttp | McpServerSse
