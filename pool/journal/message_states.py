"""The row of a message: its states, and the transitions between them. Pure.

A row goes from `received` over `prompted` and `finished` to `answered`. It may be `held` before it is prompted: it
waits for a person, and a restart does not run it. And it may be `closed(reason)` from any state but the last. `BEFORE`
has all transitions, docs/how-it-works.md draws them.
"""

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["BEFORE", "NEW", "MessageRow", "MessageState"]

NEW = "new"
"""Why a row that nobody has seen before is received; others are received again."""


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
    """A message that is open, or closed and owed a word about it: what is needed to take it up again.

    `prompt` is what was sent, once it was; `reason` why it ended, once it has: a stop reason, or a word or two.
    `exchange_id` is the last of the messages that were sent together with it, and its own id where none were.
    """

    message_id: int
    thread_id: int
    author_id: int
    state: MessageState
    request: str
    prompt: str | None
    reason: str | None
    exchange_id: int


BEFORE = {
    MessageState.RECEIVED: (MessageState.HELD, MessageState.PROMPTED),
    MessageState.HELD: (MessageState.RECEIVED,),
    MessageState.PROMPTED: (MessageState.RECEIVED,),
    MessageState.FINISHED: (MessageState.PROMPTED,),
    MessageState.ANSWERED: (MessageState.FINISHED,),
    MessageState.CLOSED: (MessageState.RECEIVED, MessageState.HELD, MessageState.PROMPTED, MessageState.FINISHED),
}
"""The states from which each state is reached."""
