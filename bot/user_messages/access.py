"""Why a message, a command or a button was refused. Pure."""

from pool.limits import Bound

BOUNDS = {
    Bound.THREAD: "This thread has too many messages waiting. Write again when some of them are answered.",
    Bound.USER: "You have something running in too many threads. Write again when one of them is done.",
    Bound.MINUTE: "You write faster than I may take up. Write this again in a minute.",
}
"""Why a message was rejected."""

UNWRITABLE = "I cannot write anything down now, so I have not taken this up. Write it again in a while."
"""Why a message was rejected, where the journal cannot be written."""

NOT_DONE = "I cannot write anything down now, so that was not done. Try again in a while."
"""Why a button, a menu or a command had no effect, where the journal cannot be written."""


def rejection(author_id: int, said: str, count: int, first: str) -> str:
    """Report rejected messages; `first` is the link to the first of them, `said` the reason."""
    words = f"<@{author_id}> {said}"
    return words if count == 1 else f"{words}\n-# {count} messages were not taken up, beginning with <{first}>."
