"""What becomes of an agent's question. Pure."""

from bot.text.markdown import escape
from pool.exchange import Unanswered
from pool.journal.message_states import MessageState

from .layout import link

UNANSWERED = {
    Unanswered.TIME: "nobody answered in time",
    Unanswered.OTHERS: "others had long been waiting for an agent",
}
"""Why a question was rejected without a person."""

DENY_ENDS = "The agent offers no way to reject this alone: Deny ends its turn."

_BECAME = {
    MessageState.RECEIVED: "Threadline was restarted, and the request is taken up again",
    MessageState.HELD: "Threadline was restarted, and the request is held until somebody goes on with it",
    MessageState.PROMPTED: "Threadline was restarted and the turn is interrupted; Retry on the notice below asks again",
    MessageState.FINISHED: "its turn has ended",
    MessageState.ANSWERED: "its turn has ended",
    MessageState.CLOSED: "Threadline was restarted, and the request was not taken up again",
}

ANSWERED = "This question is no longer open: it has been answered."


def became(state: MessageState | None) -> str:
    """Say of a question that it is no longer open; `state` is that of its exchange, if known."""
    return f"This question is no longer open: {_BECAME[state] if state is not None else 'its turn is over'}."


def reminder(title: str, guild_id: int | None, channel_id: int, message_id: int, seconds_left: float) -> str:
    """Report a question that is still open, with a link to it."""
    address = link(guild_id, channel_id, message_id)
    return f"still waiting for an answer, {_minutes(seconds_left)} more: [{escape(title)}](<{address}>)"


def _minutes(seconds: float) -> str:
    minutes = max(1, round(seconds / 60))
    return f"{minutes} min" if minutes < 120 else f"{minutes / 60:.0f} h"
