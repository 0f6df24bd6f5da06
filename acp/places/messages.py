"""Takes the runner's messages out of the byte stream of a place. Pure; `runner` says how they look."""

import json
from collections.abc import Mapping
from typing import Any

MAX_MESSAGE = 32 * 1024
"""Longest message that is read, in bytes. The longest names a path."""

_SEPARATOR = b"\x1e"


class BrokenMessage(Exception):
    """The far side began a message that is too long or no JSON object."""


class MessageFinder:
    """Splits a byte stream into the runner's messages and all other bytes. The sizes of the reads do not matter.

    A message may begin anywhere. Only bytes that may be the beginning of one are held back: RS, which JSON never has,
    comes first, so an agent's line is passed on as soon as it is read.
    """

    def __init__(self, nonce: str) -> None:
        """`nonce` is the one of the header."""
        self._mark = _SEPARATOR + nonce.encode() + b" "
        self._held = b""

    def feed(self, data: bytes) -> list[bytes | Mapping[str, Any]]:
        """Return what `data` completes, in order. Raises `BrokenMessage`."""
        if not self._held and _SEPARATOR not in data:
            return [data]
        data = self._held + data
        found: list[bytes | Mapping[str, Any]] = []
        begin = 0
        while (start := data.find(self._mark, begin)) >= 0 and (end := data.find(b"\n", start)) >= 0:
            found += [data[begin:start], _content(data[start + len(self._mark) : end])]
            begin = end + 1
        if start < 0:
            start = self._possible_start(data, begin)
        found.append(data[begin:start])
        self._held = data[start:]
        if len(self._held) > MAX_MESSAGE:
            raise BrokenMessage
        return [each for each in found if each != b""]

    def release(self) -> bytes:
        """Return the bytes that are held back, when no more messages are expected."""
        held, self._held = self._held, b""
        return held

    def _possible_start(self, data: bytes, begin: int) -> int:
        """Return where an unfinished mark begins at the end of `data`; its length if there is none."""
        last = data.rfind(_SEPARATOR, max(begin, len(data) - len(self._mark) + 1))
        return last if last >= 0 and self._mark.startswith(data[last:]) else len(data)


def _content(text: bytes) -> Mapping[str, Any]:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        content = None
    if len(text) > MAX_MESSAGE or not isinstance(content, dict):
        raise BrokenMessage
    return content
