"""Errors of Discord's REST API, and of the network before it, as types that say what to do.

Discord's own refusals are JSON with an error code. What has none comes from the network in front of it, or from a
server that is down: that passes, and says nothing about the call.
"""

from typing import Final

import discord

from bot.text.markdown import shortened

__all__ = [
    "LOST",
    "MISSING_ACCESS",
    "MISSING_PERMISSIONS",
    "NO_REPLY",
    "THREAD_EXISTS",
    "UNKNOWN_CHANNEL",
    "Archived",
    "ContentRefused",
    "Gone",
    "PermanentError",
    "RestError",
    "TryLater",
    "code_of",
    "in_a_line",
    "is_discords",
    "reason_of",
    "translated",
]

UNKNOWN_CHANNEL, MISSING_ACCESS, MISSING_PERMISSIONS = 10003, 50001, 50013
LOST: Final = frozenset({UNKNOWN_CHANNEL, MISSING_ACCESS, MISSING_PERMISSIONS})
NO_REPLY, THREAD_EXISTS = 160002, 160004
"""Discord's JSON error codes (Discord, Opcodes and Status Codes)."""

_UNKNOWN_MESSAGE = 10008
_THREAD_ARCHIVED, _THREAD_LOCKED = 50083, 160005

_PASSES: Final = frozenset({20016, 20022, 20028, 20029, 30046, 40333, 130000})
"""Too much is written in a channel or a server, too many edits of an old message, an edge or a server in trouble."""

_CONTENT: Final = frozenset({20009, 20031, 40005, 50006, 50035, 50109, 200000, 200001, 240000})
"""Explicit content, a name with words that are not allowed, too large, empty, an invalid form, AutoMod's block of a
message or a title, harmful links: with other content the same call may succeed."""

_TOO_LARGE = 413

_LONGEST_REASON = 200
"""Characters of a reason that people read."""


class RestError(Exception):
    """A call had no effect that we know of; the text is a line for people."""


class Gone(RestError):
    """The message no longer exists."""


class Archived(RestError):
    """The thread is archived, and takes no edits until it is opened again (`Rest.reopen`); or it is locked."""


class PermanentError(RestError):
    """Discord will not do this however often it is asked: no such channel, no permission, bad request."""


class ContentRefused(PermanentError):
    """Discord will not take this content, or this name, in a place where it takes others."""


class TryLater(RestError):
    """Discord cannot do this now. `seconds` is how long it asks to wait, 0 where it does not say."""

    def __init__(self, reason: str, seconds: float = 0.0) -> None:
        """Keep the wait."""
        super().__init__(reason)
        self.seconds = seconds


def translated(error: discord.HTTPException) -> RestError:
    """Return the library's exception as ours."""
    reason = reason_of(error)
    if error.status in {408, 429} or error.status >= 500 or error.code in _PASSES:
        return TryLater(reason)
    if error.status == _TOO_LARGE or error.code in _CONTENT:
        return ContentRefused(reason)
    if not is_discords(error.response.headers.get("Content-Type", "")):
        return TryLater(reason)
    kinds: dict[int, type[RestError]] = {_UNKNOWN_MESSAGE: Gone, _THREAD_ARCHIVED: Archived, _THREAD_LOCKED: Archived}
    return kinds.get(error.code, PermanentError)(reason)


def is_discords(content_type: str) -> bool:
    """Whether an answer is Discord's own, by its type: it speaks JSON. The edge before it speaks HTML or plain text."""
    return content_type.partition(";")[0].strip() == "application/json"


def reason_of(error: discord.HTTPException) -> str:
    """Return the reason in a line: Discord's own words, or the status where there are none."""
    answer = error.response
    own = is_discords(answer.headers.get("Content-Type", "")) and error.text
    words = in_a_line(error.text) if own else ""
    return words or f"Discord's network answered {error.status} {answer.reason}"


def in_a_line(text: str) -> str:
    """Bring a text into one line of a length that people read."""
    return shortened(" ".join(text[: 4 * _LONGEST_REASON].split()), _LONGEST_REASON)


def code_of(error: RestError) -> int:
    """Return Discord's code for a failure, 0 where there is none."""
    cause = error.__cause__
    return cause.code if isinstance(cause, discord.HTTPException) else 0
