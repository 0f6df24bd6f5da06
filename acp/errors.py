"""The errors between the client and an agent, as types with fields.

    AcpError
    ├── SpawnFailed      the process could not be started: ours to configure
    ├── PlaceUnreachable the way to another machine fails: its engine's client ended or does not answer
    ├── QueuedTooLong    a place has not started the agent in time: it still has the start in its queue
    ├── FileRefused      a file of an agent's machine is not read, or not written
    ├── AgentClosed      the process ended, or was ended, while a request was open
    ├── ProtocolError    the agent's answer to a request cannot be read: the agent's fault
    ├── RemoteError      the agent answered a request with a JSON-RPC error
    │   └── AuthRequired     ... because it needs a login
    ├── RequestTimeout   the agent did not answer within the bound of the request
    ├── Unsupported      the agent does not announce the capability; nothing was sent
    └── RequestRefused   we refuse what the agent asked of us (see `client_side/refusal`)

Callers catch these types and read their fields. The text of each is a technical line for the log; the embedding program
has the words for people.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from acp.defects import Defect
from acp.excerpt import excerpt

AUTH_REQUIRED = -32000
"""ACP's code for a request that needs a login first (schema: ErrorCode)."""

TOLD_LENGTH = 4000
"""Longest text of an agent's error, in characters: it goes into logs and messages."""


class AcpError(Exception):
    """Base of all failures of this package."""


class StartProblem(StrEnum):
    """What keeps a process from starting."""

    COMMAND_MISSING = "command not found"
    COMMAND_UNUSABLE = "command not started"
    DIRECTORY_MISSING = "no such directory"
    DIRECTORY_CLOSED = "directory not entered"
    DIRECTORY_SILENT = "no answer from directory"
    DIRECTORY_NOT_MADE = "directory not created"
    SANDBOX_MISSING = "sandbox program not found"
    SANDBOX_PATH = "path of the sandbox not found"
    SANDBOX_LINK = "path of the sandbox leads through a link that agents can change"


@dataclass(eq=False)
class SpawnFailed(AcpError):
    """The agent's process could not be started.

    `path` is the command, the directory or the file that `problem` is about, `detail` the operating system's reason, if
    any.
    """

    problem: StartProblem
    path: str
    detail: str = ""

    def __str__(self) -> str:
        """Return a line for the log."""
        return f"{self.problem}: {self.path}{f' ({self.detail})' if self.detail else ''}"


@dataclass(eq=False)
class PlaceUnreachable(AcpError):
    """The way to a place fails. `detail` is what its engine's client said, in one line."""

    place: str
    detail: str = ""

    def __str__(self) -> str:
        """Return a line for the log."""
        return f"place {self.place} not reached{f': {self.detail}' if self.detail else ''}"


@dataclass(eq=False)
class QueuedTooLong(AcpError):
    """A place still has a start in its queue after `seconds`: it is given up. `detail` is the place's last reason."""

    place: str
    seconds: float
    detail: str

    def __str__(self) -> str:
        """Return a line for the log."""
        return f"start still queued at {self.place} after {self.seconds:g} s: {self.detail}"


class FileProblem(StrEnum):
    """What keeps a file from being read or written."""

    MISSING = "no such file"
    OUTSIDE = "outside the directories"
    HIDDEN = "hidden file"
    WITHHELD = "file withheld"
    NOT_REGULAR = "not a regular file"
    TOO_LARGE = "file too large"
    UNREADABLE = "file not read"
    UNWRITABLE = "file not written"


@dataclass(eq=False)
class FileRefused(AcpError):
    """A file is not read, or not written. `detail` is the operating system's reason, if any."""

    problem: FileProblem
    path: str
    detail: str = ""

    def __str__(self) -> str:
        """Return a line for the log."""
        return f"{self.problem}: {self.path}{f' ({self.detail})' if self.detail else ''}"


class CloseReason(StrEnum):
    """Why the connection to an agent is gone."""

    ENDED = "process ended"
    SANDBOX_FAILED = "sandbox not made"
    LINK_LOST = "link to the agent's machine lost"
    STOPPED = "stopped by the client"
    SHUTDOWN = "client shuts down"
    INPUT_CLOSED = "agent closed its input"
    INPUT_UNREAD = "agent left its input unread"
    ANSWERS_UNREAD = "agent asked on and left the answers unread"
    CANCEL_IGNORED = "agent did not end a cancelled turn"
    PROTOCOL = "agent broke the protocol"
    GIT_REDIRECTED = "agent redirected a repository of git"
    OVER_MEMORY = "agent used too much memory"


@dataclass(eq=False)
class AgentClosed(AcpError):
    """The connection to the agent is gone.

    `exit_status` is the process's (negative: the signal that killed it), None where unknown. `stderr` has the last
    lines that the agent wrote there. `method` is the open request, if any. `seconds` or `memory` (bytes) is the bound
    that was exceeded, `defect` the violation of the protocol, `place` the machine whose link is lost; each is set where
    the reason has one.
    """

    reason: CloseReason
    exit_status: int | None = None
    stderr: tuple[str, ...] = ()
    method: str = ""
    seconds: float | None = None
    defect: Defect | None = None
    place: str = ""
    memory: int | None = None

    def __str__(self) -> str:
        """Return a line for the log, with the last lines of stderr below it."""
        status = None if self.exit_status is None else f"exit status {self.exit_status}"
        bound = None if self.seconds is None else f"for {self.seconds:g} s"
        memory = None if self.memory is None else f"more than {self.memory} bytes"
        details = ", ".join(str(each) for each in (status, bound, memory, self.defect) if each is not None)
        return f"{self.reason}{f' ({details})' if details else ''}{_tail(self.stderr)}"


@dataclass(eq=False)
class ProtocolError(AcpError):
    """The agent's answer to our request `method` cannot be read."""

    defect: Defect
    method: str

    def __str__(self) -> str:
        """Return a line for the log."""
        return f"answer to {self.method} not readable: {self.defect}"


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
        """Return a line for the log, of at most `TOLD_LENGTH` characters."""
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
        """Return a line for the log, with the last lines of stderr below it."""
        return f"no answer to {self.method} within {self.seconds:g} s{_tail(self.stderr)}"


class Feature(StrEnum):
    """What an agent may lack."""

    LOGIN_METHOD = "login method"
    LOGOUT = "logout"
    LOAD = "loading sessions"
    LIST = "listing sessions"
    FORK = "forking sessions"
    TITLE = "titles of sessions"
    DELETE = "deleting sessions"
    OPTION = "option"
    IMAGE = "images"
    AUDIO = "audio"
    STEERING = "messages into a running turn"


@dataclass(eq=False)
class Unsupported(AcpError):
    """The agent does not announce the feature, so nothing was sent.

    `subject` is the missing login method or option, `value` what the option cannot be set to.
    """

    feature: Feature
    subject: str = ""
    value: str | bool | None = None

    def __str__(self) -> str:
        """Return a line for the log."""
        subject = f" {self.subject!r}" if self.subject else ""
        return f"not supported: {self.feature}{subject}{'' if self.value is None else f' = {self.value!r}'}"


def _tail(stderr: tuple[str, ...]) -> str:
    return "".join(f"\n{line}" for line in stderr)
