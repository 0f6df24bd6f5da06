r"""A fast path for text chunks, which are nearly all that an agent sends.

One agent writes all its chunks in one shape: the same bytes before the text and the same bytes behind it. The fast
path keeps these two ends of a line that was parsed in full. A later line with both ends differs from a valid text
chunk in one JSON value only. If that value is a string, it is the text; any other line is parsed in full. The result
is exact: parsing in full would give the same.

Pure, like `jsonrpc`.
"""

import re
from collections.abc import Sequence
from typing import Any, Literal

from pydantic_core import from_json

from acp.line_splitter import Line, LongLine

Kind = Literal["agent_message_chunk", "agent_thought_chunk"]

TEXT_KINDS: tuple[Kind, ...] = ("agent_message_chunk", "agent_thought_chunk")
"""The updates that the fast path reads."""

TRIES = 16
"""Patterns in a row that match no line before learning stops: an agent may write another id into each chunk, and then
patterns gain nothing."""

LONGEST_LEARNT = 64 * 1024
"""Longest line, in bytes, from which a pattern is learnt: an agent that writes longer lines writes few."""

# A quote inside a JSON string has a backslash before it, so this is found at keys only.
_TEXT_VALUE = re.compile(rb'"text"\s*:\s*("[^"\\]*(?:\\.[^"\\]*)*")', re.DOTALL)

_PROBE = b'"\\u0000 a text that no agent writes"'


class ChunkFastPath:
    """The pattern of a connection's text chunks: the two ends of the last one, its session and its kind."""

    def __init__(self) -> None:
        """Start without a pattern."""
        self._before = b""
        self._behind = b""
        self._tries = 0
        self.session_id = ""
        self.kind: Kind = "agent_message_chunk"

    def texts(self, lines: Sequence[Line], start: int = 0) -> list[str]:
        """Return the texts of the lines from `start` on, up to the first line that the pattern does not match."""
        before, behind, found = self._before, self._behind, list[str]()
        if not before:
            return found
        head, tail = len(before), len(behind)
        for index in range(start, len(lines)):
            line = lines[index]
            if isinstance(line, LongLine) or not line.startswith(before) or not line.endswith(behind):
                break
            value = line[head : len(line) - tail]
            if not value.startswith(b'"'):
                break
            try:
                found.append(from_json(value))
            except ValueError:
                break
        if found:
            self._tries = 0
        return found

    def learn(self, line: Line, params: Any) -> None:
        """Keep the two ends of a session/update that was parsed to `params`, if it is a text chunk."""
        if self._tries >= TRIES or isinstance(line, LongLine) or len(line) > LONGEST_LEARNT:
            return
        match params:
            case {
                "sessionId": str(session_id),
                "update": {"sessionUpdate": str(kind), "content": {"type": "text", "text": str()}},
            } if kind in TEXT_KINDS:
                self._cut(line, session_id, kind)

    def _cut(self, line: bytes | bytearray, session_id: str, kind: Kind) -> None:
        self._tries += 1
        found = _TEXT_VALUE.search(line)
        if found is None:
            return
        before, behind = bytes(line[: found.start(1)]), bytes(line[found.end(1) :])
        if _is_the_text(before, behind):
            self._before, self._behind = before, behind
            self.session_id, self.kind = session_id, kind


def _is_the_text(before: bytes, behind: bytes) -> bool:
    """Whether the value between the two ends is the update's text, and not another `text` of the message."""
    try:
        message: Any = from_json(before + _PROBE + behind)
    except ValueError:
        return False  # The line was not UTF-8.
    return bool(message["params"]["update"]["content"]["text"] == from_json(_PROBE))
