"""The states of a message's row, and the transitions between them. Pure.

A row goes from `received` over `prompted` and `finished` to `answered`. Before it is prompted it may be `held`: it
waits for a person, and a restart does not run it. It may be `closed` for a reason from every state but `answered`.
`BEFORE` has all transitions; docs/how-it-works.md draws them.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

LOST = "lost "
"""Begins the reason of a prompted row whose turn ended with the link to a place, which it names."""

NEW = "new"
"""The reason of a row that is received for the first time."""


class MessageState(StrEnum):
    """The state of a message's row."""

    RECEIVED = "received"
    HELD = "held"
    PROMPTED = "prompted"
    FINISHED = "finished"
    ANSWERED = "answered"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class MessageRow:
    """A message's row, with what a restart needs to continue it.

    `prompt` is the sent prompt, `reason` why the row ended: a stop reason, or a word or two. Both are None before that;
    but see `LOST`.
    `exchange_id` is the message that has the prompt of its exchange, which is the row itself if it is alone.
    """

    message_id: int
    thread_id: int
    author_id: int
    state: MessageState
    request: str
    prompt: str | None
    reason: str | None
    exchange_id: int

    @property
    def lost(self) -> str:
        """The place to which the link was lost in the row's turn; empty where that was not so."""
        is_lost = self.state is MessageState.PROMPTED and self.reason is not None and self.reason.startswith(LOST)
        return self.reason.removeprefix(LOST) if is_lost and self.reason is not None else ""


def in_exchange(rows: Iterable[MessageRow]) -> list[MessageRow]:
    """Return the rows of one exchange oldest first, but the one that has the prompt last."""
    return sorted(rows, key=lambda row: (row.message_id == row.exchange_id, row.message_id))


BEFORE = {
    MessageState.RECEIVED: (MessageState.HELD, MessageState.PROMPTED),
    MessageState.HELD: (MessageState.RECEIVED,),
    MessageState.PROMPTED: (MessageState.RECEIVED,),
    MessageState.FINISHED: (MessageState.PROMPTED,),
    MessageState.ANSWERED: (MessageState.FINISHED,),
    MessageState.CLOSED: (MessageState.RECEIVED, MessageState.HELD, MessageState.PROMPTED, MessageState.FINISHED),
}
"""The states from which each state is reached."""
