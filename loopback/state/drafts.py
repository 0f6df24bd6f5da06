"""Reads a bot's message body into a `Draft`, and checks it against Discord's limits. Pure."""

from __future__ import annotations

import mimetypes
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final

from . import components, field_types
from .entities import Json, MessageFlag
from .errors import DiscordError, FormErrors, Reason
from .strict_rules import ALL_RULES, StrictRule

CONTENT_LENGTH: Final = 2000
NONCE_LENGTH: Final = 25
EMBEDS: Final = 10
EMBED_TITLE: Final = 256
EMBED_DESCRIPTION: Final = 4096
EMBED_FIELDS: Final = 25
EMBEDS_TOTAL: Final = 6000
FILES: Final = 10
FILE_BYTES: Final = 10 * 1024 * 1024
REQUEST_BYTES: Final = 25 * 1024 * 1024
MENTION_IDS: Final = 100

_ASTRAL: Final = re.compile(r"[^\u0000-\uffff]")
_CUSTOM_EMOJI: Final = re.compile(r"<a?:(\w+):\d+>")

EVERY_MENTION: Final = frozenset({"users", "roles", "everyone"})


@dataclass(frozen=True)
class Upload:
    """A file for a message."""

    filename: str
    content: bytes
    content_type: str | None = None
    description: str | None = None


@dataclass(frozen=True)
class AllowedMentions:
    """Which of the mentions in its text a message may ping."""

    parse: frozenset[str] = EVERY_MENTION
    users: frozenset[int] = frozenset()
    roles: frozenset[int] = frozenset()
    replied_user: bool = True


@dataclass(frozen=True)
class Draft:
    """A checked message body. An edit changes only the fields in `given`, those of the body.

    `kept` are the ids of the attachments that an edit keeps, None for all.
    """

    given: frozenset[str] = frozenset()
    content: str = ""
    embeds: tuple[Json, ...] = ()
    components: tuple[Json, ...] = ()
    uploads: tuple[Upload, ...] = ()
    kept: frozenset[int] | None = None
    flags: int = 0
    nonce: str | int | None = None
    enforce_nonce: bool = False
    allowed: AllowedMentions = AllowedMentions()
    answers: int | None = None
    answer_must_exist: bool = True
    stickers: Sequence[str] = ()
    poll: Sequence[str] = ()

    @property
    def empty(self) -> bool:
        """Whether the message would have no content."""
        shows_components = bool(self.components) and bool(self.flags & MessageFlag.COMPONENTS_V2)
        return not (self.content or self.embeds or self.uploads or self.stickers or self.poll or shows_components)


def read(body: Json, uploads: Sequence[Upload] = (), rules: Collection[StrictRule] = ALL_RULES) -> Draft:
    """Read a JSON body with its files. Raises 50035 with every problem at its path, or 40005.

    `rules` are those in force.
    """
    problems = FormErrors()
    field_types.check(body, "message", problems)
    problems.check()
    content = body.get("content") or ""
    if StrictRule.LENGTH in rules:
        counted = content if StrictRule.CODE_POINTS in rules else _ASTRAL.sub("..", content)
        problems.longest(("content",), counted, CONTENT_LENGTH)
    flags = body.get("flags") or 0
    embeds = body.get("embeds") or []
    _check_embeds(embeds, problems)
    shown = body.get("components") or []
    v2 = bool(flags & MessageFlag.COMPONENTS_V2)
    components.check(shown, problems, v2=v2)
    nonce = body.get("nonce")
    problems.longest(("nonce",), nonce, NONCE_LENGTH)
    allowed = _allowed_mentions(body.get("allowed_mentions"), problems)
    described, kept = _attachments(body, uploads, problems)
    problems.check()
    if any(len(upload.content) > FILE_BYTES for upload in uploads):
        raise DiscordError(Reason.TOO_LARGE)
    reference = body.get("message_reference") or {}
    return Draft(
        given=frozenset(body),
        content=_stored(content, rules),
        embeds=tuple({"type": "rich", **embed} for embed in embeds),
        components=tuple(components.numbered(shown)),
        uploads=described,
        kept=kept,
        flags=flags,
        nonce=nonce,
        enforce_nonce=bool(body.get("enforce_nonce")),
        allowed=allowed,
        answers=_id(reference.get("message_id")),
        answer_must_exist=reference.get("fail_if_not_exists", True) is not False,
    )


def _stored(content: str, rules: Collection[StrictRule]) -> str:
    if StrictRule.TRIMMED in rules:
        content = content.strip()
    return content if StrictRule.VERBATIM in rules else _CUSTOM_EMOJI.sub(r":\1:", content)


def _check_embeds(embeds: list[Json], problems: FormErrors) -> None:
    if len(embeds) > EMBEDS:
        problems.add(("embeds",), "BASE_TYPE_MAX_LENGTH", f"Must be {EMBEDS} or fewer in length.")
    total = 0
    for index, embed in enumerate(embeds):
        problems.longest(("embeds", index, "title"), embed.get("title"), EMBED_TITLE)
        problems.longest(("embeds", index, "description"), embed.get("description"), EMBED_DESCRIPTION)
        fields = embed.get("fields") or []
        if len(fields) > EMBED_FIELDS:
            problems.add(
                ("embeds", index, "fields"), "BASE_TYPE_MAX_LENGTH", f"Must be {EMBED_FIELDS} or fewer in length."
            )
        texts = [embed.get("title"), embed.get("description"), (embed.get("footer") or {}).get("text")]
        texts += [(embed.get("author") or {}).get("name")]
        texts += [one.get(key) for one in fields for key in ("name", "value")]
        total += sum(len(text) for text in texts if isinstance(text, str))
    if total > EMBEDS_TOTAL:
        code, message = "MAX_EMBED_SIZE_EXCEEDED", f"Embed size exceeds maximum size of {EMBEDS_TOTAL}"
        problems.add(("embeds",), code, message)


def _allowed_mentions(value: Any, problems: FormErrors) -> AllowedMentions:
    if value is None:
        return AllowedMentions()
    parse = frozenset(value.get("parse") or ())
    for key in ("users", "roles"):
        if len(value.get(key) or ()) > MENTION_IDS:
            path = ("allowed_mentions", key)
            problems.add(path, "BASE_TYPE_MAX_LENGTH", f"Must be {MENTION_IDS} or fewer in length.")
        if value.get(key) and key in parse:
            message = f'parse:["{key}"] and {key}: [ids...] are mutually exclusive.'
            problems.add(("allowed_mentions",), "MESSAGE_ALLOWED_MENTIONS_PARSE_EXCLUSIVE", message)
    return AllowedMentions(
        parse=parse,
        users=frozenset(int(one) for one in value.get("users") or ()),
        roles=frozenset(int(one) for one in value.get("roles") or ()),
        replied_user=bool(value.get("replied_user", False)),
    )


def _attachments(
    body: Json, uploads: Sequence[Upload], problems: FormErrors
) -> tuple[tuple[Upload, ...], frozenset[int] | None]:
    """Return the uploads with their descriptions from the body, and the ids of the old attachments to keep.

    An entry whose id is the number of an upload belongs to it. Any other id is an existing attachment's.
    """
    listed = body.get("attachments") or []
    if len(uploads) > FILES or len(listed) > FILES:
        problems.add(("attachments",), "BASE_TYPE_MAX_LENGTH", f"Must be {FILES} or fewer in length.")
    by_id = {_id(one.get("id")): one for one in listed}
    described = []
    for index, upload in enumerate(uploads):
        about = by_id.pop(index, {})
        filename = str(about.get("filename") or upload.filename)
        kind = upload.content_type
        if kind in (None, "application/octet-stream"):
            kind = mimetypes.guess_type(filename)[0]
        described.append(Upload(filename, upload.content, kind, about.get("description") or upload.description))
    kept = frozenset(one for one in by_id if one is not None)
    return tuple(described), kept if "attachments" in body and body["attachments"] is not None else None


def _id(value: object) -> int | None:
    return int(value) if isinstance(value, int | str) and str(value).isdigit() else None
