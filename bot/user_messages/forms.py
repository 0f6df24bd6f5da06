"""What the fields of an agent's form accept. Pure."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

FORMATS: Mapping[str, str] = MappingProxyType(
    {
        "email": "an address like ada@example.org",
        "uri": "an address like https://example.org/",
        "date": "a date like 2025-12-31",
        "date-time": "a time with its zone, like 2025-12-31T18:00:00Z",
    }
)
"""The known formats of a text."""

NUMBERS: Mapping[str, str] = MappingProxyType({"integer": "a whole number", "number": "a number"})
"""By the kind of the field."""

ONE_PER_LINE: Final = "one per line"


def bounds(least: float | None, most: float | None) -> str:
    """Return the bounds of a number or a count; empty without any."""
    if least is not None and most is not None:
        return f"{least:g}" if least == most else f"{least:g} to {most:g}"
    return f"at least {least:g}" if least is not None else f"at most {most:g}" if most is not None else ""


def characters(bounds: str) -> str:
    """Bound the length of a text."""
    return f"{bounds} characters"


def like(pattern: str) -> str:
    """Name the regular expression that a text must match."""
    return f"like {pattern}"


def each(hint: str) -> str:
    """Say what each line of a list must be."""
    return f"each {hint}"


def listed_choices(count: int, *, several: bool) -> str:
    """Say where the choices are listed that no menu has room for."""
    return f"{'separated by commas, ' if several else ''}from the {count} choices in the attached file"
