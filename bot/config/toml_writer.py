"""Writes values of a configuration as TOML."""

from collections.abc import Iterable
from typing import Any


def toml_string(value: object) -> str:
    """Return any text as a TOML string."""
    plain = str(value).replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(letter if letter.isprintable() else f"\\U{ord(letter):08x}" for letter in plain) + '"'


def toml_array(values: Iterable[object]) -> str:
    """Return texts as a TOML array of strings."""
    return f"[{', '.join(map(toml_string, values))}]"


def toml_value(value: Any) -> str:
    """Return a value as TOML. Raises TypeError for a value that TOML does not have."""
    match value:
        case bool():
            return str(value).lower()
        case int() | float():
            return f"{value:g}" if isinstance(value, float) else str(value)
        case str():
            return toml_string(value)
        case list() | tuple():
            return f"[{', '.join(map(toml_value, value))}]"
        case dict():
            return (
                f"{{ {', '.join(f'{toml_string(key)} = {toml_value(each)}' for key, each in value.items())} }}"
                if value
                else "{}"
            )
        case _:
            raise TypeError(f"not a value: {value!r}")
