"""What is wrong with a message of the agent that cannot be read: a closed set of types for `match`.

The text of each is one line for the log and for the agent.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LineTooLong:
    """Its line is longer than `most` bytes."""

    most: int

    def __str__(self) -> str:
        return f"longer than {self.most // 2**20} MiB"


@dataclass(frozen=True, slots=True)
class TooManyValues:
    """It has more than `most` values."""

    most: int

    def __str__(self) -> str:
        return f"more than {self.most:,} values"


@dataclass(frozen=True, slots=True)
class NotJson:
    """It is not JSON; `detail` is the parser's first complaint."""

    detail: str

    def __str__(self) -> str:
        return f"not JSON: {self.detail}"


@dataclass(frozen=True, slots=True)
class Invalid:
    """It is JSON and no message of the protocol; `detail` names the field and the fault, or the unknown id."""

    detail: str

    def __str__(self) -> str:
        return self.detail


Defect = LineTooLong | TooManyValues | NotJson | Invalid
