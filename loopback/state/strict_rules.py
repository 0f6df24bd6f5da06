"""The rules of Discord's that can be switched off one by one, to see whether a bot, or a check, would notice. Pure."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class StrictRule(StrEnum):
    """What this server insists on. What it does with the rule switched off comes after each."""

    NONCES = "nonces"
    """An enforced nonce that comes again within minutes gives the first message. Off: it posts another one."""

    LENGTH = "length"
    """A content longer than 2,000 is refused. Off: any length is accepted."""

    CODE_POINTS = "code_points"
    """Code points are counted. Off: UTF-16 units; an emoji has two."""

    TRIMMED = "trimmed"
    """Spaces at the ends of a content are dropped. Off: they stay."""

    VERBATIM = "verbatim"
    """A content is stored as it was sent. Off: a custom emoji becomes its name."""

    SUPPRESSED_PREVIEWS = "suppressed_previews"
    """A message that suppresses previews gets none. Off: an edit with a link brings one."""

    THREAD_IDS = "thread_ids"
    """A message's thread has the message's id. Off: an id of its own."""

    ARCHIVED = "archived"
    """A message in an archived thread cannot be edited (50083). Off: it can."""

    UNKNOWN_MESSAGES = "unknown_messages"
    """A message that is gone is 10008. Off: a plain 404."""

    FILE_NAMES = "file_names"
    """Names of files are reduced to ASCII. Off: they stay."""

    FILE_BYTES = "file_bytes"
    """A file is delivered as it was uploaded. Off: its last byte is missing."""

    FILE_ENCODINGS = "file_encodings"
    """A file is compressed only for a client that accepts it. Off: for every client."""

    RESUMES = "resumes"
    """A session whose connection broke can be resumed. Off: it cannot."""

    CLEAN_CLOSES = "clean_closes"
    """A session that the client closed with 1000 is over. Off: it can be resumed."""


ALL_RULES: Final = frozenset(StrictRule)
