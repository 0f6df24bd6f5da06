"""Reads the fields of an agent's form from its schema. Pure.

The schema is an object of primitive properties (ACP, ElicitationSchema), and untrusted: malformed values count as
missing, and a field of an unknown kind is left out, or makes the form unusable if it is required.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, Literal

from bot.user_messages import form_errors
from bot.user_messages import forms as texts
from bot.user_messages.questions import NO_NAME

MOST_FIELDS = 50
"""Fields of one form: ten steps."""

MOST_CHOICES = 5000
"""Choices of all fields of one form: each takes a look at every entry."""

MENU_CHOICES = 25
"""Choices that a menu can show (Discord, String Select); with more of them, people type one."""

TEXT = 4000
"""Characters in one text input (Discord, Text Input)."""

Entered = str | Sequence[str] | None
"""A person's entry: text, or the numbers of the choices in a menu."""

Value = str | int | float | bool | list[str]


class UnusableForm(Exception):
    """The form cannot be filled in; the text says why."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A value that a field may have, and its text for people."""

    value: str
    title: str
    description: str = ""


@dataclass(frozen=True, slots=True)
class Field:
    """One field. `least` and `most` bound the characters of a text, a number, or the count of choices or lines.

    `item` describes each line of `lines`; `unique` forbids equal ones.
    """

    name: str
    title: str
    kind: Literal["text", "integer", "number", "boolean", "one", "many", "lines"]
    required: bool = False
    description: str = ""
    choices: tuple[Choice, ...] = ()
    least: float | None = None
    most: float | None = None
    format: str = ""
    pattern: str = ""
    """A regular expression that the text must match; see `pattern_check`."""
    default: Value | None = None
    item: "Field | None" = None
    unique: bool = False

    @property
    def may_be_empty(self) -> bool:
        """Whether an empty entry is an answer."""
        return not self.required or (self.kind in {"many", "lines"} and not self.least)

    @property
    def impossible(self) -> bool:
        """Whether every possible entry is outside the bounds."""
        room = {"text": TEXT, "many": len(self.choices), "lines": TEXT // 2}.get(self.kind, math.inf)
        most = room if self.most is None else min(self.most, room)
        return (self.least is not None and self.least > most) or (self.item is not None and self.item.impossible)

    @property
    def listed(self) -> bool:
        """Whether people choose it from a menu."""
        return bool(self.choices) and len(self.choices) <= MENU_CHOICES

    @property
    def bounds(self) -> str:
        """The bounds in words; empty without any."""
        return texts.bounds(self.least, self.most)

    @property
    def hint(self) -> str:
        """The valid entries in a few words; empty for any text."""
        if self.kind == "text":
            bounds = self.bounds and texts.characters(self.bounds)
            shape = texts.FORMATS.get(self.format, self.pattern and texts.like(self.pattern))
            return shape or bounds
        if self.item is not None:
            each = self.item.hint and texts.each(self.item.hint)
            return ", ".join(word for word in (texts.ONE_PER_LINE, self.bounds, each) if word)
        if self.choices and not self.listed:
            what = texts.listed_choices(len(self.choices), several=self.kind == "many")
        else:
            what = texts.NUMBERS.get(self.kind, "")
        return ", ".join(word for word in (what, self.bounds) if word)


def fields_of(schema: Mapping[str, Any]) -> tuple[Field, ...]:
    """Read the fields. Raises `UnusableForm` if there is too much to show, or a required one cannot be entered."""
    properties = schema.get("properties")
    required = schema.get("required")
    names = {str(name) for name in required} if isinstance(required, list) else set[str]()
    found = []
    for name, written in properties.items() if isinstance(properties, dict) else ():
        field = _field(str(name), written if isinstance(written, dict) else {}, required=name in names)
        if field is None and name in names:
            raise UnusableForm(form_errors.unknown_field(name))
        if field is not None and field.impossible and not field.may_be_empty:
            raise UnusableForm(form_errors.impossible_field(name))
        found += [] if field is None else [field]
    if missing := names - {field.name for field in found}:
        raise UnusableForm(form_errors.undescribed_field(min(missing)))
    if len(found) > MOST_FIELDS:
        raise UnusableForm(form_errors.too_many_fields(len(found), MOST_FIELDS))
    if (count := sum(len(field.choices) for field in found)) > MOST_CHOICES:
        raise UnusableForm(form_errors.too_many_choices(count, MOST_CHOICES))
    return tuple(found)


def _field(name: str, written: Mapping[str, Any], *, required: bool) -> Field | None:
    about: dict[str, Any] = {
        "name": name,
        "title": text_of(written, "title") or name or NO_NAME,
        "description": text_of(written, "description"),
        "required": required,
        "default": written.get("default"),
    }
    choices = _choices(written)
    match _kind(written, choices):
        case "string" if choices is not None:
            return Field(kind="one", choices=choices, **about) if choices else None
        case "string":
            return Field(kind="text", **_text(written), **about)
        case "integer" | "number" as kind:
            return Field(kind=kind, **_bounds(written, "minimum", "maximum"), **about)
        case "boolean":
            return Field(kind="boolean", choices=(Choice("true", "Yes"), Choice("false", "No")), **about)
        case "array" if isinstance(items := written.get("items", {}), dict):
            about |= _bounds(written, "minItems", "maxItems") | {"unique": written.get("uniqueItems") is True}
            return _list_field(items, about)
    return None


def _list_field(items: Mapping[str, Any], about: Mapping[str, Any]) -> Field | None:
    """Return the field of a list: of choices, or of texts if it has none."""
    choices = _choices(items)
    if choices is not None:
        return Field(kind="many", choices=choices, **about) if choices else None
    if _kind(items, None) != "string" and "type" in items:
        return None
    return Field(kind="lines", item=Field("", "", "text", **_text(items)), **about)


def _text(written: Mapping[str, Any]) -> dict[str, Any]:
    shape = {"format": text_of(written, "format"), "pattern": text_of(written, "pattern")}
    return shape | _bounds(written, "minLength", "maxLength")


def _kind(written: Mapping[str, Any], choices: tuple[Choice, ...] | None) -> object:
    """Return the type, also of a schema that allows null too, or that has only choices (JSON Schema)."""
    kind = written.get("type", "string" if choices else None)
    return next((each for each in kind if each != "null"), None) if isinstance(kind, list) else kind


def _choices(written: Mapping[str, Any]) -> tuple[Choice, ...] | None:
    """Read the choices of a field or of its items; None if it has no list of them.

    `enumNames` has the titles of `enum` in earlier versions of MCP, whose forms agents pass on.
    """
    for titled in ("oneOf", "anyOf"):
        if isinstance(listed := written.get(titled), list):
            entries = [each for each in listed if isinstance(each, dict) and isinstance(each.get("const"), str)]
            return tuple(
                Choice(each["const"], text_of(each, "title") or each["const"], text_of(each, "description"))
                for each in entries
            )
    if not isinstance(plain := written.get("enum"), list):
        return None
    names = written.get("enumNames")
    named = zip_longest(plain, names[: len(plain)] if isinstance(names, list) else ())
    return tuple(
        Choice(value, name if isinstance(name, str) and name.strip() else value)
        for value, name in named
        if isinstance(value, str)
    )


def _bounds(written: Mapping[str, Any], least: str, most: str) -> dict[str, Any]:
    bounds = {"least": written.get(least), "most": written.get(most)}
    return {name: bound for name, bound in bounds.items() if isinstance(bound, int | float) and math.isfinite(bound)}


def text_of(written: Mapping[str, Any], name: str) -> str:
    """Return a text of a schema, by default an empty one."""
    value = written.get(name)
    return value if isinstance(value, str) else ""
