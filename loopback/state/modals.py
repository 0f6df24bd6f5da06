"""Menus and modals: Discord's checks of a modal, and a person's answers. Pure."""

from __future__ import annotations

from typing import Any, Final

from . import components, field_types
from .commands import Value
from .entities import Account, Channel, Json, Role
from .errors import FormErrors

TITLE_LENGTH: Final = 45
LABEL_LENGTH: Final = 45
FIELDS: Final = range(1, 6)
TEXT_LENGTH: Final = 4000
PLACEHOLDER_LENGTH: Final = 100
DESCRIPTION_LENGTH: Final = 100
GROUP_OPTIONS: Final = 10


def check(form: Json, problems: FormErrors) -> None:
    """Collect what Discord would refuse about a modal, at paths below `data`. Raises 50035 for wrong types."""
    field_types.check(form, "form", problems, ("data",))
    problems.check()
    for key, most in (("title", TITLE_LENGTH), ("custom_id", components.CUSTOM_ID_LENGTH)):
        if not isinstance(form.get(key), str) or not form[key]:
            problems.add(("data", key), "BASE_TYPE_REQUIRED", "This field is required")
        problems.longest(("data", key), form.get(key), most)
    rows = form.get("components") or []
    if len(rows) not in FIELDS:
        message = f"Must be between {FIELDS[0]} and {FIELDS[-1]} in length."
        problems.add(("data", "components"), "BASE_TYPE_BAD_LENGTH", message)
    for path, one in components.walk(rows, ("data", "components")):
        problems.longest((*path, "label"), one.get("label"), LABEL_LENGTH)
        problems.longest((*path, "custom_id"), one.get("custom_id"), components.CUSTOM_ID_LENGTH)
        _check_field(path, one, problems)


def _check_field(path: components.Path, field: Json, problems: FormErrors) -> None:
    match field.get("type"):
        case components.TEXT_INPUT:
            problems.longest((*path, "value"), field.get("value"), TEXT_LENGTH)
            problems.longest((*path, "placeholder"), field.get("placeholder"), PLACEHOLDER_LENGTH)
        case components.LABEL:
            problems.longest((*path, "description"), field.get("description"), DESCRIPTION_LENGTH)
        case components.RADIO_GROUP:
            components.check_options(path, field, problems, fewest=2, most=GROUP_OPTIONS)
        case components.CHECKBOX_GROUP:
            components.check_options(path, field, problems, most=GROUP_OPTIONS)
        case kind if kind in components.SELECTS:
            components.check_select(path, field, problems)


def chosen(menu: Json, value: Value) -> str:
    """Return a menu's value for a label, a value or an entity. Raises AssertionError for an unknown option."""
    if isinstance(value, Account | Channel | Role):
        return str(value.id)
    options = menu.get("options") or ()
    for option in options:
        if value in (option["label"], option["value"]):
            return str(option["value"])
    if options:
        raise AssertionError(f"no option {value!r} in {[option['label'] for option in options]}")
    return str(value)


def filled(shown: list[Json], left: dict[str, Any]) -> list[Json]:
    """Return the modal's components with values, which are taken out of `left`, as the client sends them."""
    sent = []
    for one in shown:
        if one["type"] == components.ROW:
            fields = [_field(field, field.get("label", ""), left) for field in one["components"]]
            sent.append({"type": components.ROW, "id": one["id"], "components": fields})
        elif isinstance(field := one.get("component"), dict):
            inner = _field(field, one.get("label", ""), left)
            sent.append({"type": components.LABEL, "id": one["id"], "component": inner})
    return sent


def _field(field: Json, label: str, left: dict[str, Any]) -> Json:
    key = label if label in left else field["custom_id"]
    about = {"type": field["type"], "id": field["id"], "custom_id": field["custom_id"]}
    required = field.get("required", True)
    match field["type"]:
        case components.TEXT_INPUT:
            return {**about, "value": _text(field, label, left.pop(key, field.get("value") or ""))}
        case components.CHECKBOX:
            return {**about, "value": bool(left.pop(key, field.get("default", False)))}
        case components.RADIO_GROUP:
            picked = left.pop(key, next(iter(_defaults(field)), None))
            if picked is None and required:
                raise AssertionError(f"the field {label!r} is required")
            return {**about, "value": None if picked is None else chosen(field, picked)}
        case _:
            values = [chosen(field, value) for value in left.pop(key, _defaults(field))]
            least, most = field.get("min_values", 1 if required else 0), field.get("max_values", 1)
            if not least <= len(values) <= most and (values or required):
                raise AssertionError(f"{len(values)} choices do not fit the field {label!r}")
            return {**about, "values": values}


def _text(field: Json, label: str, given: object) -> str:
    text = str(given)
    if field.get("required", True) and not text:
        raise AssertionError(f"the field {label!r} is required")
    if text and not field.get("min_length", 0) <= len(text) <= field.get("max_length", TEXT_LENGTH):
        raise AssertionError(f"{len(text)} characters do not fit the field {label!r}")
    return text


def _defaults(field: Json) -> list[str]:
    return [one["value"] for one in field.get("options") or () if one.get("default")]
