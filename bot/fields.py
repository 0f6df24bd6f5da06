"""The fields of a form that an agent wants filled in: read from its schema, and what people enter checked. Pure.

The schema is an object of primitive properties (ACP, ElicitationSchema). Nothing in it is trusted: what is malformed
counts as not said, and a field of a kind that is not known is left out, or makes the form one that cannot be shown.
"""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal
from urllib.parse import urlsplit

__all__ = ["MOST", "Choice", "Field", "Given", "Unusable", "Value", "Wrong", "fields_of", "read"]

MOST = 50
"""Fields of one form: ten steps."""

LISTED = 25
"""Choices that a menu can show (Discord, String Select); of more, one is typed."""

INTEGERS = 2**63
"""What an integer must be below, on both sides of zero (ACP, ElicitationContentValue)."""

Given = str | Sequence[str] | None
"""What somebody has entered: text, or the numbers of what was chosen in a menu."""

Value = str | int | float | bool | list[str]


class Unusable(Exception):
    """Nobody can fill in the form; the text says why."""


class Wrong(Exception):
    """What was entered does not fit; the text says what would."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One of the values that a field may have, and what people see."""

    value: str
    title: str
    description: str = ""


@dataclass(frozen=True, slots=True)
class Field:
    """One field. `least` and `most` bound a text's characters, a number, or how many are chosen."""

    name: str
    title: str
    kind: Literal["text", "integer", "number", "boolean", "one", "many"]
    required: bool = False
    description: str = ""
    choices: tuple[Choice, ...] = ()
    least: float | None = None
    most: float | None = None
    format: str = ""
    pattern: str = ""
    """A regular expression that the text must match; see `patterns.unfit`."""
    default: Value | None = None

    @property
    def listed(self) -> bool:
        """Whether it is chosen in a menu, rather than typed."""
        return bool(self.choices) and len(self.choices) <= LISTED

    @property
    def bounds(self) -> str:
        """The bounds in words; empty without any."""
        low, high = (None if bound is None else f"{bound:g}" for bound in (self.least, self.most))
        if low is not None and high is not None:
            return low if low == high else f"{low} to {high}"
        return f"at least {low}" if low is not None else f"at most {high}" if high is not None else ""

    @property
    def hint(self) -> str:
        """What may be entered, in a few words; empty for any text."""
        if self.kind == "text":
            bounds = self.bounds and f"{self.bounds} characters"
            shape = _FORMATS[self.format][0] if self.format in _FORMATS else self.pattern and f"like {self.pattern}"
            return shape or bounds
        typed = bool(self.choices) and not self.listed
        what = {"integer": "a whole number", "number": "a number"}.get(self.kind, "")
        if typed:
            commas = "commas between them, " if self.kind == "many" else ""
            what = f"{commas}from the {len(self.choices)} choices in the attached file"
        return ", ".join(word for word in (what, self.bounds) if word)


# ---- the schema


def fields_of(schema: Mapping[str, Any]) -> tuple[Field, ...]:
    """Read the fields. Raises `Unusable` where there are too many, or where a required one cannot be entered."""
    properties = schema.get("properties")
    required = schema.get("required")
    names = {str(name) for name in required} if isinstance(required, list) else set[str]()
    found = []
    for name, written in properties.items() if isinstance(properties, dict) else ():
        field = _field(str(name), written if isinstance(written, dict) else {}, required=name in names)
        if field is not None:
            found.append(field)
        elif name in names:
            raise Unusable(f"its field {name!r} is of a kind that is not known")
    if missing := names - {field.name for field in found}:
        raise Unusable(f"it wants {min(missing)!r}, which it does not describe")
    if len(found) > MOST:
        raise Unusable(f"it has {len(found)} fields, and {MOST} can be shown")
    return tuple(found)


def _field(name: str, written: Mapping[str, Any], *, required: bool) -> Field | None:
    about: dict[str, Any] = {
        "name": name,
        "title": _text(written, "title") or name or "(no name)",
        "description": _text(written, "description"),
        "required": required,
        "default": written.get("default"),
    }
    match written.get("type"):
        case "string" if choices := tuple(_choices(written, "oneOf")):
            return Field(kind="one", choices=choices, **about)
        case "string":
            bounds = _bounds(written, "minLength", "maxLength")
            about |= {"format": _text(written, "format"), "pattern": _text(written, "pattern")}
            return Field(kind="text", **bounds, **about)
        case "integer" | "number" as kind:
            return Field(kind=kind, **_bounds(written, "minimum", "maximum"), **about)
        case "boolean":
            return Field(kind="boolean", choices=(Choice("true", "Yes"), Choice("false", "No")), **about)
        case "array" if isinstance(items := written.get("items"), dict) and (
            choices := tuple(_choices(items, "anyOf"))
        ):
            return Field(kind="many", choices=choices, **_bounds(written, "minItems", "maxItems"), **about)
    return None


def _choices(written: Mapping[str, Any], titled: str) -> Iterator[Choice]:
    for each in written.get(titled) if isinstance(written.get(titled), list) else ():  # type: ignore[union-attr]
        if isinstance(each, dict) and isinstance(value := each.get("const"), str):
            yield Choice(value, _text(each, "title") or value, _text(each, "description"))
    plain = written.get("enum")
    if isinstance(plain, list) and titled not in written:
        yield from (Choice(value, value) for value in plain if isinstance(value, str))


def _bounds(written: Mapping[str, Any], least: str, most: str) -> dict[str, Any]:
    bounds = {"least": written.get(least), "most": written.get(most)}
    return {name: bound for name, bound in bounds.items() if isinstance(bound, int | float) and math.isfinite(bound)}


def _text(written: Mapping[str, Any], name: str) -> str:
    value = written.get(name)
    return value if isinstance(value, str) else ""


# ---- what people enter


def read(field: Field, given: Given) -> Value | None:
    """Return the value of what was entered; None where an optional field was left empty. Raises `Wrong`."""
    if not given or (isinstance(given, str) and not given.strip()):
        if field.required and not (field.kind == "many" and not field.least):
            raise Wrong("must be filled in")
        return [] if field.required else None
    match field.kind:
        case "text":
            return _read_text(field, given if isinstance(given, str) else "")
        case "integer" | "number":
            return _read_number(field, str(given).strip())
        case "boolean":
            return _chosen(field, given)[0] == "true"
        case "one":
            return _one(_chosen(field, given))
        case "many":
            return _some(field, _chosen(field, given))


def _read_text(field: Field, text: str) -> str:
    low, high = field.least or 0, field.most if field.most is not None else math.inf
    if not low <= len(text) <= high:
        raise Wrong(f"has {len(text)} characters, and must have {field.bounds}")
    words, fits = _FORMATS.get(field.format, ("", None))
    if fits is not None and not fits(text.strip()):
        raise Wrong(f"must be {words}")
    return text.strip() if fits is not None else text


def _read_number(field: Field, text: str) -> int | float:
    if field.kind == "integer":
        if not re.fullmatch(r"[+-]?[0-9]{1,19}", text) or not -INTEGERS <= int(text) < INTEGERS:
            raise Wrong(f"must be {field.hint}")
        number: int | float = int(text)
    elif not re.fullmatch(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?", text) or math.isinf(float(text)):
        raise Wrong(f"must be {field.hint}")
    else:
        number = float(text)
    low = field.least if field.least is not None else -math.inf
    high = field.most if field.most is not None else math.inf
    if not low <= number <= high:
        raise Wrong(f"must be {field.hint}")
    return number


def _chosen(field: Field, given: str | Sequence[str]) -> list[str]:
    """Return the values of what was chosen by number, or typed as one sees it."""
    if not isinstance(given, str):
        places = [int(place) for place in given if place.isdecimal() and int(place) < len(field.choices)]
        return [field.choices[place].value for place in dict.fromkeys(places)]
    by_name = {name.casefold(): each.value for each in field.choices for name in (each.value, each.title)}
    names = re.split(r"[,\n]", given) if field.kind == "many" else [given]
    names = [name.strip() for name in names if name.strip()]
    for name in names:
        if name.casefold() not in by_name:
            raise Wrong(f"has no choice {name[:50]!r}; all of them are in the attached file")
    return list(dict.fromkeys(by_name[name.casefold()] for name in names))


def _one(values: list[str]) -> str:
    if len(values) != 1:
        raise Wrong("must be one of the choices")
    return values[0]


def _some(field: Field, values: list[str]) -> list[str]:
    low, high = field.least or 0, field.most if field.most is not None else math.inf
    if not low <= len(values) <= high:
        raise Wrong(f"has {len(values)} choices, and must have {field.bounds}")
    return values


def _is_email(text: str) -> bool:
    return re.fullmatch(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+", text) is not None


def _is_uri(text: str) -> bool:
    try:
        return bool(urlsplit(text).scheme) and not re.search(r"\s", text)
    except ValueError:
        return False


def _is_date(text: str) -> bool:
    try:
        return re.fullmatch(r"\d{4}-\d\d-\d\d", text) is not None and date.fromisoformat(text) is not None
    except ValueError:
        return False


def _is_date_time(text: str) -> bool:
    try:
        return "T" in text.upper() and datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


_FORMATS = {
    "email": ("an address like ada@example.org", _is_email),
    "uri": ("an address like https://example.org/", _is_uri),
    "date": ("a date like 2025-12-31", _is_date),
    "date-time": ("a time with its zone, like 2025-12-31T18:00:00Z", _is_date_time),
}
