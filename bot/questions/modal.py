"""A modal for a few fields: text inputs, menus, and the submitted values."""

from collections.abc import Mapping, Sequence
from typing import Any

import discord

from bot.text.printable import visible
from bot.user_messages.questions import NO_NAME

from .form_schema import TEXT, Entered, Field

TITLE = 45
LABEL = 45
DESCRIPTION = 100
OPTION = 100
"""Characters that each may have (Discord, Component Reference)."""

ONE_LINE = 200
"""Characters of a one-line input; a longer text gets a paragraph."""

OPEN_SECONDS = 60.0
"""How long the library keeps a form, which it need not: submitted values are read by id."""


class FormModal(discord.ui.Modal):
    """A form with at most five fields. `bot.gateway.component_registry.FORMS` finds its handler by the id."""

    def __init__(self, custom_id: str, title: str, fields: Sequence[Field], given: Mapping[str, Entered]) -> None:
        """`given` has the earlier entries by field."""
        super().__init__(title=title[:TITLE], custom_id=custom_id, timeout=OPEN_SECONDS)
        for place, field in enumerate(fields):
            entered = given.get(field.name) if field.name in given else _default(field)
            component = _menu(place, field, entered) if field.listed else _input(place, field, entered)
            self.add_item(
                discord.ui.Label(
                    text=_cut(_line(field.title) or NO_NAME, LABEL),
                    description=_cut(_about(field), DESCRIPTION) or None,
                    component=component,
                )
            )

    @staticmethod
    def holds(field: Field) -> bool:
        """Whether a form can show all of a field."""
        named = len(_line(field.title)) <= LABEL and len(_about(field)) <= DESCRIPTION
        choices = all(max(len(_line(each.title)), len(_line(each.description))) <= OPTION for each in field.choices)
        return named and choices and (field.listed or not field.choices)

    @staticmethod
    def entered(fields: Sequence[Field], data: Mapping[str, Any]) -> dict[str, Entered]:
        """Return the entries in the data of an interaction (Discord, Modal Submit)."""
        found: dict[str, Entered] = {}
        for row in data.get("components") or ():
            sent = row.get("component") or {}
            place = str(sent.get("custom_id"))
            if place.isdecimal() and int(place) < len(fields):
                found[fields[int(place)].name] = sent.get("values") or sent.get("value")
        return found


def describe_field(field: Field) -> str:
    """Describe a field in full, for the file next to a form that cuts it short."""
    named = f"{_line(field.title)}{' (required)' if field.required else ''}"
    lines = [
        f"  #{number} {_line(each.title)} {_line(each.description)}".rstrip()
        for number, each in enumerate(field.choices, start=1)
    ]
    return visible("\n".join([named, *filter(None, [_about(field)]), *lines]))


def _about(field: Field) -> str:
    return " — ".join(word for word in (_line(field.description), _line(field.hint)) if word)


def _line(text: str) -> str:
    return visible(" ".join(text.split()))


def _default(field: Field) -> Entered:
    """Return the schema's default as an entry."""
    default = field.default
    if field.choices:
        single = str(default).lower() if isinstance(default, bool) else default
        wanted = {each for each in (default if isinstance(default, list) else [single]) if isinstance(each, str)}
        places = [place for place, choice in enumerate(field.choices) if choice.value in wanted]
        return list(map(str, places)) if field.listed else ", ".join(field.choices[place].title for place in places)
    if isinstance(default, list):
        return "\n".join(map(str, default)) if field.kind == "lines" else ""
    return "" if default is None else str(default)


def _menu(place: int, field: Field, entered: Entered) -> discord.ui.Select[Any]:
    least, most = _bounds(field)
    chosen = entered[:most] if isinstance(entered, list | tuple) else ()
    return discord.ui.Select(
        custom_id=str(place),
        required=field.required and least > 0,
        min_values=least if field.required else 0,
        max_values=most,
        options=[
            discord.SelectOption(
                label=_cut(_line(choice.title) or NO_NAME, OPTION),
                description=_cut(_line(choice.description), OPTION) or None,
                value=str(number),
                default=str(number) in chosen,
            )
            for number, choice in enumerate(field.choices)
        ],
    )


def _bounds(field: Field) -> tuple[int, int]:
    """Return the least and the most choices in a menu, within Discord's bounds."""
    count = len(field.choices)
    if field.kind != "many":
        return 1, 1
    most = count if field.most is None else max(1, min(int(field.most), count))
    return max(0, min(int(field.least or 0), most)), most


def _input(place: int, field: Field, entered: Entered) -> discord.ui.TextInput[Any]:
    text = field.kind == "text" and not field.format
    most = max(1, min(int(field.most), TEXT)) if text and field.most is not None else TEXT
    least = min(max(0, int(field.least)), most) if text and field.least is not None else 0
    default = entered if isinstance(entered, str) and len(entered) <= most else ""
    long = (text and most > ONE_LINE) or field.kind in {"many", "lines"}
    return discord.ui.TextInput(
        custom_id=str(place),
        style=discord.TextStyle.paragraph if long else discord.TextStyle.short,
        required=not field.may_be_empty,
        min_length=least,
        max_length=most,
        default=default or None,
        placeholder=_cut(field.hint, 100) or None,
    )


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
