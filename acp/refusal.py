"""Why something that an agent asked of us was not done."""

import errno
from dataclasses import dataclass
from typing import Self

from .errors import AcpError
from .jsonrpc import INTERNAL_ERROR, INVALID_PARAMS

__all__ = ["NOT_FOUND", "Refused"]

NOT_FOUND = -32002
"""ACP's code for a resource that is not there (schema: ErrorCode)."""

_CODES = {errno.ENOENT: NOT_FOUND, errno.ENOTDIR: NOT_FOUND, errno.ENAMETOOLONG: INVALID_PARAMS}


@dataclass(eq=False)
class Refused(AcpError):
    """A request of the agent that we do not fulfil: `code` and `message` are what its error answer must carry."""

    code: int
    message: str

    @classmethod
    def by_system(cls, subject: str, error: OSError) -> Self:
        """Make the refusal for what the operating system said about `subject`."""
        code = _CODES.get(error.errno or 0, INTERNAL_ERROR)
        return cls(code, f"{subject}: {error.strerror or error}")

    def __str__(self) -> str:
        """The message; the code is for the wire."""
        return self.message
