"""Builds the beginning of an agent's value without serializing the rest."""

import reprlib

__all__ = ["excerpt"]

_PARTS = 100
"""Members and items written of each object or list; of what stands deeper than six in each other, none."""


def excerpt(value: object, length: int) -> str:
    """Return a text, or how anything else is written, up to `length` characters. The cost is bounded by `length`."""
    if isinstance(value, str):
        return value[:length]
    writer = reprlib.Repr()
    writer.maxdict = writer.maxlist = _PARTS
    writer.maxstring = writer.maxlong = length
    return writer.repr(value)[:length]
