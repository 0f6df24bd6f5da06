"""Message components: their limits, their nesting, their texts and their numbering. Pure.

Source: Discord's developer documentation, "Component Reference".
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Final

from loopback.state import filenames

from .entities import Json, Message
from .errors import FormErrors

BUTTON: Final = 2
ROW: Final = 1
STRING_SELECT: Final = 3
SELECTS: Final = frozenset({3, 5, 6, 7, 8})
SECTION: Final = 9
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
SECTION_TEXTS: Final = 3
GALLERY_ITEMS: Final = 10
SELECT_WIDTH: Final = 5
"""The width of a menu in a row, in buttons."""

UPLOADED: Final = "attachment://"

_INTERACTIVE: Final = (BUTTON, *sorted(SELECTS))
_LAYOUT: Final = (ROW, SECTION, TEXT_DISPLAY, MEDIA_GALLERY, FILE, SEPARATOR)
_COUNTS: Final = {
    SECTION: ("components", SECTION_TEXTS),
    MEDIA_GALLERY: ("items", GALLERY_ITEMS),
    CONTAINER: ("components", COMPONENTS_V2),
}
_CHILDREN: Final = {ROW: _INTERACTIVE, SECTION: (TEXT_DISPLAY,), CONTAINER: _LAYOUT}

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


def text_of(message: Message) -> str:
    """Return all the text of a message: its content, or its text displays in reading order."""
    shown = (str(one["content"]) for _, one in walk(message.components) if one.get("type") == TEXT_DISPLAY)
    return "\n".join(filter(None, (message.content, *shown)))


def uploads_in(components: list[Json]) -> set[str]:
    """Return the names of the message's own files that components show."""
    urls = (str(media.get("url")) for _, one in walk(components) for _, media in _media(one))
    return {filenames.cleansed(url.removeprefix(UPLOADED), "") for url in urls if url.startswith(UPLOADED)}


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


def check_layout(components: list[Json], files: Collection[str], problems: FormErrors, *, v2: bool) -> None:
    """Collect the components that may not stand where they are, and references to files that the message lacks."""
    _check_types(components, (*_LAYOUT, CONTAINER) if v2 else (ROW,), ("components",), problems)
    for path, component in walk(components):
        kind = component.get("type")
        if allowed := _CHILDREN.get(kind or 0):
            _check_types(component.get("components") or [], allowed, (*path, "components"), problems)
        if kind == SECTION:
            _check_types([component.get("accessory") or {}], (BUTTON, THUMBNAIL), (*path, "accessory"), problems)
        for step, media in _media(component):
            _check_media((*path, *step), media, files, problems, uploaded=kind == FILE)


def _check_types(components: list[Json], allowed: tuple[int, ...], path: Path, problems: FormErrors) -> None:
    for index, component in enumerate(components):
        if component.get("type") not in allowed:
            here = path if path[-1] == "accessory" else (*path, index)
            message = f'Value of field "type" must be one of {allowed}.'
            problems.add(here, "UNION_TYPE_CHOICES", message)


def _media(component: Json) -> Iterator[tuple[Path, Json]]:
    kind = component.get("type")
    if kind == FILE:
        yield ("file",), component.get("file") or {}
    elif kind == THUMBNAIL:
        yield ("media",), component.get("media") or {}
    elif kind == MEDIA_GALLERY:
        for index, item in enumerate(component.get("items") or []):
            yield ("items", index, "media"), item.get("media") or {}


def _check_media(path: Path, media: Json, files: Collection[str], problems: FormErrors, *, uploaded: bool) -> None:
    url = str(media.get("url") or "")
    if not url:
        problems.add((*path, "url"), "BASE_TYPE_REQUIRED", "This field is required")
    elif url.startswith(UPLOADED):
        if filenames.cleansed(url.removeprefix(UPLOADED), "") not in files:
            code = "UNFURLED_MEDIA_ITEM_REFERENCED_ATTACHMENT_NOT_FOUND"
            problems.add((*path, "url"), code, "The referenced attachment was not found in the message")
    elif uploaded or not url.lower().startswith(("http://", "https://")):
        problems.add((*path, "url"), "URL_TYPE_INVALID_SCHEME", "Not a well formed URL.")


def _check_one(path: Path, component: Json, problems: FormErrors) -> None:
    problems.longest((*path, "custom_id"), component.get("custom_id"), CUSTOM_ID_LENGTH)
    kind = component.get("type")
    if not isinstance(kind, int):
        problems.add((*path, "type"), "BASE_TYPE_REQUIRED", "This field is required")
    elif kind == BUTTON:
        _check_button(path, component, problems)
    elif kind in SELECTS:
        check_select(path, component, problems)
    elif kind == ROW:
        _check_row(path, component, problems)
    elif kind == TEXT_DISPLAY and not component.get("content"):
        problems.add((*path, "content"), "BASE_TYPE_REQUIRED", "This field is required")
    elif kind in _COUNTS:
        field, most = _COUNTS[kind]
        _check_count((*path, field), component.get(field) or [], most, problems)


def _check_row(path: Path, row: Json, problems: FormErrors) -> None:
    inner = row.get("components") or []
    _check_count((*path, "components"), inner, ROW_BUTTONS, problems)
    width = 0
    for index, component in enumerate(inner):
        width += SELECT_WIDTH if component.get("type") in SELECTS else 1
        if width > ROW_BUTTONS and len(inner) <= ROW_BUTTONS:
            code, message = "COMPONENT_LAYOUT_WIDTH_EXCEEDED", "The specified component exceeds the maximum width"
            problems.add((*path, "components", index), code, message)


def _check_count(path: Path, items: list[Json], most: int, problems: FormErrors) -> None:
    if not 1 <= len(items) <= most:
        problems.add(path, "BASE_TYPE_BAD_LENGTH", f"Must be between 1 and {most} in length.")


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
