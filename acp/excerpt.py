"""Builds the beginning of an agent's value without serializing the rest."""

import reprlib

_PARTS = 100
"""Most members or items of each object or list. reprlib leaves out levels deeper than six."""


def excerpt(value: object, length: int) -> str:
    """Return the first `length` characters of a text, or of another value's repr, at a cost bounded by `length`."""
    if isinstance(value, str):
        return value[:length]
    writer = reprlib.Repr()
    writer.maxdict = writer.maxlist = _PARTS
    writer.maxstring = writer.maxlong = length
    return writer.repr(value)[:length]
