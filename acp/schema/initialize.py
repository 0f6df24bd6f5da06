"""The agent's capabilities (schema: InitializeResponse)."""

from typing import Any

from pydantic import Field

from .base import Items, Lenient, SchemaModel

PROTOCOL_VERSION = 1


class Implementation(SchemaModel):
    """Name and version of a program that speaks ACP."""

    name: str = ""
    title: str | None = None
    version: str = ""


class PromptCapabilities(SchemaModel):
    """Content that an agent accepts in addition to text and resource links."""

    image: Lenient[bool] = False
    audio: Lenient[bool] = False
    embedded_context: Lenient[bool] = False


class McpCapabilities(SchemaModel):
    """Kinds of MCP servers that an agent can reach in addition to those it starts."""

    http: Lenient[bool] = False
    sse: Lenient[bool] = False


class AgentAuthCapabilities(SchemaModel):
    """Optional methods about logins; an object means supported."""

    logout: Any = None
    status: Any = None


class SessionCapabilities(SchemaModel):
    """Optional session methods; an object (even empty) means supported, None means not."""

    list: Any = None
    resume: Any = None
    close: Any = None
    delete: Any = None
    additional_directories: Any = None
    fork: Any = None
    title: Any = None


class CapabilityExtensions(SchemaModel):
    """Capabilities beyond the schema; an object means supported."""

    auth_status: Any = None
    """The agent pushes `_auth/status_update`, the first time shortly after its start."""


class AgentCapabilities(SchemaModel):
    """The capabilities of the agent."""

    load_session: Lenient[bool] = False
    prompt_capabilities: Lenient[PromptCapabilities] = PromptCapabilities()
    mcp_capabilities: Lenient[McpCapabilities] = McpCapabilities()
    session_capabilities: Lenient[SessionCapabilities] = SessionCapabilities()
    auth: Lenient[AgentAuthCapabilities] = AgentAuthCapabilities()
    extensions: Lenient[CapabilityExtensions] = Field(default=CapabilityExtensions(), alias="_meta")


class AuthVariable(SchemaModel):
    """An environment variable that an agent accepts as a login; not in the schema, but real."""

    name: str


class AuthMethod(SchemaModel):
    """A way to log in. `type`: agent (call authenticate), terminal, or a vendor's own.

    For terminal, run the agent's own command in one, with `args` behind its own and `env` over its environment. Some
    vendors have `env_var`, whose `vars` name the variables that replace a login.
    """

    id: str
    name: str = ""
    description: Lenient[str | None] = None
    type: Lenient[str] = "agent"
    args: Items[str] = Field(default_factory=list)
    env: Lenient[dict[str, str]] = Field(default_factory=dict)
    vars: Items[AuthVariable] = Field(default_factory=list)

    @property
    def variables(self) -> list[str]:
        """The names in `vars`."""
        return [variable.name for variable in self.vars]


class SteeringSupport(SchemaModel):
    """Whether the agent takes messages into a running turn; a vendor extension, see `acp.steering`."""

    supported: Lenient[bool] = False


class AgentExtensions(SchemaModel):
    """What an agent offers beyond the schema."""

    steering: Lenient[SteeringSupport] = SteeringSupport()


class InitializeResponse(SchemaModel):
    """The answer to `initialize`."""

    protocol_version: int
    agent_capabilities: Lenient[AgentCapabilities] = AgentCapabilities()
    agent_info: Lenient[Implementation | None] = None
    auth_methods: Items[AuthMethod] = Field(default_factory=list)
    extensions: Lenient[AgentExtensions] = Field(default=AgentExtensions(), alias="_meta")
