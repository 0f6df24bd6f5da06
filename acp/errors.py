"""The errors between the client and an agent, as types.

    AcpError
    ├── SpawnFailed      the process could not be started: ours to configure
    ├── AgentClosed      the process ended, or was ended, while we needed it
    ├── ProtocolError    the agent said something that ACP does not allow: the agent's fault
    ├── RemoteError      the agent answered a request with a JSON-RPC error
    │   └── AuthRequired     ... because nobody has logged in
    ├── RequestTimeout   the agent did not answer within the bound of the request
    ├── Unsupported      the agent has not said that it can do this; nothing was sent
    └── Refused          we do not do what the agent asked of us (see `refusal`)

Callers catch these types; nobody reads their text but people.
"""

from dataclasses import dataclass, field
from typing import Any

from acp.excerpt import excerpt

__all__ = [
    "AUTH_REQUIRED",
    "TOLD_LENGTH",
    "AcpError",
    "AgentClosed",
    "AuthRequired",
    "ProtocolError",
    "RemoteError",
    "RequestTimeout",
    "SpawnFailed",
    "Unsupported",
]

AUTH_REQUIRED = -32000
"""ACP's code for a request that needs a login first (schema: ErrorCode)."""

TOLD_LENGTH = 4000
"""Characters of an agent's error that its text shows: it goes into logs and messages."""


class AcpError(Exception):
    """Base of all failures of this package."""


class SpawnFailed(AcpError):
    """The agent's process could not be started; the text names the command or directory and the reason."""


@dataclass(eq=False)
class AgentClosed(AcpError):
    """The connection to the agent is gone.

    `exit_status` is the process's (negative: the signal that killed it), None where it is not known. `stderr` has the
    last lines the agent wrote there. `method` is the request that was waiting, if any.
    """

    reason: str
    exit_status: int | None = None
    stderr: tuple[str, ...] = ()
    method: str = ""

    def __str__(self) -> str:
        """Everything known, in one paragraph for a person."""
        status = "" if self.exit_status is None else f" ({describe_exit(self.exit_status)})"
        return f"{self.reason}{status}{_tail(self.stderr)}"


class ProtocolError(AcpError):
    """The agent broke the protocol in a way that cannot be passed over."""


@dataclass(eq=False)
class RemoteError(AcpError):
    """A JSON-RPC error answer. `code`, `message` and `data` are the agent's own (JSON-RPC 2.0, section 5.1).

    `stderr` has the last lines the agent had written there by then; they are not in the text.
    """

    method: str
    code: int
    message: str
    data: Any = field(default=None)
    stderr: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Everything the agent told, in one line for a person, as far as one may want to read it."""
        detail = "" if self.data in (None, {}, [], "") else f": {excerpt(self.data, TOLD_LENGTH)}"
        return f"{self.method} failed with {self.code} {self.message}{detail}"[:TOLD_LENGTH]


class AuthRequired(RemoteError):
    """The agent wants a login first (code -32000)."""


@dataclass(eq=False)
class RequestTimeout(AcpError):
    """No answer to `method` within `seconds`. `stderr` has the last lines the agent had written there by then."""

    method: str
    seconds: float
    stderr: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Say what was waited for, and how long."""
        return f"the agent did not answer {self.method} within {self.seconds:g} s{_tail(self.stderr)}"


class Unsupported(AcpError):
    """The agent has not said that it can do this, so nothing was sent; the text names what is missing."""


def describe_exit(status: int) -> str:
    """Turn a process's exit status (negative: a signal's number) into words."""
    return f"exit code {status}" if status >= 0 else f"killed by signal {-status}"


def _tail(stderr: tuple[str, ...]) -> str:
    return "".join(f"\n{line}" for line in stderr)
