"""Messages that wait or are on hold, and what stops a turn. Pure."""

from pool.conversation_context import CancelResult

STOP_OFFERED = "-# Did you want to stop the agent? (Your message was not sent.)"

PREEMPTED = (
    "-# ⏸ The question above was cancelled to free an agent for waiting threads."
    " Press Continue, or send a message, to resume."
)

EMPTY = "No messages are waiting."

NOT_WAITING = "This message is not in the queue."

GOES_NEXT = "It goes next; the running turn is stopped."

OTHERS_MESSAGES = "These messages belong to others; only their authors and approvers can remove them."

TURN_OVER = "This turn is over."

OUTDATED = "-# This notice is out of date."

OTHER_THREAD = "This button belongs to another thread."

NO_TEXT = "(no text)"

INTERRUPT_BUTTON = "Interrupt and send"
DROP_BUTTON = "Drop"
DROP_ALL_BUTTON = "Drop all"
CONTINUE_BUTTON = "Continue"
KEEP_GOING_BUTTON = "Keep going"
STOP_BUTTON = "Stop"
STOPPING_BUTTON = "Stopping…"
DROP_PLACEHOLDER = "Drop…"


def messages(count: int) -> str:
    """Count messages."""
    return "1 message" if count == 1 else f"{count} messages"


def waiting(count: int) -> str:
    """Count messages that wait for the running turn."""
    return f"{messages(count)} waiting"


def on_hold(count: int) -> str:
    """Count messages that wait for a person."""
    return f"{messages(count)} on hold"


def cancelled(done: CancelResult) -> str:
    """Report the effect of a cancel."""
    words = "Stopping." if done.stopped else "Nothing is running."
    if done.held == 1:
        words += " 1 queued message is on hold; it is sent with your next message."
    elif done.held:
        words += f" {done.held} queued messages are on hold; they are sent with your next message."
    return words


def queued(count: int) -> str:
    """Report messages that wait for the running turn."""
    return f"-# ⏳ {count} waiting"


def held(count: int) -> str:
    """Report messages that wait for a person."""
    return f"-# ⏸ {messages(count)} {_is(count)} on hold. Press Continue, or send a message, to resume."


def _is(count: int) -> str:
    return "is" if count == 1 else "are"


def resumed(count: int, by: int) -> str:
    """Report that a person has resumed the messages on hold."""
    return f"-# <@{by}> resumed {messages(count)}."


def continued(by: int) -> str:
    """Report that a person has told the agent to resume its work."""
    return f"-# Continued by <@{by}>."


def kept_going(by: int) -> str:
    """Report that a person does not want the turn to stop."""
    return f"-# <@{by}> chose to keep going."


def dropped(count: int, left: int = 0) -> str:
    """Report removed messages, and how many of others stay."""
    words = f"Dropped {messages(count)}."
    return f"{words} {messages(left)} from others {'stays' if left == 1 else 'stay'}." if left else words


def all_dropped(count: int, by: int) -> str:
    """Report that a person has removed all messages on hold."""
    return f"-# <@{by}> dropped {messages(count)}."


def entry(number: int, author_id: int, beginning: str) -> str:
    """List a waiting message."""
    return f"{number}. <@{author_id}> {beginning}"


def more(count: int) -> str:
    """Count the entries that a list leaves out."""
    return f"… and {count} more"
