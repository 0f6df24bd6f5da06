"""The server's errors, with Discord's own codes and messages.

Source: Discord's developer documentation, "Opcodes and Status Codes: JSON Error Codes".
"""

from __future__ import annotations

from enum import Enum
from typing import Any


class Reason(Enum):
    """A reason for a refusal: HTTP status, JSON error code, message."""

    UNAUTHORIZED = (401, 0, "401: Unauthorized")
    NOT_FOUND = (404, 0, "404: Not Found")
    TOO_LARGE = (413, 40005, "Request entity too large")
    UNKNOWN_CHANNEL = (404, 10003, "Unknown Channel")
    UNKNOWN_GUILD = (404, 10004, "Unknown Guild")
    UNKNOWN_MEMBER = (404, 10007, "Unknown Member")
    UNKNOWN_MESSAGE = (404, 10008, "Unknown Message")
    UNKNOWN_USER = (404, 10013, "Unknown User")
    UNKNOWN_EMOJI = (400, 10014, "Unknown Emoji")
    UNKNOWN_WEBHOOK = (404, 10015, "Unknown Webhook")
    UNKNOWN_TAG = (400, 10087, "Unknown Tag")
    UNKNOWN_INTERACTION = (404, 10062, "Unknown interaction")
    UNKNOWN_COMMAND = (404, 10063, "Unknown application command")
    CHANNEL_WRITES = (429, 20028, "The write action you are performing on the channel has hit the write rate limit")
    GUILD_WRITES = (429, 20029, "The write action you are performing on the server has hit the write rate limit")
    NAME_REFUSED = (
        400,
        20031,
        "Your Stage topic, server name, server description, or channel names contain words that are not allowed",
    )
    TOO_MANY_PINS = (400, 30003, "Maximum number of pins reached for the channel (250)")
    TOO_MANY_WEBHOOKS = (400, 30007, "Maximum number of webhooks reached (15)")
    TOO_MANY_REACTIONS = (400, 30010, "Maximum number of reactions reached (20)")
    ALREADY_ACKNOWLEDGED = (400, 40060, "Interaction has already been acknowledged.")
    MISSING_ACCESS = (403, 50001, "Missing Access")
    NOT_IN_DM = (403, 50003, "Cannot execute action on a DM channel")
    NOT_THE_AUTHOR = (403, 50005, "Cannot edit a message authored by another user")
    EMPTY_MESSAGE = (400, 50006, "Cannot send an empty message")
    CANNOT_SEND_TO_USER = (403, 50007, "Cannot send messages to this user")
    NOT_A_TEXT_CHANNEL = (400, 50008, "Cannot send messages in a non-text channel")
    MISSING_PERMISSIONS = (403, 50013, "Missing Permissions")
    SYSTEM_MESSAGE = (403, 50021, "Cannot execute action on a system message")
    WRONG_CHANNEL_TYPE = (400, 50024, "Cannot execute action on this channel type")
    INVALID_WEBHOOK_TOKEN = (401, 50027, "Invalid Webhook Token")
    INVALID_FORM_BODY = (400, 50035, "Invalid Form Body")
    THREAD_ARCHIVED = (400, 50083, "Thread is archived")
    INVALID_JSON = (400, 50109, "The request body contains invalid JSON.")
    OVERLOADED = (503, 130000, "API resource is currently overloaded. Try again a little later")
    NO_REPLY = (403, 160002, "Cannot reply without permission to read message history")
    THREAD_EXISTS = (400, 160004, "A thread has already been created for this message")
    THREAD_LOCKED = (403, 160005, "Thread is locked")
    TOO_MANY_THREADS = (400, 160006, "Maximum number of active threads reached")
    TOO_MANY_ANNOUNCEMENT_THREADS = (400, 160007, "Maximum number of active announcement threads reached")
    MESSAGE_BLOCKED = (400, 200000, "Message was blocked by automatic moderation")
    TITLE_BLOCKED = (400, 200001, "Title was blocked by automatic moderation")
    LINK_BLOCKED = (400, 240000, "Message blocked by harmful links filter")

    @property
    def status(self) -> int:
        """HTTP status."""
        return self.value[0]

    @property
    def code(self) -> int:
        """Discord's JSON error code."""
        return self.value[1]


class DiscordError(Exception):
    """A request that Discord would refuse. `errors` is the nested part of a 50035."""

    def __init__(self, reason: Reason, errors: dict[str, Any] | None = None) -> None:
        super().__init__(f"{reason.status} {reason.code}: {reason.value[2]}" + (f" {errors}" if errors else ""))
        self.reason = reason
        self.errors = errors

    @property
    def body(self) -> dict[str, Any]:
        """The JSON body of the answer."""
        body: dict[str, Any] = {"message": self.reason.value[2], "code": self.reason.code}
        if self.errors:
            body["errors"] = self.errors
        return body


class FormErrors:
    """Collects the problems of one request body, each at its path, in Discord's nested form."""

    def __init__(self) -> None:
        self._tree: dict[str, Any] = {}

    def add(self, path: tuple[str | int, ...], code: str, message: str) -> None:
        """Add one problem at `path` ("embeds", 0, "title")."""
        node = self._tree
        for step in path:
            node = node.setdefault(str(step), {})
        node.setdefault("_errors", []).append({"code": code, "message": message})

    def longest(self, path: tuple[str | int, ...], text: object, most: int) -> None:
        """Add a problem if `text` is longer than `most` characters."""
        if isinstance(text, str) and len(text) > most:
            self.add(path, "BASE_TYPE_MAX_LENGTH", f"Must be {most} or fewer in length.")

    def error(self) -> DiscordError:
        """Return the problems as a 50035."""
        return DiscordError(Reason.INVALID_FORM_BODY, self._tree)

    def check(self) -> None:
        """Raise 50035 if there are problems."""
        if self._tree:
            raise self.error()


def invalid(path: tuple[str | int, ...], code: str, message: str) -> DiscordError:
    """Return a 50035 with one problem."""
    problems = FormErrors()
    problems.add(path, code, message)
    return problems.error()
