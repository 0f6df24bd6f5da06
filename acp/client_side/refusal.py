"""The error by which the client refuses an agent's request."""

import errno
from dataclasses import dataclass
from typing import Self

from acp.errors import AcpError
from acp.jsonrpc import INTERNAL_ERROR, INVALID_PARAMS

__all__ = ["NOT_FOUND", "RequestRefused"]

NOT_FOUND = -32002
"""ACP's code for a resource that is not there (schema: ErrorCode)."""

_CODES = {errno.ENOENT: NOT_FOUND, errno.ENOTDIR: NOT_FOUND, errno.ENAMETOOLONG: INVALID_PARAMS}


@dataclass(eq=False)
class RequestRefused(AcpError):
    """A request of the agent that we do not fulfil: `code` and `message` are what its error answer must carry.

    `subject` is what it asked for, a path mostly; the `reason` does not repeat it.
    """

    code: int
    reason: str
    subject: str = ""

    @classmethod
    def by_system(cls, subject: str, error: OSError) -> Self:
        """Make the refusal for what the operating system said about `subject`."""
        code = _CODES.get(error.errno or 0, INTERNAL_ERROR)
        return cls(code, error.strerror or str(error), subject)

    @property
    def message(self) -> str:
        """The reason, behind what it is about."""
        return f"{self.subject}: {self.reason}" if self.subject else self.reason

    def __str__(self) -> str:
        """The message; the code is for the wire."""
        return self.message
