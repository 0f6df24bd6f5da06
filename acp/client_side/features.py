"""The client as its agents see it: its capabilities, and what it gives each session."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from acp.schema import AgentCapabilities, McpServer, McpServerHttp, McpServerSse

from .filesystem import FileSystem
from .roots import Roots
from .terminals import Terminals

INFO = {"name": "threadline", "title": "Threadline", "version": "0.2.0"}
"""How we introduce ourselves (schema: Implementation)."""

FILE_METHODS = frozenset({"fs/read_text_file", "fs/write_text_file"})
TERMINAL_METHODS = frozenset(
    {"terminal/create", "terminal/output", "terminal/wait_for_exit", "terminal/kill", "terminal/release"}
)


@dataclass(frozen=True, slots=True)
class ServerLeftOut:
    """An MCP server that the agent cannot reach: it does not use the server's `transport`, `HTTP` or `SSE`."""

    name: str
    transport: str


@dataclass(frozen=True, slots=True)
class DirectoriesLeftOut:
    """Additional directories that the agent cannot use, because its sessions have one directory."""

    paths: tuple[Path, ...]


LeftOut = ServerLeftOut | DirectoriesLeftOut
"""A part of the client's offer that the agent's sessions do not get."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """The capabilities of the embedding program. Requests beyond them are refused (-32601).

    `file_system` and `terminals` build the services of one session from its directories. A `Question` of the running
    turn precedes each file access and each command. `elicitation` has the modes, `form` and `url`, whose `Elicitation`
    events are answered. `fork_points` has the names of agents that read a fork point, each with its first version that
    does. `notices` and `compaction`: these updates are shown. `subagents`: so are `Subagent` and `SubagentToolCall`.
    `terminal_login`: a person can run an agent's login in a terminal. The servers and the directories (absolute) go
    into every session.
    """

    file_system: Callable[[Roots], FileSystem] | None = None
    terminals: Callable[[Roots], Terminals] | None = None
    elicitation: frozenset[str] = frozenset()
    notices: bool = False
    compaction: bool = False
    subagents: bool = False
    terminal_login: bool = False
    mcp_servers: tuple[McpServer, ...] = ()
    additional_directories: tuple[Path, ...] = ()
    fork_points: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    def capabilities(self) -> dict[str, Any]:
        """Encode the capabilities for initialize (schema: ClientCapabilities)."""
        files = self.file_system is not None
        session: dict[str, Any] = {"configOptions": {"boolean": {}}}
        told: dict[str, Any] = {
            "fs": {"readTextFile": files, "writeTextFile": files},
            "terminal": self.terminals is not None,
            "session": session | {name: {} for name in ("notices", "compaction") if getattr(self, name)},
        }
        if self.subagents:
            told["subagents"] = {}
        if self.terminal_login:
            told["auth"] = {"terminal": True}
        if self.elicitation:
            told["elicitation"] = {mode: {} for mode in sorted(self.elicitation)}
        return told

    def serves(self, method: str) -> bool:
        """Whether the client serves an agent's request of this method."""
        files = self.file_system is not None and method in FILE_METHODS
        return files or (self.terminals is not None and method in TERMINAL_METHODS)

    def directories(self, cwd: Path, agent: AgentCapabilities, also: Sequence[Path] = ()) -> tuple[Path, ...]:
        """Return a session's directories: `cwd`, and the others where the agent accepts them."""
        return (cwd, *self.additional_directories, *also) if _takes_directories(agent) else (cwd,)

    def servers(self, agent: AgentCapabilities) -> list[dict[str, Any]]:
        """Encode the MCP servers that the agent can reach (schema: McpServer)."""
        return [
            each.model_dump(mode="json", by_alias=True) for each in self.mcp_servers if not _unreachable(each, agent)
        ]

    def left_out(self, agent: AgentCapabilities) -> list[LeftOut]:
        """Return the servers and directories that the agent's sessions do not get."""
        servers = ((server.name, _unreachable(server, agent)) for server in self.mcp_servers)
        found: list[LeftOut] = [ServerLeftOut(name, transport) for name, transport in servers if transport]
        if self.additional_directories and not _takes_directories(agent):
            found.append(DirectoriesLeftOut(self.additional_directories))
        return found


def _unreachable(server: McpServer, agent: AgentCapabilities) -> str:
    """Return the server's transport if the agent does not use it; empty if it does."""
    match server:
        case McpServerHttp() if not agent.mcp_capabilities.http:
            return "HTTP"
        case McpServerSse() if not agent.mcp_capabilities.sse:
            return "SSE"
    return ""


def _takes_directories(agent: AgentCapabilities) -> bool:
    return supports(agent.session_capabilities.additional_directories)


def supports(capability: Any) -> bool:
    """Whether a capability that an object announces is present; an empty object announces it."""
    return capability not in (None, False)
