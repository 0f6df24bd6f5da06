"""The error by which the client refuses an agent's request."""

import errno
from dataclasses import dataclass
from typing import Self

from acp.errors import AcpError
from acp.jsonrpc import INTERNAL_ERROR, INVALID_PARAMS

NOT_FOUND = -32002
"""ACP's code for a missing resource (schema: ErrorCode)."""

_CODES = {errno.ENOENT: NOT_FOUND, errno.ENOTDIR: NOT_FOUND, errno.ENAMETOOLONG: INVALID_PARAMS}


@dataclass(eq=False)
class RequestRefused(AcpError):
    """A request of the agent that we refuse, with the `code` and `message` of the error answer.

    `subject` is the thing asked for, often a path; the `reason` does not repeat it.
    """

    code: int
    reason: str
    subject: str = ""

    @classmethod
    def by_system(cls, subject: str, error: OSError) -> Self:
        """Build the refusal for an error of the operating system about `subject`."""
        code = _CODES.get(error.errno or 0, INTERNAL_ERROR)
        return cls(code, error.strerror or str(error), subject)

    @property
    def message(self) -> str:
        """The subject and the reason."""
        return f"{self.subject}: {self.reason}" if self.subject else self.reason

    def __str__(self) -> str:
        """Return the message; the code is for the wire."""
        return self.message
