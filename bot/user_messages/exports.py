"""`/diff` and `/export`. Pure."""

from collections.abc import Sequence

CUT = "The patch is too long and was cut."

UNREAD = "Some new files could not be read and are missing."

NESTED = "Repositories inside this one, such as submodules, are compared by their commits only."

NO_CHANGES = "Nothing has changed since the last commit."

EXPORTED = "The thread as it is now."

CONVERSATION = "Conversation"


def with_remarks(text: str, remarks: Sequence[str]) -> str:
    """Add remarks to an answer."""
    return "\n-# ".join((text, *remarks))


OLDER_LEFT_OUT = "Older messages did not fit and are left out."


def no_diff(reason: str) -> str:
    """Explain why there is no patch."""
    return f"The changes can't be shown: {reason}."


def not_exported(reason: str) -> str:
    """Explain why there is no file."""
    return f"The thread can't be read: {reason}"
