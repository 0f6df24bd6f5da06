"""Files that did not arrive: those of people at the agent, and those of the agent in the thread. Pure."""

from acp import FileProblem, FileRefused
from bot.text.markdown import escape
from bot.text.sizes import format_size
from pool.journal.trailers import FileLost


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

COPIED_TOO_SLOWLY = "copying the files to the agent's machine took too long"
NOT_COPIED = "it could not be copied to the agent's machine"
NO_ADDRESS = "Discord gave no address for it"
LATE = "Discord did not send it in time"
NOT_SAVED = "it could not be downloaded or saved"


def too_many(most: int) -> str:
    """Give the reason for the files beyond a number."""
    return f"only {most} files fit into one prompt"


def not_reached(place: str) -> str:
    """Give the reason for a file that did not get to another machine."""
    return f"{place} cannot be reached"


def too_late(place: str) -> str:
    """Give the reason for a file that another machine did not send in time."""
    return f"{place} did not send it in time"


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
NOT_FETCHED = "it could not be read on the agent's machine"
NO_DATA = "it has no data"
NOT_BASE64 = "its data is not base64"
TOO_MANY_FILES = "the reply has too many files"
AFTER_THE_END = "it came after the end of the turn"
NOT_READ = "it had not been read when the turn ended"
NOT_KEPT = "it is no longer available"


def not_posted(name: str, reason: str) -> str:
    """Report a file of the agent that is not attached; both are escaped."""
    return f"-# 🚫 {name} was not sent: {reason}"


def larger_than_allowed(size: int, most: int) -> str:
    """Give the reason for a file that Discord does not accept."""
    return f"it is {format_size(size)}, more than Discord's limit of {format_size(most)}"


def not_written(reason: str) -> str:
    """Give the reason for a file that the temporary directory has no room for."""
    return f"it could not be written: {reason}"


def not_attached(names: str, reason: str) -> str:
    """Report files that Discord did not accept; both are escaped."""
    return f"-# 🚫 {names} could not be attached: {reason}"


def page_as_file(reason: str, name: str) -> tuple[str, str]:
    """Report a part of an answer that Discord refuses as text, and the file that has it instead."""
    return f"-# 🚫 Discord refused this part of the answer: {escape(reason)}", f"-# It is attached as {name}."


def not_pinged(text: str, reason: str) -> str:
    """Report that the message which should have pinged its reader was refused; its text is shown without the ping."""
    return f"-# {text}\n-# 🔕 I couldn't ping you: {reason}"


def not_read(error: Exception) -> str:
    """Give the reason for a file that cannot be read any more, or that Discord did not accept."""
    match error:
        case FileLost(kept=False):
            return "it was too large to keep through a restart"
        case FileLost():
            return "it was lost in a restart"
    return str(error)


def unreadable(error: FileRefused, most: int) -> str:
    """Give the reason for a file that cannot be sent, without its path; `most` is the largest size in bytes."""
    match error.problem:
        case FileProblem.MISSING:
            return "it does not exist"
        case FileProblem.OUTSIDE:
            return OUTSIDE
        case FileProblem.HIDDEN:
            return HIDDEN
        case FileProblem.WITHHELD:
            return BOTS_OWN
        case FileProblem.NOT_REGULAR:
            return NOT_REGULAR
        case FileProblem.TOO_LARGE:
            return too_large(most)
        case FileProblem.UNREADABLE | FileProblem.UNWRITABLE:
            return error.detail


def ends_early(name: str, size: str, reason: str) -> str:
    """Report a file that could not be written to its end."""
    return f"-# ⚠ `{name}` ends after {size}; the rest could not be written: {reason}"


# ---- the files of a prompt, for the log

COMPRESSED_CUT_OFF = "the compressed file is cut off"


def unknown_encoding(encoding: str) -> str:
    """Give the reason for a file that arrived compressed in an unknown way."""
    return f"the content encoding {encoding!r} is not known"
