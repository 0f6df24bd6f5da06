"""Messages that wait, are on hold, or are cancelled. Pure."""

from pool.conversation_context import CancelResult

STOP_OFFERED = "-# This was not sent to the agent. Shall it stop?"

PREEMPTED = (
    "-# ⏸ Others had waited for long, so the question above was ended and the agent let go. Continue wakes it, and it"
    " takes its work up again; so does a message."
)


def waiting(count: int) -> str:
    """Count messages."""
    return "1 message is" if count == 1 else f"{count} messages are"


def cancelled(done: CancelResult) -> str:
    """Report the effect of a cancel."""
    words = "Stopping." if done.stopped else "Nothing is running."
    if done.held:
        words += f" {waiting(done.held)} held; your next message goes on with them."
    return words


def queued(count: int) -> str:
    """Report messages that wait for the running turn."""
    return f"-# ⏳ {count} waiting"


def held(count: int) -> str:
    """Report messages that wait for a person."""
    return f"-# ⏸ {waiting(count)} on hold. Press Continue, or send a message, to resume."
