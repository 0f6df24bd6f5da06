"""Message components: their limits and their numbering. Pure.

Source: Discord's developer documentation, "Component Reference".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from .entities import Json
from .errors import FormErrors

BUTTON: Final = 2
ROW: Final = 1
STRING_SELECT: Final = 3
SELECTS: Final = frozenset({3, 5, 6, 7, 8})
TEXT_INPUT: Final = 4
TEXT_DISPLAY: Final = 10
THUMBNAIL: Final = 11
MEDIA_GALLERY: Final = 12
FILE: Final = 13
SEPARATOR: Final = 14
CONTAINER: Final = 17
LABEL: Final = 18
RADIO_GROUP: Final = 21
CHECKBOX_GROUP: Final = 22
CHECKBOX: Final = 23
LINK_STYLE: Final = 5

LABEL_LENGTH: Final = 80
URL_LENGTH: Final = 512
PLACEHOLDER_LENGTH: Final = 150
OPTION_LENGTH: Final = 100
CUSTOM_ID_LENGTH: Final = 100
OPTIONS: Final = 25
ROWS: Final = 5
ROW_BUTTONS: Final = 5
COMPONENTS_V2: Final = 40
TEXT_V2: Final = 4000

Path = tuple[str | int, ...]


def walk(components: list[Json], path: Path = ("components",)) -> Iterator[tuple[Path, Json]]:
    """Yield every component with its path, parents first, in reading order."""
    for index, component in enumerate(components):
        here = (*path, index)
        yield here, component
        yield from walk(component.get("components") or [], (*here, "components"))
        for key in ("accessory", "component"):
            if isinstance(inner := component.get(key), dict):
                yield (*here, key), inner


def numbered(components: list[Json]) -> list[Json]:
    """Return copies in which each component has an `id`, counted from 1 where the bot gave none."""
    copies = [_copy(component) for component in components]
    taken = {component["id"] for _, component in walk(copies) if component.get("id")}
    free = (number for number in range(1, 1_000) if number not in taken)
    for _, component in walk(copies):
        if not component.get("id"):
            component["id"] = next(free)
    return copies


def _copy(component: Json) -> Json:
    copy = dict(component)
    if copy.get("components"):
        copy["components"] = [_copy(inner) for inner in copy["components"]]
    for key in ("accessory", "component"):
        if isinstance(inner := copy.get(key), dict):
            copy[key] = _copy(inner)
    return copy


def check(components: list[Json], problems: FormErrors, *, v2: bool) -> None:
    """Collect what Discord would refuse about a message's components."""
    found = list(walk(components))
    if v2 and len(found) > COMPONENTS_V2:
        problems.add(("components",), "BASE_TYPE_MAX_LENGTH", f"Must be {COMPONENTS_V2} or fewer in length.")
    if not v2 and len(components) > ROWS:
        problems.add(("components",), "BASE_TYPE_MAX_LENGTH", f"Must be between 1 and {ROWS} in length.")
    seen: set[str] = set()
    for path, component in found:
        _check_one(path, component, problems)
        custom_id = component.get("custom_id")
        if custom_id is not None and custom_id in seen:
            problems.add(
                (*path, "custom_id"), "COMPONENT_CUSTOM_ID_DUPLICATED", "Component custom id cannot be duplicated"
            )
        seen.add(str(custom_id))
    if sum(len(str(component.get("content", ""))) for _, component in found) > TEXT_V2:
        problems.add(("components",), "BASE_TYPE_MAX_LENGTH", f"Must be {TEXT_V2} or fewer in length.")


def _check_one(path: Path, component: Json, problems: FormErrors) -> None:
    problems.longest((*path, "custom_id"), component.get("custom_id"), CUSTOM_ID_LENGTH)
    kind = component.get("type")
    if not isinstance(kind, int):
        problems.add((*path, "type"), "BASE_TYPE_REQUIRED", "This field is required")
    elif kind == BUTTON:
        _check_button(path, component, problems)
    elif kind in SELECTS:
        check_select(path, component, problems)
    elif kind == ROW and not 1 <= len(component.get("components") or []) <= ROW_BUTTONS:
        problems.add((*path, "components"), "BASE_TYPE_BAD_LENGTH", f"Must be between 1 and {ROW_BUTTONS} in length.")


def _check_button(path: Path, button: Json, problems: FormErrors) -> None:
    problems.longest((*path, "label"), button.get("label"), LABEL_LENGTH)
    problems.longest((*path, "url"), button.get("url"), URL_LENGTH)
    needed = "url" if button.get("style") == LINK_STYLE else "custom_id"
    if not button.get(needed):
        problems.add((*path, needed), "BASE_TYPE_REQUIRED", "This field is required")
    if not button.get("label") and not button.get("emoji"):
        problems.add(path, "BUTTON_COMPONENT_INVALID_LABEL_OR_EMOJI", "A button must have a label or an emoji")


def check_select(path: Path, menu: Json, problems: FormErrors) -> None:
    """Collect what Discord would refuse about a menu in a message or in a modal."""
    problems.longest((*path, "placeholder"), menu.get("placeholder"), PLACEHOLDER_LENGTH)
    if not menu.get("custom_id"):
        problems.add((*path, "custom_id"), "BASE_TYPE_REQUIRED", "This field is required")
    for key, fewest in (("min_values", 0), ("max_values", 1)):
        number = menu.get(key)
        if number is not None and not fewest <= number <= OPTIONS:
            message = f"int value should be between {fewest} and {OPTIONS}."
            problems.add((*path, key), "NUMBER_TYPE_MAX", message)
    if menu.get("type") == STRING_SELECT:
        check_options(path, menu, problems)


def check_options(path: Path, component: Json, problems: FormErrors, fewest: int = 1, most: int = OPTIONS) -> None:
    """Collect what Discord would refuse about the options of a menu or a group."""
    path, options = (*path, "options"), component.get("options") or []
    if not fewest <= len(options) <= most:
        problems.add(path, "BASE_TYPE_BAD_LENGTH", f"Must be between {fewest} and {most} in length.")
    seen: set[object] = set()
    for index, option in enumerate(options):
        here = (*path, index)
        problems.longest((*here, "description"), option.get("description"), OPTION_LENGTH)
        for key in ("label", "value"):
            if not option.get(key):
                problems.add((*here, key), "BASE_TYPE_REQUIRED", "This field is required")
            problems.longest((*here, key), option.get(key), OPTION_LENGTH)
        if option.get("value") in seen:
            message = "The specified option value is already used"
            problems.add((*here, "value"), "SELECT_COMPONENT_OPTION_VALUE_DUPLICATED", message)
        seen.add(option.get("value"))
