"""Writing a configuration: values as TOML has them."""

from collections.abc import Iterable

__all__ = ["listed", "quoted"]


def quoted(value: object) -> str:
    """Return a text as a TOML string, whatever is in it."""
    plain = str(value).replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(letter if letter.isprintable() else f"\\U{ord(letter):08x}" for letter in plain) + '"'


def listed(values: Iterable[object]) -> str:
    """Return texts as a TOML array of strings."""
    return f"[{', '.join(map(quoted, values))}]"
