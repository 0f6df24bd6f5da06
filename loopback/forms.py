"""Menus and forms as a person fills them in. Pure."""

from __future__ import annotations

from typing import Any, Final

from loopback import components
from loopback.commands import Value
from loopback.entities import Account, Channel, Json, Role

TEXT_INPUT: Final = 4


def chosen(menu: Json, value: Value) -> str:
    """A menu's value for an option's label or value, or for an entity; raises AssertionError for no option."""
    if isinstance(value, Account | Channel | Role):
        return str(value.id)
    for option in menu.get("options") or ():
        if value in (option["label"], option["value"]):
            return str(option["value"])
    if menu["type"] == components.STRING_SELECT:
        raise AssertionError(f"no option {value!r} in {[option['label'] for option in menu['options']]}")
    return str(value)


def filled(shown: list[Json], left: dict[str, Any]) -> list[Json]:
    """The form's components as they are sent: rows or labels around fields with their values, taken out of `left`."""
    sent = []
    for one in shown:
        if one["type"] == components.ROW:
            fields = [_field(field, field.get("label", ""), left) for field in one["components"]]
            sent.append({"type": components.ROW, "components": fields})
        elif isinstance(field := one.get("component"), dict):
            sent.append({"type": one["type"], "component": _field(field, one.get("label", ""), left)})
    return sent


def _field(field: Json, label: str, left: dict[str, Any]) -> Json:
    custom_id = field["custom_id"]
    key = label if label in left else custom_id
    if field["type"] == TEXT_INPUT:
        value = str(left.pop(key, field.get("value") or ""))
        if field.get("required", True) and not value:
            raise AssertionError(f"the field {label!r} is required")
        return {"type": TEXT_INPUT, "custom_id": custom_id, "value": value}
    values = left.pop(key, [one["value"] for one in field.get("options") or () if one.get("default")])
    return {"type": field["type"], "custom_id": custom_id, "values": [chosen(field, value) for value in values]}
