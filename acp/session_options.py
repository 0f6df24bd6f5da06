"""The settings of a session as one type, for each of the ways in which agents offer them. Pure."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeVar

from acp.schema import ConfigOption, ModelState, ModeState

T = TypeVar("T")


class SettingMethod(Enum):
    """How an option is set."""

    CONFIG = "session/set_config_option"
    MODE = "session/set_mode"
    MODEL = "session/set_model"


Value = str | bool
"""The value of an option: that of a choice, or on and off."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One value of a select. `group` is its heading; empty in a flat list."""

    value: str
    name: str
    description: str = ""
    group: str = ""


@dataclass(frozen=True, slots=True)
class Option:
    """A setting: a select with choices, or a switch, without choices and with a bool as `current`.

    `category` is mode, model, model_config, thought_level, the agent's own, or empty.
    """

    option_id: str
    name: str
    category: str
    current: Value
    choices: tuple[Choice, ...]
    way: SettingMethod
    description: str = ""


def options_of(
    config: Iterable[ConfigOption], modes: ModeState | None, models: ModelState | None
) -> tuple[Option, ...]:
    """Return all options of a session, in the agent's order.

    `modes` counts unless a config option sets the mode (ACP, Config Options). The same goes for `models`, which the
    protocol no longer has. Options of an unknown type, selects without choices, and repeated ids and values are left
    out.
    """
    read = [option for each in config if (option := _of_config(each)) is not None]
    options = list(_first(read, lambda option: option.option_id))
    chosen = {option.category for option in options}
    if modes is not None and "mode" not in chosen:
        choices = _unique(
            Choice(mode.id, mode.name or mode.id, mode.description or "") for mode in modes.available_modes
        )
        options.append(
            Option(
                _free("mode", SettingMethod.MODE, options),
                "Mode",
                "mode",
                modes.current_mode_id,
                choices,
                SettingMethod.MODE,
            )
        )
    if models is not None and "model" not in chosen:
        choices = _unique(
            Choice(each.model_id, each.name or each.model_id, each.description or "")
            for each in models.available_models
        )
        options.append(
            Option(
                _free("model", SettingMethod.MODEL, options),
                "Model",
                "model",
                models.current_model_id,
                choices,
                SettingMethod.MODEL,
            )
        )
    return tuple(options)


def _free(option_id: str, way: SettingMethod, options: Iterable[Option]) -> str:
    """Return `option_id`, or the method's name where the agent uses `option_id` for another option."""
    return way.value if any(each.option_id == option_id for each in options) else option_id


def _of_config(told: ConfigOption) -> Option | None:
    match told.type, told.current_value:
        case ("select", str(current)):
            choices = _unique(choice for entry in told.options for choice in _choices(entry, ""))
            if not choices:
                return None
            category = told.category or (told.id if told.id in {"mode", "model"} else "")
        case ("boolean", bool(current)):
            choices = ()
            category = told.category or ""
        case _:
            return None
    return Option(
        told.id, told.name or told.id, category, current, choices, SettingMethod.CONFIG, told.description or ""
    )


def _unique(choices: Iterable[Choice]) -> tuple[Choice, ...]:
    return _first(choices, lambda choice: choice.value)


def _first(items: Iterable[T], key: Callable[[T], str]) -> tuple[T, ...]:
    """Keep the first item of each key."""
    found: dict[str, T] = {}
    for item in items:
        found.setdefault(key(item), item)
    return tuple(found.values())


def _choices(entry: dict[str, Any], group: str) -> Iterator[Choice]:
    name = entry.get("name")
    match entry:
        case {"options": [*inner]}:
            for each in inner:
                if isinstance(each, dict):
                    yield from _choices(each, str(name or entry.get("group") or ""))
        case {"value": str(value)}:
            yield Choice(value, str(name or value), str(entry.get("description") or ""), group)
