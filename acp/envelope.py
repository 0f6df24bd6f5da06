"""Reads the kind and the id of an oversized line from its two ends.

A message has one large member (params, result or error) between small ones, so its id and its method are at the
beginning or at the end. Pure, like `jsonrpc`.
"""

import re
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from pydantic_core import from_json

BEGINNING = 4096
"""Bytes read of a line's beginning; an id and a method have some dozens."""

END = 1024
"""Bytes searched of a line's end; the search costs up to the square of this."""

_SMALL = rb'"([^"\\]{1,20})"\s*:\s*("(?:[^"\\]|\\.)*"|-?\d{1,20}|null)\s*'
_FIRST = re.compile(rb"(?:\xef\xbb\xbf)?\s*\{\s*")
_MEMBER = re.compile(_SMALL + rb",\s*", re.DOTALL)
_LARGE = re.compile(rb'"(params|result|error)"\s*:')
# The last brace closes the message, so the members right before it are its own.
_LAST = re.compile(rb"((?:,\s*" + _SMALL + rb")+)\}\s*$", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Envelope:
    """A message without its content. `method` is None for an answer; `has_id` tells a null id from a missing one."""

    method: str | None
    request_id: int | str | None
    has_id: bool


def envelope(beginning: bytes | bytearray, end: bytes | bytearray) -> Envelope | None:
    """Read the two ends of a line. Returns None where they do not identify it."""
    members: dict[str, Any] = {}
    first = _FIRST.match(beginning)
    if first is None:
        return None
    at = first.end()
    while (member := _MEMBER.match(beginning, at)) is not None:
        _keep(members, member[1], member[2])
        at = member.end()
    if (last := _LAST.search(end)) is not None:
        for member in re.finditer(_SMALL, last[1], re.DOTALL):
            _keep(members, member[1], member[2])
    large = _LARGE.match(beginning, at)
    method = members.get("method")
    answers = large is not None and large[1] != b"params"
    if isinstance(method, str) if not answers else "id" in members and "method" not in members:
        return Envelope(method, members.get("id"), "id" in members)
    return None


def _keep(members: dict[str, Any], name: bytes, value: bytes) -> None:
    with suppress(ValueError):  # Not UTF-8, or half a surrogate pair.
        members.setdefault(name.decode(), from_json(value))
