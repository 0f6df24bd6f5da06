"""The types of body fields. Values of other types are refused before use. Pure.

A shape is a `Kind`, a list of one shape, a mapping of fields, or a name in `NAMED`. Fields may be missing or null, and
unnamed fields may hold anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any, Final

from .errors import FormErrors


class Kind(Enum):
    """A plain value, and Discord's error for another one."""

    TEXT = ("BASE_TYPE_STRING", "Could not interpret value as string.")
    NUMBER = ("NUMBER_TYPE_COERCE", "Value is not int.")
    TRUTH = ("BASE_TYPE_BOOLEAN", "Must be either true or false.")
    ID = ("NUMBER_TYPE_COERCE", "Value is not snowflake.")
    NONCE = ("BASE_TYPE_STRING", "Could not interpret value as string or int.")

    def takes(self, value: object) -> bool:
        """Return whether the value is of this kind."""
        match self:
            case Kind.TEXT:
                return isinstance(value, str)
            case Kind.NUMBER:
                return isinstance(value, int) and not isinstance(value, bool)
            case Kind.TRUTH:
                return isinstance(value, bool)
            case Kind.ID:
                return not isinstance(value, bool) and is_snowflake(str(value))
            case Kind.NONCE:
                return isinstance(value, str | int) and not isinstance(value, bool)


def is_snowflake(text: str) -> bool:
    """Return whether the text is an id: at most 20 ASCII digits."""
    return text.isascii() and text.isdigit() and len(text) <= 20


def id_in(text: str) -> int:
    """Return the id that the text is; 0, which no entity has, for any other text."""
    return int(text) if is_snowflake(text) else 0


Shape = Kind | str | list[Any] | Mapping[str, Any]
Path = tuple[str | int, ...]

_OPTION: Final = {
    "type": Kind.NUMBER,
    "name": Kind.TEXT,
    "description": Kind.TEXT,
    "required": Kind.TRUTH,
    "options": ["option"],
    "choices": [{"name": Kind.TEXT}],
}
_MEDIA: Final = {"url": Kind.TEXT}

NAMED: Final[Mapping[str, Shape]] = {
    "option": _OPTION,
    "component": {
        "type": Kind.NUMBER,
        "id": Kind.NUMBER,
        "custom_id": Kind.TEXT,
        "label": Kind.TEXT,
        "description": Kind.TEXT,
        "style": Kind.NUMBER,
        "url": Kind.TEXT,
        "content": Kind.TEXT,
        "min_values": Kind.NUMBER,
        "max_values": Kind.NUMBER,
        "min_length": Kind.NUMBER,
        "max_length": Kind.NUMBER,
        "disabled": Kind.TRUTH,
        "required": Kind.TRUTH,
        "placeholder": Kind.TEXT,
        "options": [{"label": Kind.TEXT, "value": Kind.TEXT, "description": Kind.TEXT}],
        "components": ["component"],
        "accessory": "component",
        "component": "component",
        "file": _MEDIA,
        "media": _MEDIA,
        "items": [{"media": _MEDIA}],
    },
    "message": {
        "content": Kind.TEXT,
        "flags": Kind.NUMBER,
        "nonce": Kind.NONCE,
        "enforce_nonce": Kind.TRUTH,
        "tts": Kind.TRUTH,
        "embeds": [
            {
                "title": Kind.TEXT,
                "description": Kind.TEXT,
                "footer": {"text": Kind.TEXT},
                "author": {"name": Kind.TEXT},
                "fields": [{"name": Kind.TEXT, "value": Kind.TEXT}],
            }
        ],
        "components": ["component"],
        "attachments": [{"id": Kind.ID, "filename": Kind.TEXT, "description": Kind.TEXT}],
        "message_reference": {"message_id": Kind.ID, "fail_if_not_exists": Kind.TRUTH},
        "allowed_mentions": {"parse": [Kind.TEXT], "users": [Kind.ID], "roles": [Kind.ID], "replied_user": Kind.TRUTH},
    },
    "channel": {
        "name": Kind.TEXT,
        "type": Kind.NUMBER,
        "topic": Kind.TEXT,
        "archived": Kind.TRUTH,
        "locked": Kind.TRUTH,
        "invitable": Kind.TRUTH,
        "auto_archive_duration": Kind.NUMBER,
        "applied_tags": [Kind.ID],
        "message": "message",
    },
    "form": {"title": Kind.TEXT, "custom_id": Kind.TEXT, "components": ["component"]},
    "command": {**_OPTION, "contexts": [Kind.NUMBER], "integration_types": [Kind.NUMBER], "dm_permission": Kind.TRUTH},
}


def check(value: object, shape: Shape, problems: FormErrors, path: Path = ()) -> None:
    """Collect each value that does not fit the shape, at its path."""
    match shape:
        case Kind():
            if not shape.takes(value):
                problems.add(path, *shape.value)
        case str():
            check(value, NAMED[shape], problems, path)
        case [inner]:
            if not isinstance(value, list):
                problems.add(path, "LIST_TYPE_CONVERT", "Only iterables may be used in a ListType")
                return
            for index, one in enumerate(value):
                check(one, inner, problems, (*path, index))
        case Mapping():
            if not isinstance(value, dict):
                problems.add(path, "MODEL_TYPE_CONVERT", "Only dictionaries may be used in a ModelType")
                return
            for field, inner in shape.items():
                if value.get(field) is not None:
                    check(value[field], inner, problems, (*path, field))
