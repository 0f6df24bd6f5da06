"""The errors of Discord's REST API, and of the network in front of it, as types that say what to do.

    RestError
    +-- TryLater            it passes: try again
    +-- Gone                the message was deleted
    +-- Archived            the thread must be opened first
    +-- PermanentError      every try would be refused
        +-- ContentRefused  only this content would be

Discord's own refusals are JSON with an error code. An answer without one comes from the network in front of Discord, or
from a server that is down: it passes, and says nothing about the call.
"""

from typing import Final

import discord

from bot.text.markdown import shortened
from bot.user_messages import rest_errors

UNKNOWN_CHANNEL, MISSING_ACCESS, MISSING_PERMISSIONS = 10003, 50001, 50013
LOST: Final = frozenset({UNKNOWN_CHANNEL, MISSING_ACCESS, MISSING_PERMISSIONS})
NO_REPLY, THREAD_EXISTS = 160002, 160004
"""Discord's JSON error codes (Discord, Opcodes and Status Codes)."""

_UNKNOWN_MESSAGE = 10008
_THREAD_ARCHIVED, _THREAD_LOCKED = 50083, 160005

_PASSES: Final = frozenset({20016, 20022, 20028, 20029, 30046, 40333, 130000})
"""Too many writes in a channel or a server, too many edits of an old message, a network or server in trouble."""

_CONTENT: Final = frozenset({20009, 20031, 40005, 50006, 50035, 50109, 200000, 200001, 240000})
"""Explicit content, a name with words that are not allowed, too large, empty, an invalid form, AutoMod's block of a
message or a title, harmful links."""

_TOO_LARGE = 413

_UNAUTHORIZED, _TOKEN_CODES = 401, frozenset({0, 40001})
"""The refusal of the bot's token, by its status and codes. Other codes with this status are about an interaction's."""

_LONGEST_REASON = 200
"""Characters of a reason that is shown to people."""


class RestError(Exception):
    """A call failed, as far as is known; the text is a line for people."""


class Gone(RestError):
    """The message was deleted."""


class Archived(RestError):
    """The thread is archived and takes no edits until `DiscordApi.reopen`; or it is locked."""


class PermanentError(RestError):
    """Discord refuses every try: no such channel, no permission, bad request."""


class ContentRefused(PermanentError):
    """Discord refuses this content, or this name; it may take another."""


class TryLater(RestError):
    """The call may succeed later. `seconds` is the wait that Discord asks for, 0 if it states none."""

    def __init__(self, reason: str, seconds: float = 0.0) -> None:
        """Take the wait in `seconds`."""
        super().__init__(reason)
        self.seconds = seconds


def translated(error: discord.HTTPException) -> RestError:
    """Return the `RestError` for an exception of the library."""
    reason = reason_of(error)
    if error.status in {408, 429} or error.status >= 500 or error.code in _PASSES:
        return TryLater(reason)
    if is_token_refusal(error.status, error.code):
        return TryLater(rest_errors.TOKEN_REFUSED)
    if error.status == _TOO_LARGE or error.code in _CONTENT:
        return ContentRefused(reason)
    if not is_from_discord(error.response.headers.get("Content-Type", "")):
        return TryLater(reason)
    kinds: dict[int, type[RestError]] = {_UNKNOWN_MESSAGE: Gone, _THREAD_ARCHIVED: Archived, _THREAD_LOCKED: Archived}
    return kinds.get(error.code, PermanentError)(reason)


def is_token_refusal(status: int, code: object) -> bool:
    """Whether Discord refuses the bot's token: that says nothing about the call, which may be made with a new one."""
    return status == _UNAUTHORIZED and code in _TOKEN_CODES


def is_from_discord(content_type: str) -> bool:
    """Whether an answer is Discord's own: that is JSON. The network in front of it sends HTML or plain text."""
    return content_type.partition(";")[0].strip() == "application/json"


def reason_of(error: discord.HTTPException) -> str:
    """Return the reason in a line: Discord's own message, or the status if it has none."""
    answer = error.response
    own = is_from_discord(answer.headers.get("Content-Type", "")) and error.text
    words = on_one_line(error.text) if own else ""
    return words or rest_errors.answered(error.status, answer.reason)


def on_one_line(text: str) -> str:
    """Return a text on one line, shortened to what people read."""
    return shortened(" ".join(text[: 4 * _LONGEST_REASON].split()), _LONGEST_REASON)


def code_of(error: RestError) -> int:
    """Return Discord's JSON error code of a failure, 0 if it has none."""
    cause = error.__cause__
    return cause.code if isinstance(cause, discord.HTTPException) else 0
