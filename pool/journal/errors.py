"""The errors of the journal, as types with fields.

    JournalError
    ├── WrongState              a row cannot make a transition: a mistake of ours
    └── JournalFileError        the file cannot be used now
        ├── JournalBusy         ... because another program has locked it
        ├── JournalUnusable     ... ever: it can be put aside
        └── JournalUnwritable   it is open, and cannot be written now

The text of each is a line for the log; the embedding program has the words for people.
"""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from .message_states import MessageState


class JournalError(Exception):
    """Base of all failures of the journal."""


@dataclass(eq=False)
class WrongState(JournalError):
    """A message's row is in `state`, None if there is none, from which it cannot go to `wanted`."""

    message_id: int
    state: MessageState | None
    wanted: MessageState

    def __str__(self) -> str:
        """Return a line for the log."""
        return f"message {self.message_id} is {self.state} and cannot become {self.wanted}"


class JournalProblem(StrEnum):
    """What is wrong with the file."""

    NOT_OPENED = "not opened"
    NOT_READ = "not read"
    NOT_WRITTEN = "not written"
    NOT_PUT_ASIDE = "not put aside"
    LOCKED = "locked by another program"
    DAMAGED = "damaged"
    NEWER = "of a newer schema"
    GONE = "moved or deleted"


@dataclass(eq=False)
class JournalFileError(JournalError):
    """The file at `path` cannot be used. `detail` has the words of the system or of SQLite, or the newer schema."""

    problem: JournalProblem
    path: Path
    detail: str = ""

    def __str__(self) -> str:
        """Return a line for the log."""
        return f"journal {self.path} {self.problem}{f': {self.detail}' if self.detail else ''}"


class JournalBusy(JournalFileError):
    """Another program has locked the file; it can be opened later."""


class JournalUnusable(JournalFileError):
    """The file is damaged, or written by a newer Threadline. It can be put aside."""


class JournalUnwritable(JournalFileError):
    """The open file cannot be written now: the disk is full or fails, or the file is damaged or gone."""
