"""Files that did not arrive: those of people at the agent, and those of the agent in the thread. Pure."""

from acp.client_side.refusal import NOT_FOUND, RequestRefused
from acp.jsonrpc import INVALID_PARAMS
from bot.text.markdown import escape
from bot.text.sizes import format_size


def too_large(most: int) -> str:
    """Give the reason for a file with more than `most` bytes."""
    return f"larger than {format_size(most)}"


# ---- to the agent


def not_sent(what: str) -> str:
    """Report what the agent did not get, as `left_out` names it."""
    return f"-# ⚠ not sent to the agent: {escape(what)}"


def left_out(name: str, reason: str) -> str:
    """Name what is missing in a prompt, for people and for the agent."""
    return f"{name} ({reason})"


EARLIER_MESSAGES = left_out("the earlier messages of this thread", "Discord refused them")
QUOTED_MESSAGE = left_out("the message that this is about", "it can no longer be read")

NO_ADDRESS = "Discord gave no address for it"
LATE = "Discord did not send it in time"
NOT_SAVED = "it could not be downloaded or saved"


def too_many(most: int) -> str:
    """Give the reason for the files beyond a number."""
    return f"only {most} files fit into one prompt"


def refused(status: int) -> str:
    """Give the reason for a file that Discord answered with an HTTP status."""
    return f"Discord refused it, status {status}"


# ---- to the thread

HIDDEN = "hidden files are never sent"
BOTS_OWN = "it belongs to the bot"
NOT_REGULAR = "it is not a regular file"
EMPTY = "it is empty"
BAD_ADDRESS = "its address cannot be read"
OUTSIDE = "only files in the agent's directories are sent"
NO_ANSWER = "its file system does not answer"


def unreadable(error: RequestRefused) -> str:
    """Give the reason for a file that cannot be opened, without its path."""
    match error.code:
        case code if code == NOT_FOUND:
            return "it does not exist"
        case code if code == INVALID_PARAMS:
            return OUTSIDE
    return error.reason


def ends_early(name: str, size: str, reason: str) -> str:
    """Report a file that could not be written to its end."""
    return f"-# ⚠ `{name}` ends after {size}, it could not be written: {reason}"
