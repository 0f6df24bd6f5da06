"""The errors between the client and an agent, as types.

    AcpError
    ├── SpawnFailed      the process could not be started: ours to configure
    ├── AgentClosed      the process ended, or was ended, while a request was open
    ├── ProtocolError    the agent broke the protocol: the agent's fault
    ├── RemoteError      the agent answered a request with a JSON-RPC error
    │   └── AuthRequired     ... because it needs a login
    ├── RequestTimeout   the agent did not answer within the bound of the request
    ├── Unsupported      the agent does not announce the capability; nothing was sent
    └── RequestRefused   we refuse what the agent asked of us (see `client_side/refusal`)

Callers catch these types; the text is for people only.
"""

from dataclasses import dataclass, field
from typing import Any

from acp.excerpt import excerpt

AUTH_REQUIRED = -32000
"""ACP's code for a request that needs a login first (schema: ErrorCode)."""

TOLD_LENGTH = 4000
"""Longest text of an agent's error, in characters: it goes into logs and messages."""


class AcpError(Exception):
    """Base of all failures of this package."""


class SpawnFailed(AcpError):
    """The agent's process could not be started; the text names the command or directory and the reason."""


@dataclass(eq=False)
class AgentClosed(AcpError):
    """The connection to the agent is gone.

    `exit_status` is the process's (negative: the signal that killed it), None where unknown. `stderr` has the last
    lines that the agent wrote there. `method` is the open request, if any.
    """

    reason: str
    exit_status: int | None = None
    stderr: tuple[str, ...] = ()
    method: str = ""

    def __str__(self) -> str:
        """Say all that is known, for a person."""
        status = "" if self.exit_status is None else f" ({describe_exit(self.exit_status)})"
        return f"{self.reason}{status}{_tail(self.stderr)}"


class ProtocolError(AcpError):
    """The agent broke the protocol in a way that cannot be ignored."""


@dataclass(eq=False)
class RemoteError(AcpError):
    """A JSON-RPC error answer. `code`, `message` and `data` are the agent's own (JSON-RPC 2.0, section 5.1).

    `stderr` has the agent's last lines by then; the text leaves them out.
    """

    method: str
    code: int
    message: str
    data: Any = field(default=None)
    stderr: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Say what the agent answered, for a person, in `TOLD_LENGTH` characters at most."""
        detail = "" if self.data in (None, {}, [], "") else f": {excerpt(self.data, TOLD_LENGTH)}"
        return f"{self.method} failed with {self.code} {self.message}{detail}"[:TOLD_LENGTH]


class AuthRequired(RemoteError):
    """The agent needs a login first (code -32000)."""


@dataclass(eq=False)
class RequestTimeout(AcpError):
    """No answer to `method` within `seconds`. `stderr` has the agent's last lines by then."""

    method: str
    seconds: float
    stderr: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Name the request and the bound."""
        return f"the agent did not answer {self.method} within {self.seconds:g} s{_tail(self.stderr)}"


class Unsupported(AcpError):
    """The agent does not announce the capability, so nothing was sent; the text names what is missing."""


def describe_exit(status: int) -> str:
    """Turn a process's exit status (negative: a signal's number) into words."""
    return f"exit code {status}" if status >= 0 else f"killed by signal {-status}"


def _tail(stderr: tuple[str, ...]) -> str:
    return "".join(f"\n{line}" for line in stderr)
